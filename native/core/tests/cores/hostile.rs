//! Bytes that nobody vouches for: as commands, as datagrams, as packets. Each is refused or served.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use rmp::encode as write;
use wiresnake_core::constants::PADDING;
use wiresnake_core::decode;
use wiresnake_core::stepped::Stepped;

use crate::ends::{Ends, Limits, packet, path_from, same_random, sides};

/// Every word of the door, and one that is not.
const WORDS: [&str; 27] = [
    "Sockets",
    "Identity",
    "Mtu",
    "Add",
    "Forget",
    "Route",
    "Unroute",
    "SetEndpoint",
    "Follow",
    "ClearSource",
    "Expect",
    "Unexpect",
    "Install",
    "StopSending",
    "DropSessions",
    "EraseSessions",
    "Send",
    "Keepalive",
    "Flush",
    "Abandon",
    "Rest",
    "host",
    "port",
    "scope",
    "network",
    "length",
    "Unheard",
];

/// A value of msgpack.
#[derive(Clone, Debug)]
enum Value {
    Nothing,
    Truth(bool),
    Unsigned(u64),
    Signed(i64),
    Real(f64),
    Bytes(Vec<u8>),
    Word(&'static str),
    Array(Vec<Value>),
    Map(Vec<(Value, Value)>),
}

impl Value {
    fn write(&self, to: &mut Vec<u8>) {
        match self {
            Self::Nothing => write::write_nil(to).unwrap(),
            Self::Truth(truth) => write::write_bool(to, *truth).unwrap(),
            Self::Unsigned(number) => drop(write::write_uint(to, *number).unwrap()),
            Self::Signed(number) => drop(write::write_sint(to, *number).unwrap()),
            Self::Real(number) => write::write_f64(to, *number).unwrap(),
            Self::Bytes(bytes) => write::write_bin(to, bytes).unwrap(),
            Self::Word(word) => write::write_str(to, word).unwrap(),
            Self::Array(values) => {
                write::write_array_len(to, values.len() as u32).unwrap();
                for value in values {
                    value.write(to);
                }
            }
            Self::Map(pairs) => {
                write::write_map_len(to, pairs.len() as u32).unwrap();
                for (key, value) in pairs {
                    key.write(to);
                    value.write(to);
                }
            }
        }
    }
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Nothing),
        any::<bool>().prop_map(Value::Truth),
        (0..4_u64).prop_map(Value::Unsigned),
        any::<u64>().prop_map(Value::Unsigned),
        any::<i64>().prop_map(Value::Signed),
        any::<f64>().prop_map(Value::Real),
        (select(vec![0, 4, 16, 32]), any::<u8>()).prop_map(|(n, byte)| Value::Bytes(vec![byte; n])),
        vec(any::<u8>(), 0..200).prop_map(Value::Bytes),
        select(&WORDS[..]).prop_map(Value::Word),
    ];
    leaf.prop_recursive(4, 64, 10, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..11).prop_map(Value::Array),
            vec((inner.clone(), inner), 0..4).prop_map(Value::Map),
        ]
    })
}

/// An instant, a peer's number, an index: what stands in a command that could be valid.
fn small() -> impl Strategy<Value = Value> {
    prop_oneof![
        8 => (0..4_u64).prop_map(Value::Unsigned),
        1 => any::<u64>().prop_map(Value::Unsigned),
        1 => any::<f64>().prop_map(Value::Real),
    ]
}

fn endpoints() -> impl Strategy<Value = Value> {
    (select(vec![4_usize, 16]), any::<u8>(), any::<u16>()).prop_map(|(size, byte, port)| {
        Value::Map(vec![
            (Value::Word("host"), Value::Bytes(vec![byte; size])),
            (Value::Word("port"), Value::Unsigned(port.into())),
        ])
    })
}

fn sessions() -> impl Strategy<Value = Value> {
    let key = || any::<u8>().prop_map(|byte| Value::Bytes(vec![byte; 32]));
    let initiator = any::<bool>().prop_map(Value::Truth);
    let limits = (small(), small(), small(), small(), small());
    (small(), small(), key(), key(), initiator, limits).prop_map(
        |(local, remote, send, receive, initiator, (born, late, later, dies, counter))| {
            Value::Array(vec![
                local, remote, send, receive, initiator, born, late, later, dies, counter,
            ])
        },
    )
}

fn paths() -> impl Strategy<Value = Value> {
    (endpoints(), select(vec![0_usize, 4, 16]), small(), small()).prop_map(
        |(endpoint, local, interface, at)| {
            Value::Array(vec![endpoint, Value::Bytes(vec![7; local]), interface, at])
        },
    )
}

/// Commands that are valid, or nearly.
fn commands() -> impl Strategy<Value = Value> {
    let bytes = vec(any::<u8>(), 0..160).prop_map(Value::Bytes);
    let prefix = (select(vec![4_usize, 16]), 0..=128_u64).prop_map(|(size, length)| {
        Value::Map(vec![
            (Value::Word("network"), Value::Bytes(vec![0; size])),
            (Value::Word("length"), Value::Unsigned(length)),
        ])
    });
    let rest = prop_oneof![
        Just(vec![]),
        small().prop_map(|one| vec![one]),
        any::<bool>().prop_map(|one| vec![Value::Truth(one)]),
        endpoints().prop_map(|one| vec![one]),
        sessions().prop_map(|one| vec![one]),
        vec(prefix, 0..3).prop_map(|all| vec![Value::Array(all)]),
        (paths(), small()).prop_map(|(path, size)| vec![path, size]),
        (bytes, paths()).prop_map(|(datagram, path)| vec![datagram, path]),
        vec(values(), 0..3),
    ];
    (select(&WORDS[..]), small(), rest).prop_map(|(word, number, rest)| {
        Value::Array([vec![Value::Word(word), number], rest].concat())
    })
}

fn encoded(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    value.write(&mut bytes);
    bytes
}

/// Reads and carries out; returns whether it was valid.
fn carried_out(core: &mut Stepped, bytes: &[u8], now: f64) -> bool {
    decode::commands(bytes).is_ok_and(|batch| core.apply(batch, now).is_ok())
}

proptest! {
    #[test]
    fn any_bytes_are_read_as_commands_or_refused(bytes in vec(any::<u8>(), 0..300)) {
        let _read = decode::commands(&bytes);
        let _read = decode::numbers(&bytes);
        let _read = decode::path(&bytes);
    }

    #[test]
    fn any_msgpack_is_read_as_commands_or_refused(value in values()) {
        let bytes = encoded(&Value::Array(vec![value]));
        carried_out(&mut Stepped::new(same_random()), &bytes, 1.0);
    }

    /// Cut anywhere, or with something behind it, a batch is refused: nobody carries out half of it.
    #[test]
    fn half_a_batch_is_refused_and_so_is_more_than_one(
        batch in vec(commands(), 0..4), part in 0.0..1.0, behind: u8,
    ) {
        let bytes = encoded(&Value::Array(batch));
        let part = (bytes.len() as f64 * part) as usize;
        prop_assert!(decode::commands(&bytes[..part]).is_err());
        prop_assert!(decode::commands(&[&bytes[..], &[behind]].concat()).is_err());
    }

    #[test]
    fn whatever_commands_a_core_was_given_it_serves(
        batches in vec(vec(commands(), 1..4), 1..30),
        datagrams in vec(vec(any::<u8>(), 0..160), 1..10),
    ) {
        let mut core = Stepped::new(same_random());
        let about = |word| Value::Array(vec![Value::Word(word), Value::Unsigned(1)]);
        prop_assert!(carried_out(&mut core, &encoded(&Value::Array(vec![about("Add")])), 0.5));
        for (batch, now) in batches.into_iter().zip(1..) {
            let now = f64::from(now);
            carried_out(&mut core, &encoded(&Value::Array(batch)), now);
            for datagram in &datagrams {
                core.outer(datagram, &path_from(0), now, 3);
                core.inner(datagram, now);
            }
            core.inner(&packet(0, 1, 20), now);
            core.drain();
        }
    }

    /// Whatever a datagram begins with, and however often it comes.
    #[test]
    fn any_datagram_is_dropped_without_a_trace(
        side in sides(), kind in 0..6_u8, index in 0..8_u8,
        tails in vec(vec(any::<u8>(), 0..160), 1..20), tos: u8,
    ) {
        let mut ends = Ends::new();
        ends.install(0, Limits::NONE);
        ends.take_sent(0);
        let before = ends.snapshot(side);
        let now = ends.now;
        for tail in tails {
            let datagram = [&[kind, 0, 0, 0, index, 0, 0, 0][..], &tail].concat();
            ends.cores[side].outer(&datagram, &path_from(1 - side), now, tos);
        }
        prop_assert!(ends.cores[side].take_packets().is_empty());
        prop_assert!(ends.take_sent(side).is_empty());
        prop_assert_eq!(before, ends.snapshot(side));
    }

    /// Whatever the host sends: a packet with a way, or something that is none.
    #[test]
    fn any_packet_is_carried_whole_or_dropped(side in sides(), first in 0..3_usize, packets in
        vec(vec(any::<u8>(), 0..120), 1..20),
    ) {
        let mut ends = Ends::new();
        ends.install(side, Limits::NONE);
        for datagram in ends.take_sent(side) {
            ends.carry(1 - side, &datagram);
        }
        for (mut bytes, number) in packets.into_iter().zip(0..) {
            if first > 0 && bytes.len() > 20 {
                let length = (bytes.len() as u16).to_be_bytes();
                bytes[..20].copy_from_slice(&packet(side, number, 0)[..20]);
                if first == 1 {
                    bytes[2..4].copy_from_slice(&length);
                }
            }
            ends.cores[side].inner(&bytes, ends.now);
            // One that claims to be longer than it is takes some of its padding along.
            bytes.extend([0; PADDING]);
            for datagram in ends.take_sent(side) {
                for came in ends.carry(1 - side, &datagram) {
                    prop_assert!(bytes.starts_with(&came));
                }
            }
        }
    }
}
