//! Datagrams from the network: looked up, and once opened judged and handed inward.
//!
//! The order of the checks is the protocol's (PROTOCOL: sessions): index and age, the tag, the replay
//! window, then endpoint, promotion and stamps, and only then what the packet says of itself. A
//! forged or replayed message changes nothing.

use std::sync::Arc;

use crate::addresses::{Endpoint, Instant, Way};
use crate::claims::source_and_length;
use crate::constants::{
    REJECT_AFTER_MESSAGES, TAG_SIZE, TRANSPORT_HEADER_SIZE, TRANSPORT_OVERHEAD,
};
use crate::core::Core;
use crate::counters::Count;
use crate::ecn::decapsulate;
use crate::incoming::{Arrival, Group, Incoming, Message};
use crate::joined::Span;
use crate::notices::{CONFIRMED, UNKNOWN, WANTED_RECEIVED_LATE};
use crate::outgoing::{Datagram, Outgoing};
use crate::peers::PeerNumber;
use crate::transport::TRANSPORT;

/// Seconds between two looks at the peers of an endpoint that sends unknown indices: a source can be
/// forged, and control is woken by none of them more often than it could act on it.
const LOOK_INTERVAL: f64 = 1.0;
const MAX_LOOKED_AT: usize = 4096;

impl Core {
    /// Sorts datagrams: transport messages of live sessions are added to `incoming`, handshake
    /// messages go to the doorman, whose cookie replies are added to `outgoing`; the rest is counted.
    pub fn arrive_untrusted(
        &mut self,
        buffer: &[u8],
        arrivals: &[Arrival],
        now: Instant,
        incoming: &mut Incoming,
        outgoing: &mut Outgoing,
    ) {
        if !self.up {
            // it went down while they were received
            return self.counters.add(Count::Down, arrivals.len());
        }
        for arrival in arrivals {
            let first = incoming.groups.len();
            let mut start = arrival.start;
            let end = (arrival.start + arrival.length).min(buffer.len());
            loop {
                let stop = end.min(start + arrival.segment.max(1));
                let datagram = &buffer[start..stop];
                if datagram.len() >= TRANSPORT_OVERHEAD && datagram[0] == TRANSPORT[0] {
                    self.sort_untrusted(datagram, start, arrival, first, now, incoming);
                } else {
                    self.ask_doorman(datagram, &arrival.way, now, outgoing);
                }
                start = stop;
                if start >= end {
                    break;
                }
            }
        }
    }

    /// Judges what was opened: authentic and fresh messages move their peer's endpoint, sessions and
    /// stamps, and their packets are added to `incoming.packets` if they may pass. What a confirmed
    /// session lets go is added to `outgoing`.
    pub fn judge(
        &mut self,
        buffer: &mut [u8],
        incoming: &mut Incoming,
        now: Instant,
        outgoing: &mut Outgoing,
    ) {
        let Incoming { groups, messages, packets } = incoming;
        for group in groups.iter() {
            let messages = &mut messages[group.messages.clone()];
            if self.authenticate(group, messages, now, outgoing) {
                self.pass_on(group, messages, buffer, now, packets);
            }
        }
    }

    fn ask_doorman(&mut self, datagram: &[u8], way: &Way, now: Instant, outgoing: &mut Outgoing) {
        let reply = self.doorman.receive(datagram, way, now, &self.counters, &mut *self.random);
        if let Some(reply) = reply {
            outgoing.datagrams.push(Datagram {
                peer: None,
                way: *way,
                tos: 0,
                bytes: reply.to_vec(),
            });
        }
    }

    /// Adds a message of the size of a transport message to the step, or counts why not.
    fn sort_untrusted(
        &mut self,
        datagram: &[u8],
        start: usize,
        arrival: &Arrival,
        first: usize,
        now: Instant,
        incoming: &mut Incoming,
    ) {
        let (Some((kind, rest)), Some(counter)) =
            (datagram.split_first_chunk::<4>(), datagram.get(8..16).and_then(eight))
        else {
            return;
        };
        let Some(index) = rest.first_chunk::<4>().map(|bytes| u32::from_le_bytes(*bytes)) else {
            return;
        };
        if *kind != TRANSPORT {
            return self.counters.add(Count::Malformed, 1);
        }
        let message = Message {
            counter,
            sealed: Span {
                start: (start + TRANSPORT_HEADER_SIZE) as u32,
                end: (start + datagram.len()) as u32,
            },
            authentic: false,
        };
        if counter < REJECT_AFTER_MESSAGES
            && incoming.groups.len() > first
            && let Some(last) = incoming.groups.last_mut()
            && last.index == index
        {
            last.messages.end += 1;
            return incoming.messages.push(message);
        }
        let Some(&number) = self.by_index.get(&index) else {
            self.counters.add(Count::UnknownIndex, 1);
            return self.notice_unknown(arrival.way.endpoint, now);
        };
        let session = self.peers.get_mut(number).and_then(|peer| peer.slots.by_index(index));
        let Some(session) = session.filter(|session| now < session.dies_at) else {
            return self.counters.add(Count::Expired, 1);
        };
        if counter >= REJECT_AFTER_MESSAGES {
            return self.counters.add(Count::Expired, 1);
        }
        let position = incoming.messages.len();
        incoming.groups.push(Group {
            peer: number,
            index,
            keys: Arc::clone(&session.keys),
            way: arrival.way,
            tos: arrival.tos,
            messages: position..position + 1,
        });
        incoming.messages.push(message);
    }

    fn notice_unknown(&mut self, endpoint: Endpoint, now: Instant) {
        let residents = self.peers.at(&endpoint).to_vec();
        if residents.is_empty() {
            return;
        }
        let looked_at = self.looked_at.get(&endpoint);
        if looked_at.is_some_and(|at| now < at + LOOK_INTERVAL) {
            return;
        }
        if self.looked_at.len() >= MAX_LOOKED_AT {
            self.looked_at.clear();
        }
        self.looked_at.insert(endpoint, now);
        for number in residents {
            if let Some(peer) = self.peers.get_mut(number)
                && !peer.slots.is_live(now)
            {
                self.ready.raise(number, peer, UNKNOWN);
            }
        }
    }

    /// Takes the authentic messages of a group to heart: which are fresh, where they came from, under
    /// which session, when. False if none was fresh.
    fn authenticate(
        &mut self,
        group: &Group,
        messages: &mut [Message],
        now: Instant,
        outgoing: &mut Outgoing,
    ) -> bool {
        let number = group.peer;
        let peer = self.peers.get_mut(number);
        let session = peer.and_then(|peer| peer.slots.by_index(group.index));
        if session.is_none_or(|one| !Arc::ptr_eq(&one.keys, &group.keys)) {
            // it ended while its messages were opened
            self.counters.add(Count::UnknownIndex, messages.len());
            return false;
        }
        let Some(peer) = self.peers.get_mut(number) else { return false };
        let Some(session) = peer.slots.by_index(group.index) else { return false };
        let (mut fresh, mut bytes) = (0usize, 0usize);
        for message in messages {
            if !message.authentic {
                self.counters.add(Count::Forged, 1);
            } else if session.window.accept(message.counter) {
                fresh += 1;
                bytes += message.size();
            } else {
                message.authentic = false;
                self.counters.add(Count::Replayed, 1);
            }
        }
        if fresh == 0 {
            return false;
        }
        peer.rx_bytes += bytes as u64;
        peer.stamps.received(now);
        peer.located_at = now;
        let (moved, confirms) = (peer.way != Some(group.way), peer.slots.is_next(group.index));
        if moved {
            self.peers.locate(number, group.way);
        }
        if confirms {
            self.confirm(number, group.index, now, outgoing);
        }
        self.ask_if_received_late(number, now);
        true
    }

    fn confirm(&mut self, number: PeerNumber, index: u32, now: Instant, outgoing: &mut Outgoing) {
        let Some(peer) = self.peers.get_mut(number) else { return };
        let ended = peer.slots.promote();
        peer.asked = false;
        peer.confirmed = (index, now);
        self.ready.raise(number, peer, CONFIRMED);
        self.end([ended]);
        self.flush_staged(number, now, outgoing);
    }

    fn ask_if_received_late(&mut self, number: PeerNumber, now: Instant) {
        let Some(peer) = self.peers.get_mut(number) else { return };
        if let Some(current) = peer.slots.current.as_deref_mut()
            && now >= current.renew_on_receive_at
            && !current.asked_on_receive
            && current.may_send
        {
            current.asked_on_receive = true;
            self.ready.raise(number, peer, WANTED_RECEIVED_LATE);
        }
    }

    /// Adds to `packets` what the fresh messages of a group carried, where that is a whole IP packet
    /// from one of the peer's addresses.
    fn pass_on(
        &mut self,
        group: &Group,
        messages: &[Message],
        buffer: &mut [u8],
        now: Instant,
        packets: &mut Vec<Span>,
    ) {
        let mut data = 0;
        let mut last = None;
        for message in messages.iter().filter(|message| message.authentic) {
            let Span { start, end } = message.sealed;
            let packet = &mut buffer[start as usize..end as usize - TAG_SIZE];
            if packet.is_empty() {
                continue;
            }
            data += 1;
            let Some((source, length)) = source_and_length(packet) else {
                self.counters.add(Count::InnerMalformed, 1);
                continue;
            };
            if last != Some(source) {
                if self.routes.lookup(source) != Some(group.peer) {
                    self.counters.add(Count::WrongSource, 1);
                    continue;
                }
                last = Some(source);
            }
            if group.tos & 1 != 0 {
                decapsulate(packet, group.tos); // ECT(1) or CE; ECT(0) changes nothing inside
            }
            packets.push(Span { start, end: start + length as u32 });
        }
        if data == 0 {
            return;
        }
        let Some(peer) = self.peers.get_mut(group.peer) else { return };
        peer.activity += data;
        peer.stamps.received_data(data, now);
        if peer.resting {
            self.ready.wake(group.peer, peer);
        }
    }
}

fn eight(bytes: &[u8]) -> Option<u64> {
    bytes.first_chunk::<8>().map(|bytes| u64::from_le_bytes(*bytes))
}
