//! Explicit congestion notification across the tunnel (RFC 3168, 9.1.1).

use crate::checksum::amend;
use crate::headers::{IPV4_HEADER, set_word, version, word};

/// Not ECN-capable.
pub const NOT_ECT: u8 = 0;
/// ECN-capable, ECT(1).
pub const ECT_1: u8 = 1;
/// ECN-capable, ECT(0).
pub const ECT_0: u8 = 2;
/// Congestion experienced.
pub const CE: u8 = 3;
/// The bits of a traffic class that are ECN's.
pub const ECN_MASK: u8 = 3;

/// Returns the outer traffic class (0 to 2) for a packet whose own is `tos`.
///
/// Not-ECT, ECT(0) and ECT(1) are copied; a mark made before the tunnel stays inside, so that the
/// far end sees only what happens on the way.
pub fn encapsulate(tos: u8) -> u8 {
    match tos & ECN_MASK {
        CE => ECT_0,
        ecn => ecn,
    }
}

/// Returns the outer traffic class for an IPv4 or IPv6 packet; 0 for one without a header.
pub fn outer_tos(packet: &[u8]) -> u8 {
    match packet {
        [first, second, ..] if first >> 4 == 4 => encapsulate(*second),
        [_, second, ..] => encapsulate(second >> 4),
        _ => NOT_ECT,
    }
}

/// Brings the ECN bits of `outer`, a received traffic class, into the inner packet.
///
/// CE makes an ECT packet CE, ECT(1) makes an ECT(0) packet ECT(1); a Not-ECT packet is left as it
/// is, and so is what is not a whole IP header. The IPv4 checksum is mended. Callers may skip the
/// call when the lower two bits of `outer` are Not-ECT or ECT(0).
pub fn decapsulate(packet: &mut [u8], outer: u8) {
    let four = version(packet) == 4;
    if packet.len() < IPV4_HEADER {
        return;
    }
    let shift = if four { 0 } else { 4 };
    let mark = outer & ECN_MASK;
    match (mark, packet[1] >> shift & ECN_MASK) {
        (CE, ECT_0 | ECT_1) | (ECT_1, ECT_0) => {}
        _ => return,
    }
    let before = word(packet, 0);
    packet[1] = packet[1] & !(ECN_MASK << shift) | mark << shift;
    if four {
        let check = amend(word(packet, 10), before, word(packet, 0));
        set_word(packet, 10, check);
    }
}
