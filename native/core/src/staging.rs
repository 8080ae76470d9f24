//! Packets that wait for a session: 128 for each peer, 64 MiB for all, the oldest dropped first.

use std::collections::{BTreeMap, VecDeque};
use std::hash::Hash;

use crate::constants::MAX_STAGED_PACKETS;
use crate::hash::NumberMap;

/// Bytes that all staged packets may take together.
pub const MAX_STAGED_BYTES: usize = 64 << 20;
/// Bytes charged for a packet beside its own, so that tiny packets are bounded in memory too.
pub const BOOKKEEPING: usize = 256;

/// The staged packets of all peers, in the order in which they came.
///
/// An empty packet is a keepalive that waits. A peer that loses its last packet to others may ask
/// for a session again; [`Stage::take_emptied`] names it.
#[derive(Debug)]
pub struct Stage<P> {
    max_bytes: usize,
    bytes: usize,
    next: u64,
    packets: BTreeMap<u64, (P, Box<[u8]>)>,
    peers: NumberMap<P, VecDeque<u64>>,
    emptied: Vec<P>,
}

impl<P: Copy + Eq + Hash> Default for Stage<P> {
    fn default() -> Self {
        Self::with_max_bytes(MAX_STAGED_BYTES)
    }
}

impl<P: Copy + Eq + Hash> Stage<P> {
    /// Returns a stage for so many bytes, bookkeeping included.
    pub fn with_max_bytes(max_bytes: usize) -> Self {
        Self {
            max_bytes,
            bytes: 0,
            next: 0,
            packets: BTreeMap::new(),
            peers: NumberMap::default(),
            emptied: Vec::new(),
        }
    }

    /// Lets a packet wait; returns how many others had to give way.
    pub fn add(&mut self, peer: P, packet: &[u8]) -> usize {
        let before = self.packets.len();
        let own = self.peers.entry(peer).or_default();
        let oldest = if own.len() >= MAX_STAGED_PACKETS { own.pop_front() } else { None };
        own.push_back(self.next);
        if let Some(oldest) = oldest {
            self.remove(oldest);
        }
        self.packets.insert(self.next, (peer, packet.into()));
        self.next += 1;
        self.bytes += packet.len() + BOOKKEEPING;
        while self.bytes > self.max_bytes {
            self.drop_oldest();
        }
        before + 1 - self.packets.len()
    }

    /// Returns the peer's packets, oldest first; none of them waits any longer.
    pub fn take(&mut self, peer: P) -> Vec<Box<[u8]>> {
        let own = self.peers.remove(&peer).unwrap_or_default();
        own.into_iter().filter_map(|serial| self.remove(serial)).collect()
    }

    /// Whether a packet of the peer waits.
    pub fn has(&self, peer: P) -> bool {
        self.peers.contains_key(&peer)
    }

    /// Returns the peers that lost their last packet to others since this was asked before.
    pub fn take_emptied(&mut self) -> Vec<P> {
        std::mem::take(&mut self.emptied)
    }

    /// Returns how many packets wait.
    pub fn len(&self) -> usize {
        self.packets.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// Returns the bytes that wait, bookkeeping included.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The oldest packet of all is the oldest of its peer.
    fn drop_oldest(&mut self) {
        let Some((_, (peer, packet))) = self.packets.pop_first() else {
            return;
        };
        self.bytes -= packet.len() + BOOKKEEPING;
        let Some(own) = self.peers.get_mut(&peer) else {
            return;
        };
        own.pop_front();
        if own.is_empty() {
            self.peers.remove(&peer);
            self.emptied.push(peer);
        }
    }

    fn remove(&mut self, serial: u64) -> Option<Box<[u8]>> {
        let (_, packet) = self.packets.remove(&serial)?;
        self.bytes -= packet.len() + BOOKKEEPING;
        Some(packet)
    }
}

#[cfg(test)]
mod tests;
