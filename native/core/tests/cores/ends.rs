//! Two cores that know each other, and packets that tell which they are.

use std::collections::HashSet;
use std::net::SocketAddr;

use proptest::prelude::*;
use wiresnake_core::addresses::{Instant, NEVER, Prefix, Way};
use wiresnake_core::commands::{Command, NewSession, Path, PeerCommand};
use wiresnake_core::core::Random;
use wiresnake_core::encode;
use wiresnake_core::stepped::Stepped;
use wiresnake_core::transport::Key;

/// The number by which each end knows the other.
pub const PEER: u64 = 1;
/// Somebody whom no end knows.
pub const STRANGER: u64 = 99;
/// Bytes of an IPv4 header.
const HEADER: usize = 20;

/// Returns randomness that is always the same.
pub fn same_random() -> Random {
    let mut next = 0_u8;
    Box::new(move |bytes| {
        for byte in bytes {
            next = next.wrapping_mul(5).wrapping_add(77);
            *byte = next;
        }
    })
}

/// Returns the outer address of an end.
pub fn endpoint(side: usize) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, side as u8 + 1], 51820))
}

/// Returns the path of what comes from an end.
pub fn path_from(side: usize) -> Path {
    Path { way: Way::to(endpoint(side)), at: 0.0 }
}

/// Returns packet `number` of an end, with `length` bytes behind the number.
pub fn packet(side: usize, number: u32, length: usize) -> Vec<u8> {
    let size = (HEADER + 4 + length) as u16;
    let mut packet = vec![0x45, 0];
    packet.extend(size.to_be_bytes());
    packet.extend([0, 0, 0, 0, 64, 17, 0, 0]);
    packet.extend([10, 0, 0, side as u8 + 1, 10, 0, 0, 2 - side as u8]);
    packet.extend(number.to_be_bytes());
    packet.extend((0..length).map(|at| (at as u8) ^ (number as u8)));
    packet
}

/// Returns which packet this is.
pub fn number_of(packet: &[u8]) -> u32 {
    u32::from_be_bytes(packet[HEADER..HEADER + 4].try_into().unwrap())
}

/// Returns receiver and counter of a transport message.
pub fn index_and_counter(datagram: &[u8]) -> (u32, u64) {
    assert_eq!(&datagram[..4], [4, 0, 0, 0]);
    (
        u32::from_le_bytes(datagram[4..8].try_into().unwrap()),
        u64::from_le_bytes(datagram[8..16].try_into().unwrap()),
    )
}

/// When the sessions of a pair want successors and die.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub renewal: Instant,
    pub death: Instant,
}

impl Limits {
    pub const NONE: Self = Self { renewal: NEVER, death: NEVER };
}

/// Two ends.
pub struct Ends {
    pub cores: [Stepped; 2],
    pub now: Instant,
    sessions: u32,
    /// Every receiver and counter that was ever sent.
    counters: HashSet<(u32, u64)>,
}

impl Ends {
    /// Joins two ends that know each other's endpoint and have no session.
    pub fn new() -> Self {
        let mut ends = Self {
            cores: [Stepped::new(same_random()), Stepped::new(same_random())],
            now: 1000.0,
            sessions: 0,
            counters: HashSet::new(),
        };
        for side in [0, 1] {
            let address = [10, 0, 0, 2 - side as u8].into();
            ends.apply(
                side,
                vec![
                    Command::Sockets { v4: Some(3), v6: None },
                    Command::Peer(PEER, PeerCommand::Add),
                    Command::Peer(PEER, PeerCommand::Route(vec![Prefix { address, length: 32 }])),
                    Command::Peer(PEER, PeerCommand::SetEndpoint(endpoint(1 - side))),
                ],
            );
        }
        ends
    }

    /// Carries out commands that are valid.
    pub fn apply(&mut self, side: usize, commands: Vec<Command>) {
        self.cores[side].apply(commands, self.now).unwrap();
    }

    /// Carries out one command about the other end.
    pub fn about_peer(&mut self, side: usize, command: PeerCommand) {
        self.apply(side, vec![Command::Peer(PEER, command)]);
    }

    /// Gives an end its half of session `session`, of which `initiator` is the side that began.
    fn install_half(&mut self, side: usize, session: u32, initiator: usize, limits: Limits) {
        let index = |side: usize| 2 * session + side as u32;
        let key = |side: usize| [index(side).to_le_bytes(); 8].concat().try_into().unwrap();
        let half = NewSession {
            local_index: index(side),
            remote_index: index(1 - side),
            send_key: Key::copy(&key(side)),
            receive_key: Key::copy(&key(1 - side)),
            initiator: side == initiator,
            renew_on_send_at: limits.renewal,
            renew_on_receive_at: limits.renewal,
            dies_at: limits.death,
            first_counter: 0,
        };
        self.about_peer(side, PeerCommand::Install(Box::new(half)));
    }

    /// Gives both ends a new session; the responder has it first, as in a handshake.
    pub fn install(&mut self, initiator: usize, limits: Limits) {
        self.sessions += 1;
        for side in [1 - initiator, initiator] {
            self.install_half(side, self.sessions, initiator, limits);
        }
    }

    /// Gives one end a session of which the other knows nothing.
    pub fn install_alone(&mut self, side: usize) {
        self.sessions += 1;
        self.install_half(side, self.sessions, side, Limits::NONE);
    }

    /// Returns what an end sent since the last call; no counter was ever used before.
    pub fn take_sent(&mut self, side: usize) -> Vec<Vec<u8>> {
        let sent = self.cores[side].take_sent();
        sent.into_iter()
            .map(|(way, datagram, _)| {
                assert_eq!(way.endpoint, endpoint(1 - side));
                let used = index_and_counter(&datagram);
                assert!(self.counters.insert(used), "a counter was used twice: {used:?}");
                datagram
            })
            .collect()
    }

    /// Carries a datagram to an end; returns the packets that came out.
    pub fn carry(&mut self, side: usize, datagram: &[u8]) -> Vec<Vec<u8>> {
        self.cores[side].outer(datagram, &path_from(1 - side), self.now, 0);
        self.cores[side].take_packets()
    }

    /// Returns all that control can see of an end's peer.
    pub fn snapshot(&self, side: usize) -> Vec<u8> {
        let peer = self.cores[side].peer(PEER).unwrap();
        encode::observed(&[(PEER, peer)])
    }

    /// Returns one counter of an end.
    pub fn counter(&self, side: usize, name: &str) -> u64 {
        let counters = self.cores[side].counters();
        counters.into_iter().find(|(other, _)| *other == name).unwrap().1
    }
}

/// Any side.
pub fn sides() -> impl Strategy<Value = usize> {
    0..2_usize
}
