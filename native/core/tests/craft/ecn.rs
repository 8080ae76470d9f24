//! Congestion marks cross the tunnel as RFC 3168 says.

use proptest::collection::vec;
use proptest::prelude::*;
use wiresnake_core::ecn::{CE, ECT_0, ECT_1, NOT_ECT, decapsulate, encapsulate, outer_tos};

use crate::packets::{First, Flow, is_whole};

const CLASSES: [u8; 3] = [0x00, 0x88, 0xFC];

fn packet(flow: &Flow, tos: u8) -> Vec<u8> {
    Flow { tos, ..flow.clone() }.packet(b"data", First::default())
}

#[test]
fn going_out_only_what_a_network_may_mark_is_shown() {
    for (inner, outer) in [(NOT_ECT, NOT_ECT), (ECT_0, ECT_0), (ECT_1, ECT_1), (CE, ECT_0)] {
        for (flow, dscp) in Flow::all().iter().zip(CLASSES.iter().cycle()) {
            assert_eq!(outer_tos(&packet(flow, dscp | inner)), outer);
            assert_eq!(encapsulate(dscp | inner), outer);
        }
    }
}

#[test]
fn an_empty_packet_shows_nothing() {
    assert_eq!(outer_tos(b""), NOT_ECT);
    assert_eq!(outer_tos(b"\x45"), NOT_ECT);
}

#[test]
fn coming_in_marks_reach_packets_that_can_bear_them() {
    for flow in [Flow::tcp4(), Flow::tcp6()] {
        for (number, dscp) in (0..16).flat_map(|number| CLASSES.map(|dscp| (number, dscp))) {
            let (outer, inner) = (number & 3, number >> 2);
            let expected = match (outer, inner) {
                (CE, ECT_0 | ECT_1) => CE,
                (ECT_1, ECT_0) => ECT_1,
                _ => inner,
            };
            let mut marked = packet(&flow, dscp | inner);
            decapsulate(&mut marked, 0x88 | outer);
            assert_eq!(marked, packet(&flow, dscp | expected));
            assert!(is_whole(&marked));
        }
    }
}

#[test]
fn every_ipv4_checksum_is_mended() {
    let flow = Flow { tos: ECT_0, ..Flow::tcp4() };
    for identification in (0..=u16::MAX).step_by(97) {
        let mut packet = flow.packet(b"", First { identification, ..First::default() });
        decapsulate(&mut packet, CE);
        assert!(is_whole(&packet));
        assert_eq!(packet[1], CE);
    }
}

#[test]
fn a_wrong_ipv4_checksum_stays_wrong() {
    let mut packet = packet(&Flow::tcp4(), ECT_0);
    packet[10] ^= 0x40;
    decapsulate(&mut packet, CE);
    assert!(!is_whole(&packet));
}

proptest! {
    #[test]
    fn no_bytes_are_too_strange(bytes in vec(any::<u8>(), 0..60), outer in any::<u8>()) {
        let mut marked = bytes.clone();
        decapsulate(&mut marked, outer);
        prop_assert!(outer_tos(&bytes) <= ECT_0);
        prop_assert_eq!(&marked[2.min(marked.len())..10.min(marked.len())],
                        &bytes[2.min(bytes.len())..10.min(bytes.len())]);
    }
}
