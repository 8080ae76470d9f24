//! The stage against a naive twin: two bounds, and always the oldest goes first.

use proptest::prelude::*;

use super::*;

/// A list of everything, searched for everything.
struct NaiveStage {
    max_bytes: usize,
    waiting: Vec<(u32, Vec<u8>)>,
    emptied: Vec<u32>,
}

impl NaiveStage {
    fn bytes(&self) -> usize {
        self.waiting.iter().map(|(_, packet)| packet.len() + BOOKKEEPING).sum()
    }

    fn has(&self, peer: u32) -> bool {
        self.waiting.iter().any(|(owner, _)| *owner == peer)
    }

    fn add(&mut self, peer: u32, packet: &[u8]) -> usize {
        let before = self.waiting.len();
        if self.waiting.iter().filter(|(owner, _)| *owner == peer).count() == MAX_STAGED_PACKETS {
            let oldest = self.waiting.iter().position(|(owner, _)| *owner == peer).unwrap();
            self.waiting.remove(oldest);
        }
        self.waiting.push((peer, packet.to_vec()));
        while self.bytes() > self.max_bytes {
            let (owner, _) = self.waiting.remove(0);
            if !self.has(owner) {
                self.emptied.push(owner);
            }
        }
        before + 1 - self.waiting.len()
    }

    fn take(&mut self, peer: u32) -> Vec<Vec<u8>> {
        let own = self.waiting.iter().filter(|(owner, _)| *owner == peer);
        let packets = own.map(|(_, packet)| packet.clone()).collect();
        self.waiting.retain(|(owner, _)| *owner != peer);
        packets
    }
}

fn take(stage: &mut Stage<u32>, peer: u32) -> Vec<Vec<u8>> {
    stage.take(peer).into_iter().map(Vec::from).collect()
}

proptest! {
    #[test]
    fn it_keeps_what_its_naive_twin_keeps(
        steps in prop::collection::vec((0..40u32, 0..3u32, 0..3000usize), 0..500),
        max_bytes in prop_oneof![0..200_000usize, Just(usize::MAX)],
    ) {
        let mut stage = Stage::with_max_bytes(max_bytes);
        let mut naive = NaiveStage { max_bytes, waiting: Vec::new(), emptied: Vec::new() };
        for (number, (what, peer, size)) in steps.into_iter().enumerate() {
            let mut packet = number.to_le_bytes().to_vec();
            packet.resize(size, 1);
            match what {
                0 => prop_assert_eq!(take(&mut stage, peer), naive.take(peer)),
                1 => prop_assert_eq!(stage.take_emptied(), std::mem::take(&mut naive.emptied)),
                _ => prop_assert_eq!(stage.add(peer, &packet), naive.add(peer, &packet)),
            }
            prop_assert_eq!((stage.len(), stage.bytes()), (naive.waiting.len(), naive.bytes()));
            prop_assert_eq!(stage.has(peer), naive.has(peer));
            prop_assert_eq!(stage.is_empty(), naive.waiting.is_empty());
        }
        for peer in 0..4 {
            prop_assert_eq!(take(&mut stage, peer), naive.take(peer));
        }
        prop_assert_eq!(stage.bytes(), 0);
        prop_assert!(stage.peers.is_empty());
    }
}

#[test]
fn a_peer_keeps_the_newest_128() {
    let mut stage = Stage::default();
    let dropped: Vec<_> = (0..200u8).map(|number| stage.add(1, &[number])).collect();
    assert_eq!(dropped, [[0; 128].as_slice(), &[1; 72]].concat());
    let newest: Vec<_> = (72..200).map(|number| vec![number]).collect();
    assert_eq!(take(&mut stage, 1), newest);
    assert!(stage.take_emptied().is_empty());
}

#[test]
fn an_empty_packet_waits_like_any_other() {
    let mut stage = Stage::default();
    assert_eq!(stage.add(1, &[]), 0);
    assert!(stage.has(1));
    assert_eq!(stage.bytes(), BOOKKEEPING);
    assert_eq!(take(&mut stage, 1), [Vec::<u8>::new()]);
    assert!(!stage.has(1));
}

#[test]
fn all_peers_together_stay_within_64_mebibytes() {
    let mut stage = Stage::default();
    let packet = vec![0; 65_000];
    for _ in 0..120 {
        for peer in 0..20 {
            stage.add(peer, &packet);
        }
    }
    assert!(stage.bytes() <= 64 << 20);
    assert!(stage.bytes() > (64 << 20) - 70_000);
    let kept: Vec<_> = (0..20).map(|peer| stage.take(peer).len()).collect();
    assert!(kept.iter().max().unwrap() - kept.iter().min().unwrap() <= 1);
}
