//! The answers to a packet that no peer takes, destination host unreachable (paper 2), and to one
//! that no datagram can carry, packet too big.
//!
//! ICMP type 3 code 1 and code 4 (RFC 792, RFC 1812 4.3.2, RFC 1191); `ICMPv6` type 1 code 3 and
//! type 2 (RFC 4443 3.1, 3.2).
//!
//! The answer's source is the destination of the packet it answers. The kernel takes an address of
//! the interface, but a packet that comes in from a TUN with one of the host's own addresses as its
//! source is martian and dropped; the packet's destination is the one address that the host is
//! known to route to this interface, so it passes reverse path filters too.

use crate::checksum::{complement, sum};
use crate::headers::{IPV4_HEADER, IPV6_HEADER, set_long, set_word, version, word};

const TTL: u8 = 64;
const ICMP: u8 = 1;
const ICMPV6: u8 = 58;
const ICMP_HEADER: usize = 8;

/// RFC 1812 4.3.2.3: as much of the packet as fits in 576 bytes.
const MAX_ANSWER: usize = 576;
/// RFC 4443 3.1: as much as fits in the smallest MTU of IPv6.
const MAX_ANSWER_V6: usize = 1280;
/// Precedence 6 (RFC 1812 4.3.2.5); the bits of the packet's own type of service are kept.
const INTERNETWORK_CONTROL: u8 = 0xC0;
const TOS_KEPT: u8 = 0x1E;

const DONT_FRAGMENT: u8 = 0x40;
const FRAGMENT_OFFSET: u16 = 0x1FFF;

const FIRST_INFORMATIONAL_V6: u8 = 128;
const REDIRECT_V6: u8 = 137;

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION: u8 = 60;
const MAX_EXTENSIONS: usize = 8;

/// What an answer says, in each family's numbers.
struct Error {
    /// Type and code in ICMP.
    four: [u8; 2],
    /// Type and code in `ICMPv6`.
    six: [u8; 2],
    /// What stands behind the checksum.
    rest: u32,
}

/// Returns the IP packet that tells the sender of `packet` that its destination is unreachable.
///
/// `None` where no answer may be given: to what is not a whole IP header, to an ICMP error or what
/// may be one, to a fragment but the first, to multicast and broadcast, and to a source that is not
/// one host (RFC 1122 3.2.2, RFC 4443 2.4 e).
pub fn unreachable(packet: &[u8]) -> Option<Vec<u8>> {
    answer(packet, &Error { four: [3, 1], six: [1, 3], rest: 0 })
}

/// Returns the IP packet that tells the sender of `packet` that `mtu` bytes are the most.
///
/// `None` where no answer may be given (see [`unreachable`]).
pub fn too_big(packet: &[u8], mtu: u32) -> Option<Vec<u8>> {
    answer(packet, &Error { four: [3, 4], six: [2, 0], rest: mtu })
}

fn answer(packet: &[u8], error: &Error) -> Option<Vec<u8>> {
    match version(packet) {
        4 if packet.len() >= IPV4_HEADER => answer_v4(packet, error),
        6 if packet.len() >= IPV6_HEADER => answer_v6(packet, error),
        _ => None,
    }
}

fn answer_v4(packet: &[u8], error: &Error) -> Option<Vec<u8>> {
    let header = 4 * usize::from(packet[0] & 15);
    let length = usize::from(word(packet, 2)).min(packet.len());
    if header < IPV4_HEADER || length < header || word(packet, 6) & FRAGMENT_OFFSET != 0 {
        return None;
    }
    let (source, destination) = (&packet[12..16], &packet[16..20]);
    if !is_host(source) || !is_host(destination) {
        return None;
    }
    if packet[9] == ICMP && (length == header || !is_informational(packet[header])) {
        return None;
    }
    let quote = &packet[..length.min(MAX_ANSWER - IPV4_HEADER - ICMP_HEADER)];
    let size = IPV4_HEADER + ICMP_HEADER + quote.len();
    let mut made = vec![0; IPV4_HEADER];
    made[0] = 0x45;
    made[1] = packet[1] & TOS_KEPT | INTERNETWORK_CONTROL;
    set_word(&mut made, 2, size as u16);
    made[6] = DONT_FRAGMENT;
    made[8] = TTL;
    made[9] = ICMP;
    made[12..16].copy_from_slice(destination);
    made[16..20].copy_from_slice(source);
    let check = complement(sum(&made));
    set_word(&mut made, 10, check);
    push_message(&mut made, error.four, error.rest, quote, 0);
    Some(made)
}

fn answer_v6(packet: &[u8], error: &Error) -> Option<Vec<u8>> {
    let (source, destination) = (&packet[8..24], &packet[24..40]);
    if !is_host_v6(source) || !is_host_v6(destination) || !may_be_answered(packet) {
        return None;
    }
    let quote = &packet[..packet.len().min(MAX_ANSWER_V6 - IPV6_HEADER - ICMP_HEADER)];
    let size = ICMP_HEADER + quote.len();
    let mut made = vec![0; IPV6_HEADER];
    made[0] = 6 << 4;
    set_word(&mut made, 4, size as u16);
    made[6] = ICMPV6;
    made[7] = TTL;
    made[8..24].copy_from_slice(destination);
    made[24..40].copy_from_slice(source);
    let pseudo = sum(&made[8..40]) + size as u64 + u64::from(ICMPV6);
    push_message(&mut made, error.six, error.rest, quote, pseudo);
    Some(made)
}

/// Appends an ICMP message; `pseudo` is the sum of what its checksum covers besides.
fn push_message(made: &mut Vec<u8>, kind: [u8; 2], rest: u32, quote: &[u8], pseudo: u64) {
    let mut head = [kind[0], kind[1], 0, 0, 0, 0, 0, 0];
    set_long(&mut head, 4, rest);
    let check = complement(pseudo + sum(&head) + sum(quote));
    set_word(&mut head, 2, check);
    made.extend_from_slice(&head);
    made.extend_from_slice(quote);
}

/// Whether an ICMP type is no error (RFC 1122 3.2.2); a type that nobody knows may be one.
fn is_informational(kind: u8) -> bool {
    matches!(kind, 0 | 8..=10 | 13..=18)
}

/// Whether an IPv4 address may be one host: not this network, loopback, multicast or above.
fn is_host(address: &[u8]) -> bool {
    0 < address[0] && address[0] < 224 && address[0] != 127
}

/// Whether an IPv6 address may be one host: not multicast, unspecified or loopback.
fn is_host_v6(address: &[u8]) -> bool {
    address[0] != 0xFF && (address[..15].iter().any(|&byte| byte != 0) || address[15] > 1)
}

/// Walks the extension headers: no later fragment, no `ICMPv6` error, and none that hides one.
fn may_be_answered(packet: &[u8]) -> bool {
    let mut following = packet[6];
    let mut at = IPV6_HEADER;
    for _ in 0..MAX_EXTENSIONS {
        if following == ICMPV6 {
            return packet
                .get(at)
                .is_some_and(|&kind| kind >= FIRST_INFORMATIONAL_V6 && kind != REDIRECT_V6);
        }
        if !matches!(following, HOP_BY_HOP | ROUTING | FRAGMENT | AUTHENTICATION | DESTINATION) {
            return true;
        }
        let Some(extension) = packet.get(at..at + 8) else { return false };
        at += match following {
            FRAGMENT if word(extension, 2) >> 3 != 0 => return false,
            FRAGMENT => 8,
            AUTHENTICATION => 4 * (usize::from(extension[1]) + 2),
            _ => 8 * (usize::from(extension[1]) + 1),
        };
        following = extension[0];
    }
    false
}
