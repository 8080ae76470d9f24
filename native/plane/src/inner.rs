//! The inner side: a TUN, or any descriptor that gives one packet a read and takes one a write.

use std::io::IoSlice;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::{Errno, read, writev};
use wiresnake_core::coalesce::Coalescer;
use wiresnake_core::counters::{Count, Counters};
use wiresnake_core::joined::{Frame, Span};
use wiresnake_core::segment::Train;
use wiresnake_core::virtio;

/// Bytes of the longest packet or train.
const MAX_PACKET: usize = 65535;
/// Packets read before they are sent on together.
const BATCH: usize = 64;
/// Bytes after which no more is read before that.
const ENOUGH: usize = 1 << 16;

/// What the inner side is and can do.
#[derive(Debug)]
pub struct Inside {
    descriptor: OwnedFd,
    vnet_header: bool,
    tso: bool,
    uso: bool,
}

/// What came of a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// There are packets.
    Some,
    /// Nothing was there.
    Nothing,
    /// It gives nothing any more.
    Ended,
}

/// Packets read from the inner side, with their buffer.
pub struct Reader {
    buffer: Vec<u8>,
    /// What was read: where the packet lies, and how to cut it.
    pub frames: Vec<(Span, Train)>,
    expected: usize,
}

impl Inside {
    /// Takes a descriptor over. `vnet_header` says that packets carry a virtio header, `tso` and
    /// `uso` that trains of TCP and of UDP may be written.
    pub fn new(descriptor: OwnedFd, vnet_header: bool, tso: bool, uso: bool) -> Self {
        Self { descriptor, vnet_header, tso: tso && vnet_header, uso: uso && vnet_header }
    }

    /// Bytes before each packet.
    fn header(&self) -> usize {
        if self.vnet_header { virtio::SIZE } else { 0 }
    }

    /// Writes one packet by itself.
    pub fn write_alone(&self, packet: &[u8], counters: &Counters) {
        let header = &virtio::NO_OFFLOAD[..self.header()];
        count(self.write(&[IoSlice::new(header), IoSlice::new(packet)]), 1, counters);
    }

    fn write(&self, parts: &[IoSlice<'_>]) -> Result<(), Errno> {
        loop {
            match writev(&self.descriptor, parts) {
                Ok(_) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl AsFd for Inside {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

impl Reader {
    /// Allocates the buffer; the kernel gives memory to what is used only.
    pub fn new() -> Self {
        let size = ENOUGH + virtio::SIZE + MAX_PACKET + 1;
        Self { buffer: vec![0; size], frames: Vec::with_capacity(BATCH), expected: 1 }
    }

    /// Returns the bytes of all packets; the spans of `frames` lie in them.
    pub fn buffer(&self) -> &[u8] {
        &self.buffer
    }

    /// Reads what is there, up to a bound. How much is asked for follows what came the last time: a
    /// lone packet goes on its way before anybody asks for a second one.
    pub fn read(&mut self, inside: &Inside, counters: &Counters) -> Read {
        self.frames.clear();
        let header = inside.header();
        let mut at = 0;
        for number in 0..self.expected {
            let room = &mut self.buffer[at..=at + header + MAX_PACKET];
            let length = match read(&inside.descriptor, &mut *room) {
                Ok(0) => return self.ended(),
                Ok(length) => length,
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN) if number == 0 => {
                    self.expected = 1;
                    return Read::Nothing;
                }
                Err(Errno::AGAIN) => {
                    self.expected = number;
                    return Read::Some;
                }
                Err(_) => return self.ended(),
            };
            let frame = &mut room[..length];
            let train = if header == 0 { Ok(Train::whole(frame)) } else { Train::read(frame) };
            match train {
                Ok(train) if length > header => {
                    let span = Span { start: (at + header) as u32, end: (at + length) as u32 };
                    self.frames.push((span, train));
                }
                _ => counters.add(Count::OutboundMalformed, 1),
            }
            at += length.next_multiple_of(16);
            if at >= ENOUGH {
                return Read::Some;
            }
        }
        self.expected = (2 * self.expected).min(BATCH);
        Read::Some
    }

    fn ended(&self) -> Read {
        if self.frames.is_empty() { Read::Ended } else { Read::Some }
    }
}

impl Default for Reader {
    fn default() -> Self {
        Self::new()
    }
}

/// Writes packets to the inner side, joined to trains where it takes them.
pub struct Writer {
    coalescer: Option<Coalescer>,
}

impl Writer {
    /// Prepares for what `inside` can do.
    pub fn new(inside: &Inside) -> Self {
        let joins = inside.tso || inside.uso;
        Self { coalescer: joins.then(|| Coalescer::new(inside.tso, inside.uso)) }
    }

    /// Writes packets of `buffer` in their order, joined where that is possible; what does not fit
    /// is dropped and counted.
    pub fn deliver(
        &mut self,
        inside: &Inside,
        buffer: &[u8],
        packets: &[Span],
        counters: &Counters,
    ) {
        let (Some(coalescer), 2..) = (&mut self.coalescer, packets.len()) else {
            for packet in packets {
                inside.write_alone(&buffer[packet.range()], counters);
            }
            return;
        };
        for packet in packets {
            coalescer.add(buffer, *packet);
        }
        let mut refused = false;
        for frame in coalescer.take(buffer) {
            if frame.is_train() && !refused {
                let written = write_train(inside, buffer, frame);
                refused = written == Err(Errno::INVAL);
                if !refused {
                    count(written, frame.packets().len(), counters);
                    continue;
                }
            }
            for packet in frame.packets() {
                inside.write_alone(&buffer[packet.range()], counters);
            }
        }
        if refused {
            // The host takes trains no longer: packets go one by one from now on.
            counters.add(Count::JoiningRefused, 1);
            self.coalescer = None;
        }
    }
}

fn write_train(inside: &Inside, buffer: &[u8], frame: &Frame) -> Result<(), Errno> {
    let mut parts = Vec::with_capacity(frame.payloads().len() + 1);
    parts.push(IoSlice::new(frame.head()));
    parts.extend(frame.payloads().map(|payload| IoSlice::new(&buffer[payload.range()])));
    inside.write(&parts)
}

/// Counts packets that were not written.
fn count(written: Result<(), Errno>, packets: usize, counters: &Counters) {
    match written {
        Ok(()) => {}
        Err(Errno::AGAIN | Errno::NOBUFS | Errno::NOMEM) => {
            counters.add(Count::InnerFull, packets);
        }
        Err(_) => counters.add(Count::InnerError, packets),
    }
}
