//! Commands, packets and a terrible network in any order.

use std::collections::{HashMap, HashSet};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use wiresnake_core::commands::{Command, PeerCommand};

use crate::ends::{
    Ends, Limits, PEER, STRANGER, endpoint, index_and_counter, number_of, packet, sides,
};

/// One thing that happens to an end, or to what is under way to it.
#[derive(Clone, Debug)]
enum Event {
    /// The host sends a packet.
    Say(usize),
    /// Both ends get a session, which this one began.
    Install { wants_at: f64, dies_at: f64 },
    /// Only this end gets its half: the other's message was lost, or it restarted.
    InstallHalf,
    /// A datagram arrives that was under way.
    Arrive(Index),
    /// A datagram is lost.
    Lose(Index),
    /// A datagram that arrived before arrives again.
    Repeat(Index),
    /// A datagram under way arrives with a byte changed, too; it itself may still come.
    Damage(Index, Index, u8),
    /// It arrives cut, or with bytes behind it.
    Resize(Index, Index, Vec<u8>),
    /// Something arrives that nobody sent.
    Junk(Vec<u8>),
    /// Control commands something.
    Ask(Ask),
    /// Control commands something that cannot be done, behind something that can.
    AskInVain,
    /// Control looks.
    Drain,
    /// Time passes.
    Wait(f64),
}

#[derive(Clone, Copy, Debug)]
enum Ask {
    Keepalive(bool),
    Flush,
    Abandon,
    StopSending,
    DropSessions,
    EraseSessions,
    ClearSource,
    Relocate,
    Rest(u64),
    Down,
    Up,
    Guest,
}

fn asks() -> impl Strategy<Value = Ask> {
    prop_oneof![
        4 => any::<bool>().prop_map(Ask::Keepalive),
        4 => Just(Ask::Flush),
        1 => Just(Ask::Abandon),
        1 => Just(Ask::StopSending),
        1 => Just(Ask::DropSessions),
        1 => Just(Ask::EraseSessions),
        1 => Just(Ask::ClearSource),
        1 => Just(Ask::Relocate),
        2 => (0..9_u64).prop_map(Ask::Rest),
        1 => Just(Ask::Down),
        3 => Just(Ask::Up),
        1 => Just(Ask::Guest),
    ]
}

fn events() -> impl Strategy<Value = Event> {
    let which = any::<Index>;
    prop_oneof![
        12 => (0..1500_usize).prop_map(Event::Say),
        3 => (0.0..200.0, 0.0..400.0)
            .prop_map(|(wants_at, dies_at)| Event::Install { wants_at, dies_at }),
        1 => Just(Event::InstallHalf),
        12 => which().prop_map(Event::Arrive),
        2 => which().prop_map(Event::Lose),
        4 => which().prop_map(Event::Repeat),
        3 => (which(), which(), 1..=255_u8).prop_map(|(one, at, bits)| Event::Damage(one, at, bits)),
        2 => (which(), which(), vec(any::<u8>(), 0..20))
            .prop_map(|(one, at, tail)| Event::Resize(one, at, tail)),
        1 => vec(any::<u8>(), 0..200).prop_map(Event::Junk),
        4 => asks().prop_map(Event::Ask),
        1 => Just(Event::AskInVain),
        2 => Just(Event::Drain),
        2 => (0.0..60.0).prop_map(Event::Wait),
    ]
}

/// Two ends, and what is and was under way to each.
struct Network {
    ends: Ends,
    /// Packets by number, of each end's host.
    said: [Vec<Vec<u8>>; 2],
    came: [HashSet<u32>; 2],
    /// The numbers that came, by session and counter.
    order: [HashMap<u32, Vec<(u64, u32)>>; 2],
    under_way: [Vec<Vec<u8>>; 2],
    arrived: [Vec<Vec<u8>>; 2],
    accepted: HashSet<Vec<u8>>,
    guests: u64,
}

impl Network {
    fn new() -> Self {
        Self {
            ends: Ends::new(),
            said: Default::default(),
            came: Default::default(),
            order: Default::default(),
            under_way: Default::default(),
            arrived: Default::default(),
            accepted: HashSet::new(),
            guests: 0,
        }
    }

    fn happen(&mut self, side: usize, event: Event) {
        match event {
            Event::Say(length) => {
                let number = self.said[side].len() as u32;
                let said = packet(side, number, length);
                self.ends.cores[side].inner(&said, self.ends.now);
                self.said[side].push(said);
            }
            Event::Install { wants_at, dies_at } => {
                let now = self.ends.now;
                let limits = Limits { renewal: now + wants_at, death: now + dies_at };
                self.ends.install(side, limits);
            }
            Event::InstallHalf => self.ends.install_alone(side),
            Event::Arrive(which) => {
                if let Some(at) = place(which, &self.under_way[side]) {
                    self.arrive_from(side, at);
                }
            }
            Event::Lose(which) => {
                if let Some(at) = place(which, &self.under_way[side]) {
                    self.under_way[side].swap_remove(at);
                }
            }
            Event::Repeat(which) => {
                if let Some(at) = place(which, &self.arrived[side]) {
                    let datagram = self.arrived[side][at].clone();
                    self.arrive(side, &datagram);
                }
            }
            Event::Damage(which, byte, bits) => {
                if let Some(at) = place(which, &self.under_way[side]) {
                    let mut datagram = self.under_way[side][at].clone();
                    let byte = byte.index(datagram.len());
                    datagram[byte] ^= bits;
                    self.arrive_in_vain(side, &datagram);
                }
            }
            Event::Resize(which, length, tail) => {
                if let Some(at) = place(which, &self.under_way[side]) {
                    let mut datagram = self.under_way[side][at].clone();
                    datagram.truncate(length.index(datagram.len()));
                    datagram.extend(tail);
                    if datagram != self.under_way[side][at] {
                        self.arrive_in_vain(side, &datagram);
                    }
                }
            }
            Event::Junk(bytes) => self.arrive_in_vain(side, &bytes),
            Event::Ask(ask) => self.ask(side, ask),
            Event::AskInVain => self.ask_in_vain(side),
            Event::Drain => {
                self.ends.cores[side].drain();
            }
            Event::Wait(seconds) => self.ends.now += seconds,
        }
        self.collect();
    }

    /// Lets what the ends sent be under way.
    fn collect(&mut self) {
        for side in [0, 1] {
            let sent = self.ends.take_sent(side);
            self.under_way[1 - side].extend(sent);
        }
    }

    fn arrive_from(&mut self, side: usize, place: usize) {
        let datagram = self.under_way[side].swap_remove(place);
        self.arrive(side, &datagram);
        self.arrived[side].push(datagram);
    }

    /// Lets everything arrive that is under way, and what that brings about.
    fn arrive_all(&mut self) {
        while let Some(side) = [0, 1].into_iter().find(|side| !self.under_way[*side].is_empty()) {
            self.arrive_from(side, 0);
            self.collect();
        }
    }

    fn ask(&mut self, side: usize, ask: Ask) {
        let about_peer = match ask {
            Ask::Keepalive(rearm) => PeerCommand::Keepalive { rearm },
            Ask::Flush => PeerCommand::Flush,
            Ask::Abandon => PeerCommand::Abandon,
            Ask::StopSending => PeerCommand::StopSending,
            Ask::DropSessions => PeerCommand::DropSessions,
            Ask::EraseSessions => PeerCommand::EraseSessions,
            Ask::ClearSource => PeerCommand::ClearSource,
            Ask::Relocate => PeerCommand::SetEndpoint(endpoint(1 - side)),
            Ask::Rest(seen) => PeerCommand::Rest { seen },
            Ask::Down => {
                return self.ends.apply(side, vec![Command::Sockets { v4: None, v6: None }]);
            }
            Ask::Up => {
                return self.ends.apply(side, vec![Command::Sockets { v4: Some(3), v6: None }]);
            }
            Ask::Guest => {
                // A peer that comes and goes; no number is used twice.
                self.guests += 1;
                let guest = STRANGER + self.guests;
                let about = [
                    PeerCommand::Add,
                    PeerCommand::Keepalive { rearm: false },
                    PeerCommand::Forget,
                ];
                let commands = about.map(|command| Command::Peer(guest, command));
                return self.ends.apply(side, commands.into());
            }
        };
        self.ends.about_peer(side, about_peer);
    }

    /// A batch with one fault has no effect at all.
    fn ask_in_vain(&mut self, side: usize) {
        let before = (self.ends.snapshot(side), self.ends.cores[side].counters());
        let commands = vec![
            Command::Peer(PEER, PeerCommand::Keepalive { rearm: true }),
            Command::Peer(PEER, PeerCommand::DropSessions),
            Command::Peer(STRANGER, PeerCommand::Flush),
        ];
        let now = self.ends.now;
        assert!(self.ends.cores[side].apply(commands, now).is_err());
        assert!(self.ends.cores[side].take_sent().is_empty());
        assert_eq!(before, (self.ends.snapshot(side), self.ends.cores[side].counters()));
    }

    fn arrive(&mut self, side: usize, datagram: &[u8]) {
        if self.accepted.contains(datagram) {
            return self.arrive_in_vain(side, datagram);
        }
        let before = self.ends.snapshot(side);
        let packets = self.ends.carry(side, datagram);
        if self.ends.snapshot(side) != before {
            self.accepted.insert(datagram.to_vec());
        }
        let (index, counter) = index_and_counter(datagram);
        assert!(packets.len() <= 1);
        for packet in packets {
            let number = number_of(&packet);
            assert_eq!(self.said[1 - side][number as usize], packet, "a packet was altered");
            assert!(self.came[side].insert(number), "a packet came twice");
            self.order[side].entry(index).or_default().push((counter, number));
        }
    }

    /// What is forged or repeated has no effect that control or the host could see.
    fn arrive_in_vain(&mut self, side: usize, datagram: &[u8]) {
        let before = self.ends.snapshot(side);
        assert!(self.ends.carry(side, datagram).is_empty());
        assert!(self.ends.cores[side].take_sent().is_empty());
        assert_eq!(before, self.ends.snapshot(side));
    }

    /// What a host said first has the lower counter of those in one session.
    fn check_order(self) {
        for mut numbers in self.order.into_iter().flat_map(HashMap::into_values) {
            numbers.sort_unstable();
            assert!(numbers.is_sorted_by_key(|(_, number)| *number), "reordered: {numbers:?}");
        }
    }
}

fn place(which: Index, of: &[Vec<u8>]) -> Option<usize> {
    (!of.is_empty()).then(|| which.index(of.len()))
}

proptest! {
    #[test]
    fn whatever_happens_a_packet_comes_once_and_unaltered_or_not_at_all(
        events in vec((sides(), events()), 1..200),
    ) {
        let mut network = Network::new();
        for (side, event) in events {
            network.happen(side, event);
        }
        network.check_order();
    }

    #[test]
    fn where_nothing_is_lost_everything_comes(
        events in vec((sides(), 0..1500_usize, any::<Index>()), 1..200), initiator in sides(),
    ) {
        let mut network = Network::new();
        network.happen(initiator, Event::Install { wants_at: 500.0, dies_at: 500.0 });
        network.arrive_all();
        for (side, length, which) in events {
            network.happen(side, Event::Say(length));
            network.happen(side, Event::Arrive(which));
        }
        network.arrive_all();
        for side in [0, 1] {
            prop_assert_eq!(network.came[side].len(), network.said[1 - side].len());
        }
        network.check_order();
    }
}
