//! Where packets go, and when: endpoints, prefixes, ways and instants.

use std::net::{IpAddr, SocketAddr};

/// Seconds of `CLOCK_BOOTTIME`, which also runs while the machine sleeps.
pub type Instant = f64;

/// Later than every instant.
pub const NEVER: Instant = f64::INFINITY;

/// The outer address of a peer; a link-local IPv6 one has its interface as scope.
pub type Endpoint = SocketAddr;

/// An endpoint and the local address that talks to it.
///
/// `local` is `None` where the host chooses; `interface` is the index of the interface by which a
/// datagram came, or 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    /// Where the peer is.
    pub endpoint: Endpoint,
    /// The address of ours it speaks to.
    pub local: Option<IpAddr>,
    /// The interface it was heard by.
    pub interface: u32,
}

impl Way {
    /// Returns the way to an endpoint of which nothing else is known.
    pub fn to(endpoint: Endpoint) -> Self {
        Self { endpoint, local: None, interface: 0 }
    }
}

/// An inner prefix: `address` has no bit set beyond the first `length`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Prefix {
    /// The network's address.
    pub address: IpAddr,
    /// How many bits of it count, at most 32 or 128.
    pub length: u8,
}
