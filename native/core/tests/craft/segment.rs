//! Trains are cut as the sender's own stack would have cut them, and lies are refused.

use proptest::prelude::*;
use wiresnake_core::segment::Train;
use wiresnake_core::virtio::{self, Header};

use crate::packets::{
    ACK, CWR, ECE, FIN, First, Flow, PSH, firsts, flows, internet_checksum, is_whole, mangled,
    payloads, same_packets,
};
use crate::trains::cut;

proptest! {
    #[test]
    fn a_train_becomes_the_packets_it_stands_for(
        flow in flows(), extended: bool, payload in payloads(6000), mss in 1_usize..1500,
        first in firsts(),
    ) {
        let flow = Flow { extended, ..flow };
        let mss = mss.max(payload.len().div_ceil(400));
        let expected = flow.packets(&payload, mss, first);
        let mut frame = flow.train(&payload, mss, first);
        let train = Train::read(&mut frame).unwrap();
        let lengths: Vec<usize> = (0..train.count()).map(|index| train.length(index)).collect();
        prop_assert_eq!(lengths, expected.iter().map(Vec::len).collect::<Vec<_>>());
        prop_assert!(same_packets(&cut(&frame).unwrap(), &expected));
    }

    #[test]
    fn no_frame_panics(frame in mangled(sound_frames())) {
        if let Some(segments) = cut(&frame) {
            prop_assert!(!segments.is_empty());
        }
    }

    #[test]
    fn segments_may_be_written_in_any_order(index in 0_usize..10) {
        let first = First { sequence: u32::MAX - 300, identification: 65533, flags: ACK | PSH };
        let mut frame = Flow::tcp4().train(&[1; 1000], 100, first);
        let train = Train::read(&mut frame).unwrap();
        let mut segment = vec![0xEE; train.length(index)];
        train.write(&frame[virtio::SIZE..], index, &mut segment);
        prop_assert_eq!(&segment, &Flow::tcp4().packets(&[1; 1000], 100, first)[index]);
    }
}

#[test]
fn an_ipv4_checksum_may_wrap_around_within_a_train() {
    let flow = Flow::tcp4();
    for check in [0_u16, 1, 2, 3, 9, 10, 0xFFFE] {
        let has_it = |number: &u16| flow.ip_header(132, *number)[10..12] == check.to_be_bytes();
        let identification = (0..=u16::MAX).find(has_it).unwrap();
        let first = First { identification, ..First::flags(ACK) };
        let frame = flow.train(&[0; 1000], 100, first);
        assert!(same_packets(&cut(&frame).unwrap(), &flow.packets(&[0; 1000], 100, first)));
    }
}

#[test]
fn flags_stay_on_the_segments_they_belong_to() {
    let frame = Flow::tcp6().train(&[0; 300], 100, First::flags(ACK | CWR | ECE | PSH | FIN));
    let flags: Vec<u8> = cut(&frame).unwrap().iter().map(|segment| segment[53]).collect();
    assert_eq!(flags, [ACK | CWR | ECE, ACK | ECE, ACK | ECE | PSH | FIN]);
}

#[test]
fn a_packet_by_itself_has_its_checksum_completed() {
    for flow in Flow::all() {
        for kind in [virtio::GSO_NONE, virtio::GSO_ECN] {
            let mut frame = flow.train(b"odd number of bytes", 1000, First::flags(ACK));
            frame[1] = kind;
            let packets = cut(&frame).unwrap();
            assert!(is_whole(&packets[0]));
            assert_eq!(packets, [flow.packet(b"odd number of bytes", First::flags(ACK))]);
        }
    }
}

#[test]
fn a_udp_checksum_of_zero_is_sent_as_ones() {
    let flow = Flow::udp4();
    let bare = flow.transport(&[0; 2], First::default(), 0);
    let rest = internet_checksum(&[flow.pseudo_header(bare.len()), bare].concat());
    for kind in [virtio::GSO_NONE, virtio::GSO_UDP_L4] {
        let mut frame = flow.train(&rest.to_be_bytes(), 1000, First::default());
        frame[1] = kind;
        assert_eq!(cut(&frame).unwrap()[0][26..28], [0xFF, 0xFF]);
    }
}

#[test]
fn a_whole_packet_is_passed_on_as_it_is() {
    for packet in [&b""[..], b"x", &[7; 100]] {
        let frame = [&virtio::NO_OFFLOAD, packet].concat();
        assert_eq!(cut(&frame).unwrap(), [packet]);
        let train = Train::whole(packet);
        let mut copy = vec![0xEE; train.length(0)];
        train.write(packet, 0, &mut copy);
        assert_eq!((train.count(), &copy[..]), (1, packet));
    }
}

fn payload() -> Vec<u8> {
    (0..250).cycle().take(1000).collect()
}

fn train_of(flow: &Flow) -> Vec<u8> {
    flow.train(&payload(), 100, First::flags(ACK))
}

fn sound_frames() -> Vec<Vec<u8>> {
    let mut frames: Vec<Vec<u8>> = Flow::all().iter().map(train_of).collect();
    frames.extend(Flow::all().iter().map(|flow| flow.train(&[1; 200], 70, First::flags(ACK))));
    frames
}

/// Returns the frame with another virtio header.
fn altered(frame: &[u8], alter: impl FnOnce(&mut Header)) -> Vec<u8> {
    let mut header = Header::read(frame).unwrap();
    alter(&mut header);
    [&header.to_bytes(), &frame[virtio::SIZE..]].concat()
}

/// Returns the frame with another byte at a place in its packet.
fn with_byte(frame: &[u8], at: usize, value: u8) -> Vec<u8> {
    let mut frame = frame.to_vec();
    frame[virtio::SIZE + at] = value;
    frame
}

#[test]
fn a_frame_that_is_too_short_or_too_long_is_malformed() {
    let (train, train_v6) = (train_of(&Flow::tcp4()), train_of(&Flow::tcp6()));
    for size in [0, 9, 10, 29, 49, 61, 62, train.len() - 1] {
        assert_eq!(cut(&train[..size]), None, "{size} bytes");
    }
    assert_eq!(cut(&[&train[..], b"x"].concat()), None);
    assert_eq!(cut(&train_v6[..train_v6.len() - 1]), None);
    let empty = Flow::tcp4().train(b"", 100, First::flags(ACK));
    assert_eq!(cut(&empty), None);
}

#[test]
fn a_header_that_does_not_fit_the_packet_is_malformed() {
    let [tcp4, tcp6, udp4, _] = Flow::all().map(|flow| train_of(&flow));
    let alter = |frame: &[u8], gso, csum_offset| {
        altered(frame, |header| (header.gso, header.csum_offset) = (gso, csum_offset))
    };
    let at_16 = altered(&with_byte(&tcp4, 28, 0x50), |header| header.csum_start = 16);
    let cases = [
        ("with a checksum", altered(&tcp4, |header| header.flags = 0)),
        ("unknown type", alter(&tcp4, 2, 16)),
        ("UFO", alter(&tcp4, 3, 16)),
        ("the other family", alter(&tcp4, 4, 16)),
        ("the other family, IPv6", alter(&tcp6, 1, 16)),
        ("UDP that is TCP", alter(&tcp4, 5, 16)),
        ("UDP that is TCP, well hidden", alter(&tcp4, 5, 6)),
        ("TCP that is UDP", alter(&udp4, 1, 16)),
        ("checksum elsewhere", alter(&tcp4, 1, 17)),
        ("segments of nothing", altered(&tcp4, |header| header.gso_size = 0)),
        ("transport at 0", altered(&tcp4, |header| header.csum_start = 0)),
        ("transport at 24", altered(&tcp4, |header| header.csum_start = 24)),
        ("transport far away", altered(&tcp4, |header| header.csum_start = 65535)),
        ("IPv6 transport at 44", altered(&tcp6, |header| header.csum_start = 44)),
        ("IPv6 transport far away", altered(&tcp6, |header| header.csum_start = 65528)),
        ("IPv6 transport inside", altered(&tcp6, |header| header.csum_start = 32)),
        ("version 5", with_byte(&tcp4, 0, 0x55)),
        ("IPv4 header of 24 bytes", with_byte(&tcp4, 0, 0x46)),
        ("IPv4 header of 16 bytes", with_byte(&at_16, 0, 0x44)),
        ("more fragments", with_byte(&tcp4, 6, 0x20)),
        ("a fragment", with_byte(&tcp4, 7, 1)),
        ("another protocol", with_byte(&tcp4, 9, 17)),
        ("another protocol, IPv6", with_byte(&tcp6, 6, 17)),
        ("TCP header of 16 bytes", with_byte(&tcp4, 32, 0x40)),
    ];
    for (what, frame) in cases {
        assert_eq!(cut(&frame), None, "{what}");
    }
    let lone = |start, offset| {
        altered(&tcp4, |header| {
            (header.gso, header.csum_start, header.csum_offset) = (0, start, offset);
        })
    };
    let size = tcp4.len() as u16 - 10;
    assert_eq!(cut(&lone(size - 1, 0)), None, "a checksum beyond the packet");
    assert_eq!(cut(&lone(65535, 65535)), None, "a checksum far beyond the packet");
    assert!(cut(&lone(size - 2, 0)).is_some());
}

#[test]
fn a_malformed_train_says_why() {
    let mut frame = altered(&train_of(&Flow::tcp4()), |header| header.flags = 0);
    let error = Train::read(&mut frame).unwrap_err();
    assert_eq!(error.to_string(), "a train that claims to have its checksum");
}
