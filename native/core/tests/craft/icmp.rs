//! What has no way is answered, within the limits of the RFCs, and nothing else is.

use std::net::IpAddr;

use proptest::prelude::*;
use wiresnake_core::icmp::{too_big, unreachable};

use crate::packets::{First, Flow, SYN, internet_checksum, is_zero, mangled};

fn tcp4() -> Vec<u8> {
    Flow::tcp4().packet(&[0; 100], First::flags(SYN))
}

fn tcp6() -> Vec<u8> {
    Flow::tcp6().packet(&[0; 100], First::flags(SYN))
}

/// Returns the packet with other bytes somewhere.
fn with(mut packet: Vec<u8>, at: usize, bytes: &[u8]) -> Vec<u8> {
    packet[at..at + bytes.len()].copy_from_slice(bytes);
    packet
}

/// Returns the packet without what follows its first `size` bytes.
fn short(mut packet: Vec<u8>, size: usize) -> Vec<u8> {
    packet.truncate(size);
    packet
}

/// Returns type, code, what stands behind the checksum, and quote of a well-formed answer.
fn checked(answer: &[u8]) -> (u8, u8, u32, &[u8]) {
    let word = |at: usize| usize::from(u16::from_be_bytes([answer[at], answer[at + 1]]));
    let (message, pseudo) = if answer[0] >> 4 == 4 {
        assert_eq!((answer[0], answer[9]), (0x45, 1));
        assert!(word(2) == answer.len() && answer.len() <= 576);
        assert_eq!(internet_checksum(&answer[..20]), 0);
        (&answer[20..], vec![])
    } else {
        assert_eq!(answer[6], 58);
        assert!(word(4) + 40 == answer.len() && answer.len() <= 1280);
        let length = answer.len() as u32 - 40;
        (&answer[40..], [&answer[8..40], &length.to_be_bytes(), &[0, 0, 0, 58]].concat())
    };
    assert!(is_zero(internet_checksum(&[&pseudo, message].concat())));
    let rest = u32::from_be_bytes([message[4], message[5], message[6], message[7]]);
    (message[0], message[1], rest, &message[8..])
}

#[test]
fn a_destination_that_is_not_there() {
    let (four, six) = (unreachable(&tcp4()).unwrap(), unreachable(&tcp6()).unwrap());
    assert_eq!(checked(&four), (3, 1, 0, &tcp4()[..]));
    assert_eq!(four[12..16], tcp4()[16..20], "from where the packet was going");
    assert_eq!(four[16..20], tcp4()[12..16]);
    assert_eq!(checked(&six), (1, 3, 0, &tcp6()[..]));
    assert_eq!(six[8..24], tcp6()[24..40]);
    assert_eq!(six[24..40], tcp6()[8..24]);
}

#[test]
fn a_packet_that_is_too_big() {
    assert_eq!(checked(&too_big(&tcp4(), 1420).unwrap()), (3, 4, 1420, &tcp4()[..]));
    assert_eq!(checked(&too_big(&tcp6(), 65472).unwrap()), (2, 0, 65472, &tcp6()[..]));
}

#[test]
fn the_answers_precedence_is_internetwork_control() {
    let packet = Flow { tos: 0x1F, ..Flow::tcp4() }.packet(b"", First::default());
    assert_eq!(unreachable(&packet).unwrap()[1], 0xDE);
}

#[test]
fn as_much_is_quoted_as_fits() {
    let payload: Vec<u8> = (0..250).cycle().take(2000).collect();
    for (flow, limit) in [(Flow::tcp4(), 548), (Flow::tcp6(), 1232)] {
        let packet = flow.packet(&payload, First::default());
        assert_eq!(checked(&unreachable(&packet).unwrap()).3, &packet[..limit]);
    }
}

#[test]
fn bytes_behind_an_ipv4_packet_are_not_quoted() {
    let padded = [&tcp4()[..], b"padding"].concat();
    assert_eq!(checked(&unreachable(&padded).unwrap()).3, tcp4());
}

fn icmp(kind: u8) -> Vec<u8> {
    with(with(tcp4(), 9, &[1]), 20, &[kind, 0])
}

#[test]
fn icmp_errors_and_unknown_types_are_not_answered() {
    for kind in 0..=255 {
        let is_answered = [0, 8, 9, 10, 13, 14, 15, 16, 17, 18].contains(&kind);
        assert_eq!(unreachable(&icmp(kind)).is_some(), is_answered, "type {kind}");
    }
    assert_eq!(unreachable(&short(icmp(8), 20)), None);
}

fn with_extension(following: u8, extension: &[u8]) -> Vec<u8> {
    let packet = with(tcp6(), 6, &[following]);
    [&packet[..40], extension, &packet[40..]].concat()
}

#[test]
fn icmpv6_errors_and_redirects_are_not_answered() {
    for kind in 0..=255 {
        let is_answered = kind >= 128 && kind != 137;
        let bare = with(with(tcp6(), 6, &[58]), 40, &[kind]);
        let behind_options = with(with_extension(60, &[58, 0, 0, 0, 0, 0, 0, 0]), 48, &[kind]);
        for packet in [bare, behind_options] {
            assert_eq!(unreachable(&packet).is_some(), is_answered, "type {kind}");
        }
    }
    assert_eq!(unreachable(&short(with(tcp6(), 6, &[58]), 40)), None);
}

#[test]
fn fragments_headers_and_what_is_malformed() {
    let authentication = [&[6, 4][..], &[0; 22]].concat();
    let routing = [&[58, 1][..], &[0; 14], &[1]].concat();
    let later = [44, 0, 0, 0, 0, 0, 0, 0, 6, 0, 1, 0, 0, 0, 0, 0];
    let endless = [&with_extension(0, &[0; 8])[..48], &[0; 72]].concat();
    let cases = [
        ("first fragment", with(tcp4(), 6, &[0x20, 0]), true),
        ("later fragment", with(tcp4(), 6, &[0x20, 1]), false),
        ("last fragment", with(tcp4(), 6, &[0, 1]), false),
        ("first, IPv6", with_extension(44, &[6, 0, 0, 1, 0, 0, 0, 9]), true),
        ("later, IPv6", with_extension(44, &[6, 0, 0, 9, 0, 0, 0, 9]), false),
        ("later, IPv6, after options", with_extension(0, &later), false),
        ("authentication", with_extension(51, &authentication), true),
        ("routing, then an error", with_extension(43, &routing), false),
        ("options twice", with_extension(60, &[60, 0, 0, 0, 0, 0, 0, 0]), true),
        ("options without end", endless, false),
        ("options cut off", short(with_extension(0, &[0, 0]), 42), false),
        ("IPv4 header too short", with(tcp4(), 0, &[0x44]), false),
        ("IPv4 header cut off", short(with(tcp4(), 0, &[0x4F]), 50), false),
        ("IPv4 length too short", with(tcp4(), 2, &[0, 19]), false),
        ("no IPv4 header", short(tcp4(), 19), false),
        ("no IPv6 header", short(tcp6(), 39), false),
        ("version 5", with(tcp4(), 0, &[0x55]), false),
        ("nothing", vec![], false),
    ];
    for (what, packet, is_answered) in cases {
        assert_eq!(unreachable(&packet).is_some(), is_answered, "{what}");
    }
}

#[test]
fn who_is_not_one_host_is_neither_answered_nor_answers() {
    let strange = "0.0.0.0 0.1.2.3 127.0.0.1 224.0.0.1 239.1.1.1 240.0.0.1 255.255.255.255 \
                   :: ::1 ff02::1 ff0e::1";
    for text in strange.split_whitespace() {
        let (packet, at, address) = match text.parse().unwrap() {
            IpAddr::V4(address) => (tcp4(), 12, address.octets().to_vec()),
            IpAddr::V6(address) => (tcp6(), 8, address.octets().to_vec()),
        };
        assert_eq!(unreachable(&with(packet.clone(), at, &address)), None, "from {text}");
        let at = at + address.len();
        assert_eq!(unreachable(&with(packet, at, &address)), None, "to {text}");
    }
}

proptest! {
    #[test]
    fn no_answer_is_answered(packet in mangled(vec![tcp4(), tcp6(), icmp(8)]), mtu: u32) {
        for answer in [unreachable(&packet), too_big(&packet, mtu)].into_iter().flatten() {
            checked(&answer);
            prop_assert_eq!(unreachable(&answer), None);
        }
    }
}
