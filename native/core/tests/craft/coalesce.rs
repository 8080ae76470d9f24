//! Frames stand for the packets they were made of, each flow in its order, and hide no error.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use wiresnake_core::coalesce::Coalescer;

use crate::packets::{
    ACK, First, Flow, PSH, firsts, flows, internet_checksum, is_whole, mangled, payloads,
    same_packets,
};
use crate::trains::{counts, cut, joined, joined_by, parted, parted_all, received};

const FIRST: First = First { sequence: 0, identification: 0, flags: ACK };

fn data(size: usize) -> Vec<u8> {
    (0..251).cycle().take(size).collect()
}

proptest! {
    #[test]
    fn what_is_joined_and_cut_again_is_the_same(
        flow in flows(), payload in payloads(8000), mss in 1_usize..1500, first in firsts(),
    ) {
        let mss = mss.max(payload.len().div_ceil(200));
        let packets = flow.packets(&payload, mss, first);
        let frames = joined(&packets);
        prop_assert!(same_packets(&parted_all(&frames), &packets));
        let full = if flow.tcp { 0 } else { packets.len() / 64 };
        prop_assert!(frames.len() <= 4 + full);
    }

    #[test]
    fn what_is_cut_and_joined_again_is_the_same(
        flow in flows(), size in 1_usize..20000, mss in 300_usize..1500,
        sequence in 0..=u32::MAX >> 1, identification in 0_u16..60000,
    ) {
        let first = First { sequence, identification, flags: ACK };
        let packets = flow.packets(&data(size), mss, first);
        let frame = flow.train(&data(size), mss, first);
        let frames = joined(&cut(&frame).unwrap());
        if frames.len() > 1 {
            // The IPv4 checksum passed through 0, whose two forms end a train, or UDP is at its
            // 64 segments.
            prop_assert!(frames.len() == 2);
            prop_assert!(same_packets(&parted_all(&frames), &packets));
        } else if packets.len() > 1 {
            prop_assert_eq!(frames[0].len(), frame.len());
            prop_assert_eq!(&frames[0][90..], &frame[90..]);
        }
    }

    /// Several flows by turns, of which packets are lost, damaged or late.
    #[test]
    fn flows_are_interleaved_without_reordering_any(
        sources in vec((flows(), 1_usize..6000, select(vec![ACK, ACK | PSH])), 1..5),
        turns in vec((any::<Index>(), 0..10), 60),
    ) {
        let mut sources: Vec<_> = sources
            .into_iter()
            .zip(0..)
            .map(|((flow, size, flags), port)| {
                let flow = Flow { ports: (port, 7), ..flow };
                flow.packets(&data(size), 500, First::flags(flags)).into_iter()
            })
            .collect();
        let mut mixed: Vec<Vec<u8>> = Vec::new();
        for (whose, fate) in turns {
            let Some(mut packet) = whose.get_mut(&mut sources).next() else { continue };
            match fate {
                0 => continue,
                1 if protocol_of(&packet) == 17 => *packet.last_mut().unwrap() ^= 0x55,
                _ => {}
            }
            let at = if fate == 2 { mixed.len().saturating_sub(1) } else { mixed.len() };
            mixed.insert(at, packet);
        }
        let again = parted_all(&joined(&mixed));
        prop_assert_eq!(again.len(), mixed.len());
        for packet in &mixed {
            let of = |all: &[Vec<u8>]| -> Vec<Vec<u8>> {
                all.iter().filter(|other| flow_of(other) == flow_of(packet)).cloned().collect()
            };
            prop_assert!(same_packets(&of(&again), &of(&mixed)));
        }
    }

    /// What a frame says of its packets covers every packet once, each flow's in order.
    #[test]
    fn no_packet_panics_or_is_lost(batches in vec(vec(mangled(sound()), 0..8), 1..4)) {
        let mut coalescer = Coalescer::new(true, true);
        for packets in batches {
            let (buffer, spans) = received(&packets);
            for &span in &spans {
                coalescer.add(&buffer, span);
            }
            let mut seen = Vec::new();
            for frame in coalescer.take(&buffer) {
                let payloads: Vec<_> = frame.payloads().collect();
                prop_assert_eq!(payloads.len(), frame.packets().len());
                prop_assert_eq!(frame.is_train(), payloads.len() > 1);
                for (payload, packet) in payloads.iter().zip(frame.packets()) {
                    prop_assert!(packet.start <= payload.start && payload.end == packet.end);
                    prop_assert_eq!(packet == payload, !frame.is_train());
                }
                seen.extend(frame.packets().iter().map(|span| span.start));
            }
            seen.sort_unstable();
            prop_assert_eq!(seen, spans.iter().map(|span| span.start).collect::<Vec<_>>());
        }
    }

    /// One coalescer for many batches makes the frames that a new one for each would make.
    #[test]
    fn nothing_is_left_of_the_batch_before(
        batches in vec((flows(), payloads(900), firsts(), vec(mangled(sound()), 0..4)), 2..6),
    ) {
        let mut kept = Coalescer::new(true, true);
        for (flow, payload, first, others) in batches {
            let packets = [flow.packets(&payload, 100, first), others].concat();
            prop_assert_eq!(joined_by(&mut kept, &packets), joined(&packets));
        }
    }
}

fn sound() -> Vec<Vec<u8>> {
    Flow::all().iter().flat_map(|flow| flow.packets(&data(300), 100, FIRST)).collect()
}

fn protocol_of(packet: &[u8]) -> u8 {
    if packet[0] >> 4 == 4 { packet[9] } else { packet[6] }
}

fn flow_of(packet: &[u8]) -> &[u8] {
    if packet[0] >> 4 == 4 { &packet[12..24] } else { &packet[8..44] }
}

#[test]
fn a_train_of_many_becomes_one_frame() {
    for flow in Flow::all() {
        assert_eq!(joined(&flow.packets(&data(8000), 200, FIRST)).len(), 1);
    }
}

#[test]
fn two_flows_by_turns_still_make_two_trains() {
    for flow in Flow::all() {
        let other = Flow { ports: (9, 9), ..flow.clone() };
        let pairs = flow.packets(&data(8000), 500, FIRST).into_iter();
        let pairs = pairs.zip(other.packets(&data(8000), 500, FIRST));
        let mixed: Vec<_> = pairs.flat_map(|(one, two)| [one, two]).collect();
        assert_eq!(joined(&mixed).len(), 2);
    }
}

#[test]
fn a_datagram_with_a_wrong_checksum_goes_alone() {
    for flow in [Flow::udp4(), Flow::udp6()] {
        for position in 0..4 {
            let mut packets = flow.packets(&[0; 400], 100, FIRST);
            *packets[position].last_mut().unwrap() = 1;
            let frames = joined(&packets);
            assert!(same_packets(&parted_all(&frames), &packets));
            assert!(frames.contains(&[&[0; 10], &packets[position][..]].concat()));
        }
    }
}

#[test]
fn a_wrong_segment_makes_the_whole_train_wrong_to_the_kernel() {
    for flow in [Flow::tcp4(), Flow::tcp6()] {
        for (mss, position) in [100, 101].into_iter().flat_map(|mss| (0..5).map(move |n| (mss, n)))
        {
            let packets = flow.packets(&data(4 * mss + 50), mss, FIRST);
            assert!(is_whole(&joined(&packets)[0][10..]));
            for back in [1, 2] {
                let mut packets = packets.clone();
                let at = packets[position].len() - back;
                packets[position][at] ^= 0x10;
                let frames = joined(&packets);
                assert_eq!(frames.len(), 1);
                assert_eq!(frames[0][0], 0, "the kernel must not take the checksum for granted");
                assert!(!is_whole(&frames[0][10..]));
            }
        }
    }
}

#[test]
fn a_packet_with_a_wrong_ipv4_checksum_goes_alone() {
    for flow in [Flow::tcp4(), Flow::udp4()] {
        for position in 0..4 {
            let mut packets = flow.packets(&[0; 400], 100, FIRST);
            packets[position][10] ^= 1;
            let alone = [&[0; 10], &packets[position][..]].concat();
            assert!(joined(&packets).contains(&alone));
        }
    }
}

#[test]
fn udp_without_a_checksum_or_with_another_length_goes_alone() {
    for change in [|packet: &mut [u8]| packet[26..28].fill(0), |packet: &mut [u8]| packet[25] = 100]
    {
        let mut packets = Flow::udp4().packets(&[0; 300], 100, FIRST);
        for packet in &mut packets {
            change(packet);
        }
        let frames = joined(&packets);
        assert_eq!(frames.iter().map(|frame| &frame[10..]).collect::<Vec<_>>(), packets);
    }
}

#[test]
fn a_datagram_whose_checksum_of_zero_means_none_goes_alone() {
    let flow = Flow::udp4();
    let sum_of = |payload: &[u8]| {
        let bare = flow.transport(payload, FIRST, 0);
        internet_checksum(&[flow.pseudo_header(bare.len()), bare].concat())
    };
    let payload = sum_of(&[0; 2]).to_be_bytes();
    assert_eq!(sum_of(&payload), 0);
    let mut packets = flow.packets(&[payload; 3].concat(), 2, FIRST);
    assert_eq!(joined(&packets).len(), 1);
    for packet in &mut packets[..2] {
        packet[26..28].fill(0);
    }
    assert_eq!(joined(&packets[..1])[0][10..], packets[0]);
    assert_eq!(joined(&packets).iter().map(|frame| &frame[10..]).collect::<Vec<_>>(), packets);
}

#[test]
fn what_belongs_to_no_clear_flow_keeps_its_place_among_all() {
    for flow in Flow::all() {
        let mut packets = flow.packets(&[0; 600], 100, FIRST);
        packets.insert(3, vec![0x45; 30]);
        let frames = joined(&packets);
        assert_eq!(frames.len(), 3);
        assert_eq!(parted_all(&frames), packets);
    }
}

#[test]
fn fragments_options_and_other_protocols_go_alone_and_in_order() {
    for (at, value) in [(6, 0x20), (7, 1), (0, 0x46), (9, 50)] {
        let mut packets = Flow::tcp4().packets(&[0; 600], 100, FIRST);
        packets[2][at] = value;
        let frames = joined(&packets);
        let lengths: Vec<usize> = frames.iter().map(Vec::len).collect();
        assert_eq!(lengths, [10 + 252, 10 + 152, 10 + 352]);
        assert_eq!(frames[1][10..], packets[2]);
    }
}

#[test]
fn trains_end_where_the_length_field_does() {
    let flow = Flow { options: vec![], ..Flow::tcp4() };
    let frames = joined(&flow.packets(&data(1380 * 50), 1380, FIRST));
    let lengths: Vec<usize> = frames.iter().map(|frame| frame.len() - 10).collect();
    assert_eq!(lengths, [40 + 47 * 1380, 40 + 3 * 1380]);
}

#[test]
fn trains_have_at_most_64_datagrams_and_1023_segments() {
    let counts = |packets: Vec<Vec<u8>>| counts(&joined(&packets));
    assert_eq!(counts(Flow::udp4().packets(&[0; 1500], 10, FIRST)), [64, 64, 22]);
    assert_eq!(counts(Flow::tcp6().packets(&[0; 1500], 1, FIRST)), [1023, 477]);
}

#[test]
fn trains_end_where_a_counted_field_wraps_around() {
    let counts = |flow: Flow, first| counts(&joined(&flow.packets(&[0; 500], 100, first)));
    assert_eq!(counts(Flow::tcp4(), First { identification: 65533, ..FIRST }), [3, 2]);
    assert_eq!(counts(Flow::udp4(), First { identification: 65533, ..FIRST }), [3, 2]);
    assert_eq!(counts(Flow::tcp6(), First { sequence: u32::MAX - 250, ..FIRST }), [3, 2]);
    let flow = Flow::tcp4();
    let has_check_2 = |number: &u16| flow.ip_header(132, *number)[10..12] == [0, 2];
    let identification = (0..=u16::MAX).find(has_check_2).unwrap();
    assert_eq!(counts(flow, First { identification, ..FIRST }), [3, 2]);
}

#[test]
fn only_what_the_inner_side_accepts_is_joined() {
    let both = [Flow::tcp4(), Flow::udp4()].map(|flow| flow.packets(&[0; 300], 100, FIRST));
    let packets = both.concat();
    for (tso, uso, count) in [(false, false, 6), (true, false, 4), (false, true, 4)] {
        let frames = joined_by(&mut Coalescer::new(tso, uso), &packets);
        assert_eq!(frames.len(), count);
        assert!(same_packets(&parted_all(&frames), &packets));
    }
}

#[test]
fn take_begins_anew() {
    let packets = Flow::tcp4().packets(&[0; 300], 100, FIRST);
    let mut coalescer = Coalescer::new(true, true);
    assert!(coalescer.take(&[]).is_empty());
    assert_eq!(joined_by(&mut coalescer, &packets[..1]).len(), 1);
    let frames = joined_by(&mut coalescer, &packets[1..]);
    assert_eq!(frames.len(), 1);
    assert_eq!(parted(&frames[0]), packets[1..]);
    assert!(coalescer.take(&[]).is_empty());
}
