//! What waits for a session: sent in order when it comes, the oldest dropped when too much waits.

use proptest::collection::vec;
use proptest::prelude::*;
use wiresnake_core::constants::MAX_STAGED_PACKETS;
use wiresnake_core::notices::Notice;

use crate::ends::{Ends, Limits, PEER, index_and_counter, number_of, packet, sides};

proptest! {
    #[test]
    fn what_was_staged_is_sent_in_order_without_the_oldest(
        side in sides(), is_initiator: bool, lengths in vec(0..200_usize, 0..300),
    ) {
        let mut ends = Ends::new();
        let packets: Vec<_> =
            lengths.iter().zip(0..).map(|(length, number)| packet(side, number, *length)).collect();
        for one in &packets {
            ends.cores[side].inner(one, ends.now);
        }
        prop_assert!(ends.take_sent(side).is_empty());
        let wanted = ends.cores[side].drain();
        let wishes = wanted.iter().filter(|one| matches!(one, Notice::SessionWanted(PEER, 1)));
        prop_assert_eq!(wishes.count(), usize::from(!packets.is_empty()));

        ends.install(if is_initiator { side } else { 1 - side }, Limits::NONE);
        if !is_initiator {
            prop_assert!(ends.take_sent(side).is_empty());
            for datagram in ends.take_sent(1 - side) {
                prop_assert!(ends.carry(side, &datagram).is_empty());
            }
        }
        let sent = ends.take_sent(side);
        let counters: Vec<_> = sent.iter().map(|one| index_and_counter(one).1).collect();
        prop_assert_eq!(counters, (0..sent.len() as u64).collect::<Vec<_>>());

        let kept = &packets[packets.len().saturating_sub(MAX_STAGED_PACKETS)..];
        let came: Vec<_> =
            sent.iter().flat_map(|datagram| ends.carry(1 - side, datagram)).collect();
        prop_assert_eq!(came.as_slice(), kept);
        prop_assert_eq!(ends.counter(side, "dropped_staged") as usize, packets.len() - kept.len());
        prop_assert_eq!(ends.counter(side, "staged_packets"), 0);
        if packets.is_empty() {
            prop_assert_eq!(sent.len(), usize::from(is_initiator), "the keepalive that confirms");
        }
    }
}

#[test]
fn what_follows_the_staged_leaves_behind_it() {
    let mut ends = Ends::new();
    for number in 0..5 {
        ends.cores[0].inner(&packet(0, number, 10), ends.now);
    }
    ends.install(0, Limits::NONE);
    for number in 5..10 {
        ends.cores[0].inner(&packet(0, number, 10), ends.now);
    }
    let sent = ends.take_sent(0);
    let came: Vec<_> =
        sent.iter().flat_map(|one| ends.carry(1, one)).map(|one| number_of(&one)).collect();
    assert_eq!(came, (0..10).collect::<Vec<_>>());
}
