//! From the network to the inner side: the threads that receive messages, open them and deliver.

use std::os::fd::AsFd;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use wiresnake_core::counters::Count;
use wiresnake_core::incoming::{Arrival, Incoming};
use wiresnake_core::outgoing::Outgoing;

use crate::events::wait_readable;
use crate::inner::{Inside, Writer};
use crate::outer::Outer;
use crate::shared::{AtWork, Shared, now};
use crate::udp::{BATCH, Receiver, Udp};

/// Bytes from which on opening takes so long that the next thread may receive meanwhile.
const WORTH_SHARING: usize = 1 << 14;
/// Messages that are smaller on the average than this are taken many at a time; trains come one by
/// one, so that they are opened while the processor's cache has them.
const SMALL: usize = 1 << 12;

/// One thread's share of the work.
pub struct Inward {
    shared: Arc<Shared>,
    inside: Arc<Inside>,
    /// Held by the thread that receives.
    receiving: Arc<Mutex<()>>,
    number: usize,
    receiver: Receiver,
    writer: Writer,
    arrivals: Vec<Arrival>,
    incoming: Incoming,
    replies: Outgoing,
    released: Outgoing,
    expected: usize,
    outer: Arc<Outer>,
    generation: u64,
}

impl Inward {
    /// Prepares the share of thread `number`; all threads have the same `receiving`.
    pub fn new(
        shared: Arc<Shared>,
        inside: Arc<Inside>,
        receiving: Arc<Mutex<()>>,
        number: usize,
    ) -> Self {
        Self {
            outer: shared.outer(),
            writer: Writer::new(&inside),
            shared,
            inside,
            receiving,
            number,
            receiver: Receiver::new(),
            arrivals: Vec::with_capacity(BATCH),
            incoming: Incoming::default(),
            replies: Outgoing::default(),
            released: Outgoing::default(),
            expected: 1,
            generation: 0,
        }
    }

    /// Works until the plane ends.
    pub fn run(mut self) {
        while self.step() {}
    }

    /// Waits for datagrams and deals with those that came; false when the plane ends.
    fn step(&mut self) -> bool {
        let receiving = Arc::clone(&self.receiving);
        let turn = receiving.lock().unwrap_or_else(PoisonError::into_inner);
        if self.generation != self.shared.generation() {
            self.generation = self.shared.generation();
            self.outer = self.shared.outer();
        }
        let outer = Arc::clone(&self.outer);
        let (stop, changed) = (self.shared.stop.as_fd(), self.shared.changed.as_fd());
        let four = outer.v4.as_ref().map_or(stop, AsFd::as_fd);
        let six = outer.v6.as_ref().map_or(stop, AsFd::as_fd);
        let [stop, changed, four, six] = wait_readable([stop, changed, four, six]);
        if stop {
            return false;
        }
        if changed {
            self.shared.changed.lower();
            return true;
        }
        let _at_work = AtWork::begin(&self.shared);
        // Each socket in its own step, for a step's datagrams share the receiver's buffer.
        let mut turn = Some(turn);
        for (is_readable, socket) in [(four, &outer.v4), (six, &outer.v6)] {
            if let (true, Some(socket)) = (is_readable, socket) {
                self.receive(socket, &mut turn);
            }
        }
        true
    }

    /// Deals with what is there on one socket. Lets the next thread receive, by giving up `turn`, if
    /// that is worth it.
    fn receive<T>(&mut self, socket: &Udp, turn: &mut Option<T>) {
        self.arrivals.clear();
        match self.receiver.receive(socket, self.expected, &mut self.arrivals) {
            Ok(truncated) => self.shared.counters.add(Count::Truncated, truncated),
            Err(_) => return, // nothing there, or an error of an earlier send, counted then
        }
        let now = now();
        let bytes: usize = self.arrivals.iter().map(|arrival| arrival.length).sum();
        let all = self.arrivals.len() == self.expected;
        self.expected = if all && bytes < SMALL * self.expected { BATCH } else { 1 };
        self.incoming.clear();
        self.replies.clear();
        let shared = Arc::clone(&self.shared);
        let buffer = self.receiver.buffer();
        let ticket = shared.with_core(|core| {
            let (incoming, replies) = (&mut self.incoming, &mut self.replies);
            core.arrive_untrusted(buffer, &self.arrivals, now, incoming, replies);
            (!incoming.messages.is_empty()).then(|| shared.inward.ticket())
        });
        if bytes >= WORTH_SHARING {
            drop(turn.take());
        }
        for reply in &self.replies.datagrams {
            let (way, size) = (reply.way, reply.bytes.len());
            self.outer.send(&way, &reply.bytes, size, reply.tos, &shared.counters, &shared.stop);
        }
        let Some(ticket) = ticket else { return };
        self.incoming.open_untrusted(buffer);
        let opened = self.incoming.messages.len() as u64;
        shared.opened[self.number].fetch_add(opened, Ordering::Relaxed);
        ticket.wait();
        self.released.clear();
        let sends = shared.with_core(|core| {
            core.judge(buffer, &mut self.incoming, now, &mut self.released);
            (!self.released.is_empty()).then(|| shared.outward.ticket())
        });
        self.writer.deliver(&self.inside, buffer, &self.incoming.packets, &shared.counters);
        drop(ticket);
        if let Some(sends) = sends {
            shared.seal_and_send(&self.released, sends, now);
        }
    }
}
