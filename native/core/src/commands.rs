//! Commands: what control asks of the plane, in ordered batches (`wiresnake.door.commands`).

use crate::addresses::{Endpoint, Instant, Prefix, Way};
use crate::constants::KEY_SIZE;
use crate::peers::PeerNumber;
use crate::transport::Key;

/// A path as control hands it back: the way of a datagram and the instant of its arrival.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Path {
    /// The way it came.
    pub way: Way,
    /// When it came.
    pub at: Instant,
}

/// A finished handshake: two keys, and limits as instants. It cannot be printed, for its keys.
pub struct NewSession {
    /// The index this end chose.
    pub local_index: u32,
    /// The index the other end chose.
    pub remote_index: u32,
    /// The key we send under.
    pub send_key: Key,
    /// The key we receive under.
    pub receive_key: Key,
    /// Whether this end began the handshake.
    pub initiator: bool,
    /// See `sessions::Session`.
    pub renew_on_send_at: Instant,
    /// See `sessions::Session`.
    pub renew_on_receive_at: Instant,
    /// See `sessions::Session`.
    pub dies_at: Instant,
    /// The first counter to send, other than 0 only in tests.
    pub first_counter: u64,
}

/// One command about one peer; each means what its namesake in `wiresnake.door.commands` does.
#[allow(missing_docs, reason = "the door is documented once, in Python")]
pub enum PeerCommand {
    Add,
    Forget,
    Route(Vec<Prefix>),
    Unroute(Vec<Prefix>),
    SetEndpoint(Endpoint),
    Follow { path: Path, size: u64 },
    ClearSource,
    Install(Box<NewSession>),
    StopSending,
    DropSessions,
    EraseSessions,
    Send { datagram: Vec<u8>, path: Option<Path> },
    Keepalive { rearm: bool },
    Flush,
    Abandon,
    Rest { seen: u64 },
}

impl PeerCommand {
    /// Returns the name by which control knows the command.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Add => "Add",
            Self::Forget => "Forget",
            Self::Route(_) => "Route",
            Self::Unroute(_) => "Unroute",
            Self::SetEndpoint(_) => "SetEndpoint",
            Self::Follow { .. } => "Follow",
            Self::ClearSource => "ClearSource",
            Self::Install(_) => "Install",
            Self::StopSending => "StopSending",
            Self::DropSessions => "DropSessions",
            Self::EraseSessions => "EraseSessions",
            Self::Send { .. } => "Send",
            Self::Keepalive { .. } => "Keepalive",
            Self::Flush => "Flush",
            Self::Abandon => "Abandon",
            Self::Rest { .. } => "Rest",
        }
    }
}

/// One command.
pub enum Command {
    /// Send and receive on these descriptors, which are the shell's to deal with; none is down.
    Sockets {
        /// The IPv4 socket.
        v4: Option<i32>,
        /// The IPv6 socket.
        v6: Option<i32>,
    },
    /// Check mac1 and seal cookie replies under this public key.
    Identity(Option<[u8; KEY_SIZE]>),
    /// The inner interface carries packets of up to so many bytes.
    Mtu(u16),
    /// Admit a response, and one cookie reply, for this index.
    Expect(u32),
    /// Admit nothing for this index.
    Unexpect(u32),
    /// Something about one peer.
    Peer(PeerNumber, PeerCommand),
}
