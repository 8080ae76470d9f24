//! What happens between the deciding and the accounting of a step, while others have the core.

use std::mem::size_of;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use super::Core;
use crate::addresses::{NEVER, Prefix, Way};
use crate::commands::{Command, NewSession, PeerCommand};
use crate::constants::{KEY_SIZE, TRANSPORT_OVERHEAD};
use crate::counters::{Count, Counters};
use crate::incoming::{Arrival, Incoming};
use crate::outgoing::{Inner, Outgoing};
use crate::segment::Train;
use crate::transport::Key;

const PEER: u64 = 7;
const INDEX: u32 = 1;
const OURS: [u8; KEY_SIZE] = [1; KEY_SIZE];
const THEIRS: [u8; KEY_SIZE] = [2; KEY_SIZE];

fn core() -> (Core, Arc<Counters>) {
    let counters = Arc::new(Counters::default());
    let mut core = Core::new(Arc::clone(&counters), Box::new(|bytes| bytes.fill(3)));
    let everything = Prefix { address: Ipv4Addr::UNSPECIFIED.into(), length: 0 };
    let session = NewSession {
        local_index: INDEX,
        remote_index: 2,
        send_key: Key::copy(&OURS),
        receive_key: Key::copy(&THEIRS),
        initiator: true,
        renew_on_send_at: NEVER,
        renew_on_receive_at: NEVER,
        dies_at: NEVER,
        first_counter: 0,
    };
    let about = [
        PeerCommand::Add,
        PeerCommand::Route(vec![everything]),
        PeerCommand::SetEndpoint(endpoint()),
        PeerCommand::Install(Box::new(session)),
    ];
    let mut commands = vec![Command::Sockets { v4: Some(0), v6: None }];
    commands.extend(about.map(|one| Command::Peer(PEER, one)));
    core.apply(commands, 1.0, &mut Outgoing::default()).unwrap();
    (core, counters)
}

fn endpoint() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 9))
}

/// Returns an IPv4 packet without payload.
fn packet() -> Vec<u8> {
    let mut packet = vec![0; 20];
    packet[0] = 0x45;
    packet[3] = 20;
    packet[12..16].copy_from_slice(&[10, 0, 0, 2]);
    packet[16..20].copy_from_slice(&[10, 0, 0, 3]);
    packet
}

/// Receives a good message up to the point at which it is opened.
fn receive(core: &mut Core, counter: u64, now: f64) -> (Vec<u8>, Incoming) {
    let mut message = vec![0; TRANSPORT_OVERHEAD];
    message.splice(16..16, packet());
    Key::copy(&THEIRS).cipher().seal(INDEX, counter, &mut message);
    let length = message.len();
    let arrival = Arrival { start: 0, length, segment: length, way: Way::to(endpoint()), tos: 0 };
    let mut incoming = Incoming::default();
    core.arrive_untrusted(&message, &[arrival], now, &mut incoming, &mut Outgoing::default());
    incoming.open_untrusted(&mut message);
    (message, incoming)
}

#[test]
fn data_answered_before_it_is_accounted_for_is_not_unanswered() {
    let (mut core, _) = core();
    let packet = packet();
    let read = [Inner { packet: &packet, train: Train::whole(&packet) }];
    core.send_inner(&read, 10.0, &mut Outgoing::default());
    let (mut message, mut incoming) = receive(&mut core, 0, 10.5);
    core.judge(&mut message, &mut incoming, 10.5, &mut Outgoing::default());
    core.sent(PEER, 52, 1, 10.0);
    assert_eq!(core.peer(PEER).unwrap().stamps.unanswered_since, None);
    core.sent(PEER, 52, 1, 11.0);
    assert_eq!(core.peer(PEER).unwrap().stamps.unanswered_since, Some(11.0));
}

#[test]
fn messages_of_a_session_that_ended_while_they_were_opened_are_counted() {
    let (mut core, counters) = core();
    let (mut message, mut incoming) = receive(&mut core, 0, 2.0);
    let end = vec![Command::Peer(PEER, PeerCommand::EraseSessions)];
    core.apply(end, 2.0, &mut Outgoing::default()).unwrap();
    core.judge(&mut message, &mut incoming, 2.0, &mut Outgoing::default());
    assert!(incoming.packets.is_empty());
    assert_eq!(core.peer(PEER).unwrap().rx_bytes, 0);
    assert_eq!(counters.get(Count::UnknownIndex), 1);
}

#[test]
fn nothing_is_taken_in_once_it_is_down() {
    let (mut core, counters) = core();
    core.apply(vec![Command::Sockets { v4: None, v6: None }], 2.0, &mut Outgoing::default())
        .unwrap();
    let (_, incoming) = receive(&mut core, 0, 2.0);
    assert!(incoming.messages.is_empty());
    assert_eq!(counters.get(Count::Down), 1);
}

#[test]
fn what_is_to_be_sent_comes_in_parts_where_sockets_are_replaced() {
    let (mut core, _) = core();
    let send = |size| {
        let datagram = vec![0; size];
        Command::Peer(PEER, PeerCommand::Send { datagram, path: None })
    };
    let keepalive = || Command::Peer(PEER, PeerCommand::Keepalive { rearm: false });
    let replace = || Command::Sockets { v4: Some(0), v6: None };
    let commands =
        vec![keepalive(), send(1), replace(), replace(), send(2), send(3), replace(), keepalive()];
    let mut outgoing = Outgoing::default();
    core.apply(commands, 2.0, &mut outgoing).unwrap();
    let parts: Vec<_> = outgoing
        .parts()
        .into_iter()
        .map(|part| (part.datagrams.iter().map(|one| one.bytes.len()).sum(), part.runs.len()))
        .collect();
    assert_eq!(parts, [(1, 1), (0, 0), (5, 0), (0, 1)]);
}

/// Whoever moves a key moves a pointer: the bytes have one place, and are erased there.
#[test]
fn a_key_is_not_copied_when_it_moves() {
    assert_eq!(size_of::<Key>(), size_of::<usize>());
}
