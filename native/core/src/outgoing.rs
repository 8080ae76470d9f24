//! What is to be sent, decided under the lock, and how it is sealed into UDP trains outside it.
//!
//! A train is a run of messages to one peer with one traffic class, equal in size but for a shorter
//! last one: what one UDP GSO send takes. Each packet is copied once, to the place from which it
//! leaves, and sealed there.

use std::ops::Range;
use std::sync::Arc;

use crate::addresses::Way;
use crate::constants::{PADDING, TRANSPORT_HEADER_SIZE, TRANSPORT_OVERHEAD};
use crate::peers::PeerNumber;
use crate::segment::Train;
use crate::sessions::Keys;

/// Bytes of UDP payload in one send.
pub const MAX_TRAIN: usize = 65507;
/// Datagrams in one send.
pub const MAX_SEGMENTS: usize = 64;
/// Bytes of the largest packet that one datagram carries, padded and sealed.
pub const LARGEST_PACKET: usize = (MAX_TRAIN - TRANSPORT_OVERHEAD) / PADDING * PADDING;

/// A packet from the inner side, or a train that stands for several.
#[derive(Clone, Copy, Debug)]
pub struct Inner<'a> {
    /// The bytes behind the virtio header, if there is one.
    pub packet: &'a [u8],
    /// How to cut it.
    pub train: Train,
}

impl Inner<'_> {
    /// Hands each packet on as its length and a function that writes it to a place of that length.
    pub fn each(&self, take: &mut impl FnMut(usize, &dyn Fn(&mut [u8]))) {
        for index in 0..self.train.count() {
            let write = |to: &mut [u8]| self.train.write(self.packet, index, to);
            take(self.train.length(index), &write);
        }
    }

    /// Returns one of its packets.
    pub fn get(&self, index: usize) -> Vec<u8> {
        let mut packet = vec![0; self.train.length(index)];
        self.train.write(self.packet, index, &mut packet);
        packet
    }
}

/// Packets of one peer with one traffic class, that take consecutive counters of one session.
#[derive(Debug)]
pub struct Run {
    /// Whose they are.
    pub peer: PeerNumber,
    /// Where they go.
    pub way: Way,
    /// The keys they are sealed under.
    pub keys: Arc<Keys>,
    /// The other end's index.
    pub receiver: u32,
    /// The first one's counter.
    pub counter: u64,
    /// The outer traffic class.
    pub tos: u8,
    /// Padding stays within this length.
    pub mtu: usize,
    /// How many of them are data; keepalives are not.
    pub data: u64,
    /// The packets themselves.
    pub packets: Packets,
}

/// The packets of a run.
#[derive(Debug)]
pub enum Packets {
    /// These of the batch that was read from the inner side, in a row.
    Read(Range<usize>),
    /// Packets that waited for a session.
    Staged(Vec<Box<[u8]>>),
}

/// A handshake message or cookie reply, ready to go.
#[derive(Debug)]
pub struct Datagram {
    /// Whose bytes count it is in, if anybody's.
    pub peer: Option<PeerNumber>,
    /// Where it goes.
    pub way: Way,
    /// The traffic class.
    pub tos: u8,
    /// The message.
    pub bytes: Vec<u8>,
}

/// All that one step wants sent: datagrams, then runs; and packets to answer the host with.
#[derive(Debug, Default)]
pub struct Outgoing {
    /// Messages that are whole.
    pub datagrams: Vec<Datagram>,
    /// Packets to be sealed.
    pub runs: Vec<Run>,
    /// IP packets for the inner side.
    pub answers: Vec<Vec<u8>>,
    /// How many datagrams and runs there were at each point where the sockets are replaced.
    replaced_at: Vec<[usize; 2]>,
}

impl Outgoing {
    /// Whether nothing is to be done.
    pub fn is_empty(&self) -> bool {
        self.datagrams.is_empty() && self.runs.is_empty() && self.answers.is_empty()
    }

    /// Forgets everything, and keeps the memory.
    pub fn clear(&mut self) {
        self.datagrams.clear();
        self.runs.clear();
        self.answers.clear();
        self.replaced_at.clear();
    }

    /// Notes that the sockets are replaced here: what was added so far leaves by the old ones.
    pub(crate) fn replace_sockets(&mut self) {
        self.replaced_at.push([self.datagrams.len(), self.runs.len()]);
    }

    /// Returns what leaves before each replacement of the sockets, and what leaves after the last:
    /// one part more than there were replacements.
    pub fn parts(mut self) -> Vec<Self> {
        let mut parts = Vec::with_capacity(self.replaced_at.len() + 1);
        for [datagrams, runs] in std::mem::take(&mut self.replaced_at).into_iter().rev() {
            parts.push(Self {
                datagrams: self.datagrams.split_off(datagrams),
                runs: self.runs.split_off(runs),
                ..Self::default()
            });
        }
        parts.push(self);
        parts.reverse();
        parts
    }
}

/// Sealed messages of one run that leave with one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// Which run of the step.
    pub run: usize,
    /// Where in the buffer.
    pub bytes: Range<usize>,
    /// Bytes of each datagram but the last.
    pub segment: usize,
}

/// A buffer in which trains are sealed, used over and over.
#[derive(Debug, Default)]
pub struct Trains {
    buffer: Vec<u8>,
    sealed: Vec<Sealed>,
    open: bool,
}

impl Trains {
    /// Seals all runs of a step; `read` is the batch from the inner side that they refer to.
    pub fn seal(&mut self, runs: &[Run], read: &[Inner<'_>]) {
        self.sealed.clear();
        for (number, run) in runs.iter().enumerate() {
            self.open = false;
            let cipher = run.keys.send.cipher();
            let mut counter = run.counter;
            let mut add = |length: usize, write: &dyn Fn(&mut [u8])| {
                let padded = padded_length(length, run.mtu);
                let message = self.place(number, padded + TRANSPORT_OVERHEAD);
                let packet = &mut message[TRANSPORT_HEADER_SIZE..TRANSPORT_HEADER_SIZE + padded];
                write(&mut packet[..length]);
                packet[length..].fill(0);
                cipher.seal(run.receiver, counter, message);
                counter += 1;
            };
            match &run.packets {
                Packets::Read(range) => {
                    read[range.clone()].iter().for_each(|inner| inner.each(&mut add));
                }
                Packets::Staged(packets) => {
                    for packet in packets {
                        add(packet.len(), &|to| to.copy_from_slice(packet));
                    }
                }
            }
        }
    }

    /// Returns the trains, each with its bytes, in the order in which they leave.
    pub fn iter(&self) -> impl Iterator<Item = (&Sealed, &[u8])> {
        self.sealed.iter().map(|sealed| (sealed, &self.buffer[sealed.bytes.clone()]))
    }

    /// Returns the place for one more message of `size` bytes, at the end of the open train if it
    /// takes one.
    fn place(&mut self, run: usize, size: usize) -> &mut [u8] {
        let start = self.sealed.last().map_or(0, |last| last.bytes.end);
        let fits = |last: &Sealed| {
            size <= last.segment
                && last.bytes.len() + size <= MAX_TRAIN
                && last.bytes.len() < MAX_SEGMENTS * last.segment
        };
        match self.sealed.last_mut() {
            Some(last) if self.open && fits(last) => {
                last.bytes.end += size;
                self.open = size == last.segment;
            }
            _ => {
                self.sealed.push(Sealed { run, bytes: start..start + size, segment: size });
                self.open = true;
            }
        }
        if self.buffer.len() < start + size {
            self.buffer.resize(start + size + MAX_TRAIN, 0);
        }
        &mut self.buffer[start..start + size]
    }
}

/// Returns the length of a packet after padding to 16 bytes, never past the MTU (paper 5.4.6).
///
/// Of a packet longer than the MTU only the part behind its last whole multiple is looked at.
pub fn padded_length(length: usize, mtu: usize) -> usize {
    if mtu == 0 {
        return length.next_multiple_of(PADDING);
    }
    let last = if length > mtu { length % mtu } else { length };
    length - last + mtu.min(last.next_multiple_of(PADDING))
}
