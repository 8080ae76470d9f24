//! What the doorman lets pass, and what it answers itself.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;
use crate::addresses::Endpoint;
use crate::cookies::testing::{open, seal_mac1, seal_mac2};

const OURS: [u8; 32] = [7; 32];
const OTHER: [u8; 32] = [8; 32];

fn initiation(sender: u32) -> Vec<u8> {
    let mut body = [1u32.to_le_bytes(), sender.to_le_bytes()].concat();
    body.resize(116, 9);
    seal_mac1(&body, &OURS)
}

fn response(receiver: u32) -> Vec<u8> {
    let mut body = [2, 7, receiver].map(u32::to_le_bytes).concat();
    body.resize(60, 9);
    seal_mac1(&body, &OURS)
}

fn cookie_reply(receiver: u32) -> Vec<u8> {
    let mut message = [3, receiver].map(u32::to_le_bytes).concat();
    message.resize(64, 9);
    message
}

/// A doorman with all that is around him.
struct Door {
    doorman: Doorman,
    counters: Counters,
    way: Way,
    now: Instant,
    drawn: u8,
}

impl Door {
    fn new() -> Self {
        let mut doorman = Doorman::default();
        doorman.identify(Some(&OURS));
        let way = Way::to(Endpoint::new([192, 0, 2, 1].into(), 51820));
        Self { doorman, counters: Counters::default(), way, now: 1000.0, drawn: 0 }
    }

    fn receive(&mut self, datagram: &[u8]) -> Option<[u8; 64]> {
        let mut random = |place: &mut [u8]| {
            self.drawn = self.drawn.wrapping_add(1);
            place.fill(self.drawn);
        };
        self.doorman.receive(datagram, &self.way, self.now, &self.counters, &mut random)
    }

    fn drain(&mut self) -> Vec<Vec<u8>> {
        self.doorman.drain().iter().map(|each| each.datagram().to_vec()).collect()
    }

    /// Drains until nothing waits and nothing was handed out.
    fn calm(&mut self) {
        while self.doorman.depth() > 0 || self.doorman.handed_out > 0 {
            self.drain();
        }
        self.now += LOAD_MEMORY;
    }

    fn flood(&mut self, count: u32) {
        for sender in 0..count {
            assert_eq!(self.receive(&initiation(sender)), None);
        }
    }

    /// Returns the cookie that we get under load.
    fn cookie(&mut self) -> [u8; 16] {
        let message = initiation(99);
        open(&self.receive(&message).unwrap(), &message, &OURS).unwrap()
    }

    fn count(&self, what: Count) -> u64 {
        self.counters.get(what)
    }

    /// Everything that was counted.
    fn counted(&self) -> u64 {
        self.counters.all().map(|(_, count)| count).sum()
    }
}

#[test]
fn an_initiation_with_a_valid_mac1_passes_with_its_way() {
    let mut door = Door::new();
    assert!(!door.doorman.awaits_drain());
    assert_eq!(door.receive(&initiation(1)), None);
    assert!(door.doorman.awaits_drain());
    let [message] = door.doorman.drain()[..] else { panic!("not one message") };
    assert_eq!(message.datagram(), initiation(1));
    assert_eq!((message.way, message.at), (door.way, door.now));
    assert!(!door.doorman.awaits_drain());
    assert_eq!(door.counted(), 0);
}

#[test]
fn without_identity_nobody_passes() {
    let mut door = Door::new();
    door.doorman.identify(None);
    door.doorman.expect(5);
    for message in [initiation(1), response(5), cookie_reply(5)] {
        door.receive(&message);
    }
    assert!(door.drain().is_empty());
    assert_eq!(door.count(Count::NoIdentity), 3);
    door.doorman.identify(Some(&OURS));
    door.receive(&cookie_reply(5));
    assert_eq!(door.drain(), [cookie_reply(5)]);
}

#[test]
fn a_mac1_for_somebody_else_or_damaged_is_dropped() {
    let mut door = Door::new();
    door.doorman.identify(Some(&OTHER));
    door.receive(&initiation(1));
    door.doorman.identify(Some(&OURS));
    for damage in [4, 100, 116, 131] {
        let mut message = initiation(1);
        message[damage] ^= 1;
        door.receive(&message);
    }
    door.doorman.expect(5);
    let mut message = response(5);
    message[60] ^= 1;
    door.receive(&message);
    assert!(door.drain().is_empty());
    assert_eq!(door.count(Count::BadMac1), 6);
}

#[test]
fn sizes_types_and_reserved_bytes_are_exact() {
    let mut door = Door::new();
    door.doorman.expect(5);
    let mut sent = 0;
    for size in [0, 1, 3, 4, 63, 65, 91, 93, 147, 149, 1400] {
        for kind in 1..=3 {
            let mut message = vec![kind, 0, 0, 0];
            message.resize(1500, 0);
            door.receive(&message[..size]);
            sent += 1;
        }
    }
    for message in [initiation(1), response(5), cookie_reply(5)] {
        for (place, value) in [(0, 0), (0, 4), (0, 5), (0, 255), (1, 1), (2, 1), (3, 1)] {
            let mut damaged = message.clone();
            damaged[place] = value;
            door.receive(&damaged);
            sent += 1;
        }
    }
    assert_eq!(door.count(Count::Malformed), sent);
    assert!(door.drain().is_empty());
}

#[test]
fn not_under_load_a_wrong_mac2_is_ignored() {
    let mut door = Door::new();
    let message = seal_mac2(&initiation(1), &[0; 16]);
    assert_eq!(door.receive(&message), None);
    assert_eq!(door.drain(), [message]);
}

#[test]
fn responses_pass_only_while_expected() {
    let mut door = Door::new();
    door.receive(&response(5));
    door.doorman.expect(5);
    door.receive(&response(5));
    door.receive(&response(6));
    door.doorman.unexpect(5);
    door.receive(&response(5));
    assert_eq!(door.drain(), [response(5)]);
    assert_eq!(door.count(Count::Unexpected), 3);
}

#[test]
fn one_cookie_reply_passes_for_each_expect() {
    let mut door = Door::new();
    door.receive(&cookie_reply(5));
    door.doorman.expect(5);
    door.receive(&cookie_reply(5));
    door.receive(&cookie_reply(5));
    door.receive(&response(5));
    assert_eq!(door.drain(), [cookie_reply(5), response(5)]);
    door.doorman.expect(5);
    door.receive(&cookie_reply(5));
    door.receive(&cookie_reply(6));
    assert_eq!(door.drain(), [cookie_reply(5)]);
    assert_eq!(door.count(Count::Unexpected), 3);
}

#[test]
fn under_load_an_unproven_source_gets_a_cookie_and_a_proven_one_goes_first() {
    let mut door = Door::new();
    door.doorman.expect(5);
    door.flood(64);
    let reply = door.receive(&initiation(99)).unwrap();
    assert_eq!(reply[..8], [3, 0, 0, 0, 99, 0, 0, 0]);
    assert!(door.receive(&response(5)).is_some());
    let cookie = door.cookie();
    let proven = seal_mac2(&initiation(100), &cookie);
    assert_eq!(door.receive(&proven), None);
    assert_eq!(door.count(Count::CookieReplies), 3);
    assert_eq!(door.doorman.depth(), 65);
    let drained = door.drain();
    assert_eq!((drained.len(), &drained[0], &drained[1]), (64, &proven, &initiation(0)));
    assert_eq!(door.drain(), [initiation(63)]);
}

#[test]
fn a_cookie_belongs_to_address_and_port() {
    let mut door = Door::new();
    door.flood(64);
    let proven = seal_mac2(&initiation(1), &door.cookie());
    door.way.endpoint.set_port(1);
    assert!(door.receive(&proven).is_some());
}

#[test]
fn under_load_a_proven_source_is_limited() {
    let mut door = Door::new();
    door.flood(64);
    let proven = seal_mac2(&initiation(1), &door.cookie());
    for _ in 0..50 {
        assert_eq!(door.receive(&proven), None);
    }
    assert_eq!(door.count(Count::RateLimited), 45);
    assert_eq!(door.doorman.depth(), 69);
}

#[test]
fn what_was_handed_out_counts_as_load_until_the_next_drain() {
    let mut door = Door::new();
    door.flood(64);
    assert_eq!(door.drain().len(), 64);
    assert!(door.doorman.awaits_drain());
    door.now += 10.0;
    assert!(door.receive(&initiation(1)).is_some());
    assert!(door.drain().is_empty());
    assert!(!door.doorman.awaits_drain());
}

#[test]
fn load_is_remembered_for_a_second_since_a_message_was_measured() {
    let mut door = Door::new();
    door.flood(64);
    assert!(door.receive(&initiation(1)).is_some());
    door.drain();
    door.drain();
    // Neither junk nor a wrong mac1 prolongs it.
    door.now += LOAD_MEMORY - 0.001;
    door.receive(&[0; 148]);
    assert!(door.receive(&initiation(1)).is_some());
    door.now += 0.001;
    assert_eq!(door.receive(&initiation(1)), None);
    assert_eq!(door.drain(), [initiation(1)]);
}

#[test]
fn of_full_queues_the_oldest_unproven_gives_way_to_the_proven() {
    let mut door = Door::new();
    for index in 0..600 {
        door.doorman.expect(index);
    }
    door.flood(63);
    for index in 0..CAPACITY as u32 - 63 {
        door.receive(&cookie_reply(index));
    }
    assert_eq!(door.doorman.depth(), CAPACITY);
    assert_eq!(door.count(Count::QueueFull), 0);
    for index in CAPACITY as u32 - 63..CAPACITY as u32 {
        door.receive(&cookie_reply(index));
        assert_eq!(door.doorman.depth(), CAPACITY);
    }
    assert_eq!(door.count(Count::QueueFull), 63);
    assert!(door.doorman.others.is_empty());
    door.receive(&cookie_reply(599));
    assert_eq!(door.count(Count::QueueFull), 64);
    assert_eq!(door.drain()[0], cookie_reply(0));
}

#[test]
fn going_down_drops_what_is_queued() {
    let mut door = Door::new();
    door.flood(64);
    door.drain();
    door.now += 5.0;
    door.doorman.clear();
    assert!(!door.doorman.awaits_drain());
    assert_eq!(door.receive(&initiation(1)), None);
    door.doorman.clear();
    assert!(door.drain().is_empty());
}

#[derive(Clone, Debug)]
enum Event {
    Initiation(u32),
    Response(u32),
    CookieReply(u32),
    Proven(u32),
    Expect(u32),
    Unexpect(u32),
    Drain,
    Wait(f64),
}

fn events() -> impl Strategy<Value = Vec<(Event, usize)>> {
    let event = prop_oneof![
        6 => any::<u32>().prop_map(Event::Initiation),
        2 => (0..4u32).prop_map(Event::Response),
        2 => (0..4u32).prop_map(Event::CookieReply),
        3 => any::<u32>().prop_map(Event::Proven),
        1 => (0..4u32).prop_map(Event::Expect),
        1 => (0..4u32).prop_map(Event::Unexpect),
        2 => Just(Event::Drain),
        1 => (0.0..1.5).prop_map(Event::Wait),
    ];
    prop::collection::vec((event, 1..50usize), 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn arbitrary_bytes_are_dropped_and_counted(
        datagrams in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..160), 0..40),
    ) {
        let mut door = Door::new();
        for datagram in &datagrams {
            prop_assert_eq!(door.receive(datagram), None);
        }
        prop_assert!(door.drain().is_empty());
        prop_assert_eq!(door.counted(), datagrams.len() as u64);
    }

    #[test]
    fn arbitrary_bodies_behind_a_good_head_never_panic(
        kind in 1..4u8,
        body in prop::collection::vec(any::<u8>(), 0..150),
        loaded: bool,
    ) {
        let mut door = Door::new();
        if loaded {
            door.flood(64);
        }
        let size = [148, 92, 64][usize::from(kind) - 1];
        let mut message = vec![kind, 0, 0, 0];
        message.extend(body);
        for message in [message.clone(), { message.resize(size, 0); message }] {
            door.receive(&message);
        }
        prop_assert_eq!(door.counted(), 2);
    }

    /// Each message waits, is answered or is counted as one drop; nothing waits beyond the bounds;
    /// and a cookie reply passes only where it is due.
    #[test]
    fn every_message_is_accounted_for(events in events()) {
        let mut door = Door::new();
        let cookie = {
            door.flood(64);
            let cookie = door.cookie();
            door.calm();
            cookie
        };
        let (mut due, mut expected) = (HashSet::new(), HashSet::new());
        for (event, times) in events {
            for _ in 0..times {
                let depth = door.doorman.depth();
                let counted = door.counted();
                let message = match event {
                    Event::Initiation(sender) => initiation(sender),
                    Event::Proven(sender) => seal_mac2(&initiation(sender), &cookie),
                    Event::Response(receiver) => response(receiver),
                    Event::CookieReply(receiver) => cookie_reply(receiver),
                    Event::Expect(index) => {
                        door.doorman.expect(index);
                        due.insert(index);
                        expected.insert(index);
                        continue;
                    }
                    Event::Unexpect(index) => {
                        door.doorman.unexpect(index);
                        due.remove(&index);
                        expected.remove(&index);
                        continue;
                    }
                    Event::Drain => {
                        let drained = door.drain().len();
                        prop_assert_eq!(drained, depth.min(MAX_DRAINED));
                        prop_assert_eq!(door.doorman.depth(), depth - drained);
                        continue;
                    }
                    Event::Wait(seconds) => {
                        door.now += seconds / 50.0;
                        continue;
                    }
                };
                let unexpected = door.count(Count::Unexpected);
                let answer = door.receive(&message);
                let is_wanted = match event {
                    Event::CookieReply(receiver) => due.remove(&receiver),
                    Event::Response(receiver) => expected.contains(&receiver),
                    _ => true,
                };
                prop_assert_eq!(door.count(Count::Unexpected) - unexpected, u64::from(!is_wanted));
                let queued = door.doorman.depth() - depth;
                prop_assert!(door.doorman.depth() <= CAPACITY);
                prop_assert_eq!(queued as u64 + door.counted() - counted, 1);
                prop_assert!(answer.is_none() || queued == 0);
            }
        }
    }
}
