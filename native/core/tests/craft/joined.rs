//! Which packets go on with a train, and which do not.

use crate::packets::{ACK, CWR, ECE, FIN, First, Flow, PSH, RST, SYN, URG, is_whole, same_packets};
use crate::trains::{counts, joined, parted, parted_all};

const FIRST: First = First { sequence: 0, identification: 0, flags: ACK };
const SECOND: First = First { sequence: 100, identification: 1, flags: ACK };

/// The second packet of a flow whose first has 100 bytes, with something else about it.
type Second = (&'static str, fn(&mut Flow, &mut First, &mut Vec<u8>));

fn second(flow: &Flow, (_, change): Second) -> Vec<u8> {
    let (mut flow, mut first, mut payload) = (flow.clone(), SECOND, vec![0; 100]);
    change(&mut flow, &mut first, &mut payload);
    flow.packet(&payload, first)
}

fn assert_not_joined(flow: &Flow, change: Second) {
    let packets = [flow.packet(&[0; 100], FIRST), second(flow, change)];
    let frames = joined(&packets);
    assert_eq!(frames.len(), 2, "{}", change.0);
    assert!(same_packets(&[frames[0][10..].to_vec(), frames[1][10..].to_vec()], &packets));
    let same = second(flow, ("nothing else", |_, _, _| {}));
    assert_eq!(joined(&[packets[0].clone(), same]).len(), 1);
}

#[test]
fn tcp_segments_that_differ_are_not_joined() {
    let changes: [Second; 13] = [
        ("a gap", |_, first, _| first.sequence = 101),
        ("a retransmission", |_, first, _| first.sequence = 0),
        ("another acknowledgement", |flow, _, _| flow.acknowledged = 78),
        ("another window", |flow, _, _| flow.window = 502),
        ("other timestamps", |flow, _, _| flow.options[4] = 9),
        ("no options", |flow, _, _| flow.options.clear()),
        ("SYN", |_, first, _| first.flags |= SYN),
        ("RST", |_, first, _| first.flags |= RST),
        ("URG", |_, first, _| first.flags |= URG),
        ("ECE", |_, first, _| first.flags |= ECE),
        ("CWR", |_, first, _| first.flags |= CWR),
        ("no ACK", |_, first, _| first.flags = PSH),
        ("no payload", |_, _, payload| payload.clear()),
    ];
    for change in changes {
        assert_not_joined(&Flow::tcp4(), change);
        assert_not_joined(&Flow::tcp6(), change);
    }
}

#[test]
fn packets_that_differ_are_not_joined() {
    let changes: [Second; 4] = [
        ("another class", |flow, _, _| flow.tos = 4),
        ("congestion experienced", |flow, _, _| flow.tos = 3),
        ("another hop limit", |flow, _, _| flow.ttl = 63),
        ("longer", |_, _, payload| payload.push(0)),
    ];
    for change in changes {
        for flow in Flow::all() {
            assert_not_joined(&flow, change);
        }
    }
}

#[test]
fn ipv4_packets_that_differ_are_not_joined() {
    let changes: [Second; 5] = [
        ("identification skips", |_, first, _| first.identification = 2),
        ("identification goes back", |_, first, _| first.identification = 65535),
        ("DF gone", |flow, _, _| flow.dont_fragment = false),
        ("DF gone, fixed", |flow, first, _| {
            (flow.dont_fragment, first.identification) = (false, 0);
        }),
        ("fixed, another hop limit", |flow, first, _| (flow.ttl, first.identification) = (63, 0)),
    ];
    for change in changes {
        assert_not_joined(&Flow::tcp4(), change);
        assert_not_joined(&Flow::udp4(), change);
    }
}

#[test]
fn a_fixed_identification_is_joined_with_dont_fragment_only() {
    for flow in [Flow::tcp4(), Flow::udp4()] {
        let packets = |flow: &Flow| -> Vec<Vec<u8>> {
            let at = |n: u32| First { sequence: 100 * n, identification: 7, flags: ACK };
            (0..5).map(|n| flow.packet(&[0; 100], at(n))).collect()
        };
        let fixed = packets(&flow);
        assert_eq!(joined(&fixed).len(), 1);
        let shorter = First { sequence: 100, identification: 7, flags: ACK };
        assert_eq!(joined(&[fixed[0].clone(), flow.packet(&[0; 50], shorter)]).len(), 1);
        let counted = First { sequence: 300, identification: 10, flags: ACK };
        let mut mixed = fixed[..3].to_vec();
        mixed.push(flow.packet(&[0; 100], counted));
        assert_eq!(joined(&mixed).len(), 2);
        let may = Flow { dont_fragment: false, ..flow };
        assert_eq!(joined(&packets(&may)).len(), 5);
    }
}

#[test]
fn push_and_fin_end_a_train() {
    for flow in [Flow::tcp4(), Flow::tcp6()] {
        for flag in [PSH, FIN, PSH | FIN] {
            let packets: Vec<Vec<u8>> = (0..4_u16)
                .map(|n| {
                    let flags = if n == 1 { ACK | flag } else { ACK };
                    let sequence = 100 * u32::from(n);
                    flow.packet(&[0; 100], First { sequence, identification: n, flags })
                })
                .collect();
            let frames = joined(&packets);
            assert_eq!(counts(&frames), [2, 2]);
            assert!(same_packets(&parted_all(&frames), &packets));
        }
    }
}

#[test]
fn a_shorter_packet_ends_a_train() {
    for flow in Flow::all() {
        let at = |sequence, identification| First { sequence, identification, flags: ACK };
        let packets = [
            flow.packet(&[0; 100], at(0, 0)),
            flow.packet(&[0; 99], at(100, 1)),
            flow.packet(&[0; 99], at(199, 2)),
            flow.packet(&[0; 99], at(298, 3)),
        ];
        assert_eq!(counts(&joined(&packets)), [2, 2]);
    }
}

#[test]
fn an_acknowledgement_keeps_its_place_in_the_flow() {
    for flow in [Flow::tcp4(), Flow::tcp6()] {
        let later = First { sequence: 300, identification: 3, flags: ACK };
        let mut packets = flow.packets(&[0; 300], 100, FIRST);
        packets.push(flow.packet(b"", later));
        packets.extend(flow.packets(&[0; 300], 100, later));
        assert_eq!(counts(&joined(&packets)), [3, 1, 3]);
    }
}

#[test]
fn congestion_window_reduced_is_kept_on_the_first_segment() {
    let frames = joined(&Flow::tcp4().packets(&[0; 300], 100, First::flags(ACK | CWR)));
    assert_eq!((frames.len(), frames[0][1]), (1, 0x81));
    let flags: Vec<u8> = parted(&frames[0]).iter().map(|packet| packet[33] & CWR).collect();
    assert_eq!(flags, [CWR, 0, 0]);
}

#[test]
fn a_last_datagram_whose_length_lies_is_not_joined() {
    for flow in [Flow::udp4(), Flow::udp6()] {
        let packets = flow.packets(&[0; 180], 100, FIRST);
        let mut lying = packets[1].clone();
        let start = lying.len() - 88;
        let check = u16::from_be_bytes([lying[start + 6], lying[start + 7]]) - 1;
        lying[start + 5] += 1;
        lying[start + 6..start + 8].copy_from_slice(&check.to_be_bytes());
        assert!(is_whole(&lying), "its checksum is right");
        let frames = joined(&[packets[0].clone(), lying.clone()]);
        assert_eq!(frames.len(), 2);
        assert_eq!(frames[1][10..], lying);
        assert_eq!(joined(&packets).len(), 1);
    }
}
