//! Packets from the inner side: which peer takes them, and the answer when none can (paper 2).

use std::sync::Arc;

use crate::addresses::Instant;
use crate::claims::destination;
use crate::constants::REKEY_AFTER_MESSAGES;
use crate::core::Core;
use crate::counters::Count;
use crate::ecn::outer_tos;
use crate::icmp::{too_big, unreachable};
use crate::notices::{WANTED_SENT_LATE, WANTED_STAGED};
use crate::outgoing::{Inner, LARGEST_PACKET, Outgoing, Packets, Run};
use crate::peers::PeerNumber;

/// Answers for packets that have no way; beyond that many in a second none is given.
pub const ANSWERS_PER_SECOND: u32 = 100;

/// Whose a packet is, and its outer traffic class.
struct Next {
    peer: PeerNumber,
    tos: u8,
}

impl Core {
    /// Decides about packets read from the inner side, in their order: those in a row with one peer
    /// and one class make one run, others wait for a session, are answered or dropped.
    pub fn send_inner(&mut self, read: &[Inner<'_>], now: Instant, outgoing: &mut Outgoing) {
        for (position, inner) in read.iter().enumerate() {
            let Some(next) = self.way_out(inner, now, outgoing) else { continue };
            if !self.add_to_run(position, inner, &next, now, outgoing) {
                self.stage_all(inner, next.peer, now);
            }
        }
    }

    /// Accounts for a run of which `bytes` left (paper 6.2: a session past its time is renewed).
    pub fn sent(&mut self, number: PeerNumber, bytes: usize, data: u64, now: Instant) {
        let Some(peer) = self.peers.get_mut(number) else { return };
        peer.tx_bytes += bytes as u64;
        if data > 0 {
            peer.activity += data;
            if bytes > 0 {
                peer.stamps.sent_data(now);
            }
            if peer.resting {
                self.ready.wake(number, peer);
            }
        }
        if let Some(current) = peer.slots.current.as_deref_mut()
            && (now >= current.renew_on_send_at || current.counter > REKEY_AFTER_MESSAGES)
            && current.may_send
            && !current.asked_on_send
        {
            current.asked_on_send = true;
            self.ready.raise(number, peer, WANTED_SENT_LATE);
        }
    }

    /// Accounts for a handshake message of which `bytes` left.
    pub fn sent_datagram(&mut self, number: PeerNumber, bytes: usize) {
        if let Some(peer) = self.peers.get_mut(number) {
            peer.tx_bytes += bytes as u64;
        }
    }

    /// Sends what is staged; if no session can, asks for one.
    pub(crate) fn flush_staged(
        &mut self,
        number: PeerNumber,
        now: Instant,
        outgoing: &mut Outgoing,
    ) {
        if !self.stage.has(number) {
            return;
        }
        let Some(peer) = self.peers.get_mut(number) else { return };
        if peer.slots.sender(1, now).is_none() {
            return self.ask_for_session(number);
        }
        if peer.way.is_none() {
            return;
        }
        let first = outgoing.runs.len();
        for packet in self.stage.take(number) {
            self.send_staged(number, packet, first, now, outgoing);
        }
    }

    /// Stages an empty packet if nothing is staged, then sends what is.
    pub(crate) fn send_keepalive(
        &mut self,
        number: PeerNumber,
        now: Instant,
        outgoing: &mut Outgoing,
    ) {
        if !self.stage.has(number) {
            self.stage_packet(number, &[]);
            if let Some(peer) = self.peers.get_mut(number)
                && peer.slots.sender(1, now).is_none()
            {
                peer.stamps.last_staged = Some(now);
            }
        }
        self.flush_staged(number, now, outgoing);
    }

    /// Gives up on what is staged, and lets the next packet ask for a session again.
    pub(crate) fn drop_staged(&mut self, number: PeerNumber) {
        let dropped = self.stage.take(number).len();
        self.counters.add(Count::Abandoned, dropped);
        if let Some(peer) = self.peers.get_mut(number) {
            peer.asked = false;
        }
    }

    /// Finds out whose a packet is; without a way for it, sees to what is said about that.
    fn way_out(
        &mut self,
        inner: &Inner<'_>,
        now: Instant,
        outgoing: &mut Outgoing,
    ) -> Option<Next> {
        let count = inner.train.count();
        let Some(destination) = destination(inner.packet) else {
            self.counters.add(Count::OutboundMalformed, count);
            return None;
        };
        if !self.up {
            self.counters.add(Count::Down, count);
            return None;
        }
        let owner = self.routes.lookup(destination);
        match owner {
            Some(peer) if self.peers.get(peer).is_some_and(|peer| peer.way.is_some()) => {
                if inner.train.length(0) <= LARGEST_PACKET {
                    return Some(Next { peer, tos: outer_tos(inner.packet) });
                }
                self.counters.add(Count::TooBig, count);
                self.answer(too_big(&inner.get(0), LARGEST_PACKET as u32), now, outgoing);
            }
            _ => {
                let why = if owner.is_none() { Count::NoRoute } else { Count::NoEndpoint };
                self.counters.add(why, count);
                self.answer(unreachable(&inner.get(0)), now, outgoing);
            }
        }
        None
    }

    /// Adds a packet to the last run, or begins one; false if no session can send it.
    fn add_to_run(
        &mut self,
        position: usize,
        inner: &Inner<'_>,
        next: &Next,
        now: Instant,
        outgoing: &mut Outgoing,
    ) -> bool {
        let count = inner.train.count() as u64;
        let Some(peer) = self.peers.get_mut(next.peer) else { return true };
        let Some(session) = peer.slots.sender(count, now) else { return false };
        let counter = session.counter;
        session.counter += count;
        peer.stamps.sent(now);
        if let Some(last) = outgoing.runs.last_mut()
            && last.peer == next.peer
            && last.tos == next.tos
            && let Packets::Read(range) = &mut last.packets
            && range.end == position
        {
            range.end += 1;
            last.data += count;
            return true;
        }
        if let Some(way) = peer.way {
            outgoing.runs.push(Run {
                peer: next.peer,
                way,
                keys: Arc::clone(&session.keys),
                receiver: session.remote_index,
                counter,
                tos: next.tos,
                mtu: self.mtu,
                data: count,
                packets: Packets::Read(position..position + 1),
            });
        }
        true
    }

    /// Adds a packet that waited to the last run, if that is not older than `first`, or begins one.
    /// What the session's last counters do not suffice for waits again.
    fn send_staged(
        &mut self,
        number: PeerNumber,
        packet: Box<[u8]>,
        first: usize,
        now: Instant,
        outgoing: &mut Outgoing,
    ) {
        let Some(peer) = self.peers.get_mut(number) else { return };
        let (Some(way), Some(session)) = (peer.way, peer.slots.sender(1, now)) else {
            self.stage_packet(number, &packet);
            return self.staged(number, now);
        };
        let (tos, data) = (outer_tos(&packet), u64::from(!packet.is_empty()));
        let counter = session.counter;
        session.counter += 1;
        peer.stamps.sent(now);
        if let Some(last) = outgoing.runs[first..].last_mut()
            && last.tos == tos
            && let Packets::Staged(packets) = &mut last.packets
        {
            last.data += data;
            return packets.push(packet);
        }
        outgoing.runs.push(Run {
            peer: number,
            way,
            keys: Arc::clone(&session.keys),
            receiver: session.remote_index,
            counter,
            tos,
            mtu: self.mtu,
            data,
            packets: Packets::Staged(vec![packet]),
        });
    }

    fn stage_all(&mut self, inner: &Inner<'_>, number: PeerNumber, now: Instant) {
        for index in 0..inner.train.count() {
            self.stage_packet(number, &inner.get(index));
        }
        self.staged(number, now);
    }

    /// Notes that packets of a peer wait, and asks for a session unless that was done.
    fn staged(&mut self, number: PeerNumber, now: Instant) {
        let Some(peer) = self.peers.get_mut(number) else { return };
        peer.stamps.last_staged = Some(now);
        if !peer.asked {
            self.ask_for_session(number);
        }
    }

    fn stage_packet(&mut self, number: PeerNumber, packet: &[u8]) {
        let dropped = self.stage.add(number, packet);
        self.counters.add(Count::Staged, dropped);
        for emptied in self.stage.take_emptied() {
            if let Some(peer) = self.peers.get_mut(emptied) {
                peer.asked = false;
            }
        }
    }

    fn ask_for_session(&mut self, number: PeerNumber) {
        if let Some(peer) = self.peers.get_mut(number) {
            peer.asked = true;
            self.ready.raise(number, peer, WANTED_STAGED);
        }
    }

    /// Gives the host an answer, unless there were too many in this second.
    fn answer(&mut self, answer: Option<Vec<u8>>, now: Instant, outgoing: &mut Outgoing) {
        if now >= self.answers_until {
            self.answers_until = now + 1.0;
            self.answers_left = ANSWERS_PER_SECOND;
        }
        if let Some(answer) = answer
            && self.answers_left > 0
        {
            self.answers_left -= 1;
            self.counters.add(Count::Answers, 1);
            outgoing.answers.push(answer);
        }
    }
}
