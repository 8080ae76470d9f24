//! Packets for the inner side, joined into trains so that one write carries many of them.
//!
//! What makes a train is what makes one in the kernel's receive offload: TCP segments of one flow,
//! each beginning where the one before ended, alike in every header field but identification,
//! checksum, PSH and FIN; UDP datagrams of one flow. All are of one size but the last, which may be
//! shorter. [`joined`](crate::joined) holds these rules, and what is done so that a train hides no
//! wrong checksum.
//!
//! Several flows grow side by side, and each packet leaves in a frame no earlier than those that
//! came before it in its flow: a packet that joins nothing closes its flow's train, and one whose
//! flow is not clear, such as a fragment, closes all.

use std::collections::HashMap;

use crate::joined::{Frame, Shape, Span};

/// No frame has this number.
const NONE: usize = usize::MAX;

/// Takes packets in order and gives back frames to write, in an order that keeps each flow's.
///
/// Made for one batch after another: [`add`](Self::add) every packet, then [`take`](Self::take) all
/// frames. What it needs for a batch it keeps for the next.
#[derive(Debug)]
pub struct Coalescer {
    tso: bool,
    uso: bool,
    /// The frames of this batch, and behind them some of earlier ones, to be made anew.
    frames: Vec<Frame>,
    used: usize,
    /// The frame that a packet joined or began last.
    last: usize,
    growing: HashMap<Flow, usize>,
}

/// Addresses and ports, and whether it is TCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Flow([u8; 37]);

impl Flow {
    fn of(shape: Shape, packet: &[u8]) -> Self {
        let ends = &packet[shape.flow()];
        let mut flow = [0; 37];
        flow[..ends.len()].copy_from_slice(ends);
        flow[36] = u8::from(shape.is_tcp()) | u8::from(shape.is_four()) << 1;
        Self(flow)
    }
}

impl Coalescer {
    /// Returns one for an inner side that accepts TCP trains and UDP trains, or not.
    pub fn new(tso: bool, uso: bool) -> Self {
        Self { tso, uso, frames: Vec::new(), used: 0, last: NONE, growing: HashMap::new() }
    }

    /// Adds the packet at `span` of `buffer`, of exactly the length that its IP header says, with
    /// no padding behind. All packets of a batch lie in one buffer and stay as they are.
    ///
    /// # Panics
    /// If the span is not within the buffer.
    #[inline]
    pub fn add(&mut self, buffer: &[u8], span: Span) {
        let packet = &buffer[span.range()];
        let joined =
            self.frames.get_mut(self.last).is_some_and(|train| train.goes_on(packet, span));
        if !joined {
            self.place(packet, span);
        }
    }

    /// Returns all frames since the last call, each to be written by itself, in this order.
    ///
    /// # Panics
    /// If `buffer` is not that of the packets.
    pub fn take(&mut self, buffer: &[u8]) -> &[Frame] {
        self.close_all();
        let frames = &mut self.frames[..std::mem::take(&mut self.used)];
        for frame in &mut *frames {
            frame.finish(buffer);
        }
        frames
    }

    /// Finds the train that a packet goes on with, or begins one, or lets it go alone.
    fn place(&mut self, packet: &[u8], span: Span) {
        let Some(shape) = Shape::of(packet, self.tso, self.uso) else {
            self.fresh().hold(span);
            self.close_all();
            return;
        };
        let flow = Flow::of(shape, packet);
        if let Some(&number) = self.growing.get(&flow) {
            let train = &mut self.frames[number];
            if train.is_open() && train.takes(shape, packet, span) {
                self.last = number;
                return;
            }
            train.close();
        }
        let number = self.used;
        let frame = self.fresh();
        if frame.begin(shape, packet, span) {
            self.last = number;
            self.growing.insert(flow, number);
        } else {
            frame.hold(span);
        }
    }

    /// Returns the next frame of the batch, which holds nothing yet of it.
    fn fresh(&mut self) -> &mut Frame {
        if self.used == self.frames.len() {
            self.frames.push(Frame::new());
        }
        self.used += 1;
        &mut self.frames[self.used - 1]
    }

    fn close_all(&mut self) {
        self.growing.clear();
        self.last = NONE;
    }
}
