//! What an inner packet claims of itself: where it goes, where it comes from, how long it is.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const IPV4_HEADER: usize = 20;
const IPV6_HEADER: usize = 40;

/// Returns the destination of an IPv4 or IPv6 packet; `None` if it has no whole header.
pub fn destination(packet: &[u8]) -> Option<IpAddr> {
    address(packet, 16, 24)
}

/// Returns the source of an IPv4 or IPv6 packet, and the length its header claims; `None` if it has
/// no whole header or is shorter than it claims.
pub fn source_and_length(packet: &[u8]) -> Option<(IpAddr, usize)> {
    let source = address(packet, 12, 8)?;
    let word = |at: usize| usize::from(u16::from_be_bytes([packet[at], packet[at + 1]]));
    let length = if source.is_ipv4() { word(2) } else { IPV6_HEADER + word(4) };
    (IPV4_HEADER..=packet.len()).contains(&length).then_some((source, length))
}

/// Returns the address at `four` or at `six`, as the packet's version says.
fn address(packet: &[u8], four: usize, six: usize) -> Option<IpAddr> {
    match packet.first()? >> 4 {
        4 if packet.len() >= IPV4_HEADER => {
            let octets: [u8; 4] = packet[four..four + 4].try_into().ok()?;
            Some(IpAddr::V4(Ipv4Addr::from(octets)))
        }
        6 if packet.len() >= IPV6_HEADER => {
            let octets: [u8; 16] = packet[six..six + 16].try_into().ok()?;
            Some(IpAddr::V6(Ipv6Addr::from(octets)))
        }
        _ => None,
    }
}
