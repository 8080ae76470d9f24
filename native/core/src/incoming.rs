//! Datagrams from the network, sorted under the lock and opened outside it.

use std::ops::Range;
use std::sync::Arc;

use crate::addresses::Way;
use crate::constants::TRANSPORT_HEADER_SIZE;
use crate::joined::Span;
use crate::peers::PeerNumber;
use crate::sessions::Keys;

/// Datagrams that came along one way with one traffic class and lie one behind the other in the
/// receive buffer, each of `segment` bytes, the last maybe shorter.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// Where the first begins.
    pub start: usize,
    /// Bytes of all together.
    pub length: usize,
    /// Bytes of each but the last.
    pub segment: usize,
    /// The way they came.
    pub way: Way,
    /// Their traffic class.
    pub tos: u8,
}

/// A transport message under examination.
#[derive(Clone, Copy, Debug)]
pub struct Message {
    /// Its counter.
    pub counter: u64,
    /// The sealed packet; the header lies before it.
    pub sealed: Span,
    /// Whether its tag was right.
    pub authentic: bool,
}

/// Messages of one session that came along one way.
#[derive(Debug)]
pub struct Group {
    /// Whose session it was when they came.
    pub peer: PeerNumber,
    /// Our index of the session.
    pub index: u32,
    /// Its keys.
    pub keys: Arc<Keys>,
    /// The way they came.
    pub way: Way,
    /// Their traffic class.
    pub tos: u8,
    /// Which of the step's messages.
    pub messages: Range<usize>,
}

/// One step's messages, and the packets that may go on to the host.
#[derive(Debug, Default)]
pub struct Incoming {
    /// Messages by session and way, in the order in which they came.
    pub groups: Vec<Group>,
    /// All messages.
    pub messages: Vec<Message>,
    /// Packets for the inner side, in order; each has at least 16 bytes before it in the buffer.
    pub packets: Vec<Span>,
}

impl Incoming {
    /// Forgets everything, and keeps the memory.
    pub fn clear(&mut self) {
        self.groups.clear();
        self.messages.clear();
        self.packets.clear();
    }

    /// Opens every message where it lies.
    pub fn open_untrusted(&mut self, buffer: &mut [u8]) {
        for group in &self.groups {
            let cipher = group.keys.receive.cipher();
            for message in &mut self.messages[group.messages.clone()] {
                let sealed = &mut buffer[message.sealed.range()];
                message.authentic = cipher.open_untrusted(message.counter, sealed);
            }
        }
    }
}

impl Message {
    /// Bytes of the whole message.
    pub fn size(&self) -> usize {
        TRANSPORT_HEADER_SIZE + self.sealed.range().len()
    }
}
