//! From the network to the inner side: the threads that receive messages, open them and deliver.

use std::os::fd::AsFd;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use wiresnake_core::addresses::Instant;
use wiresnake_core::counters::Count;
use wiresnake_core::incoming::{Arrival, Incoming};
use wiresnake_core::outgoing::Outgoing;

use crate::events::wait_readable;
use crate::inner::{Inside, Writer};
use crate::outer::Patience;
use crate::shared::{AtWork, Shared, now};
use crate::udp::{BATCH, Receiver};

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
        }
    }

    /// Works until the plane ends.
    pub fn run(mut self) {
        while self.step() {}
    }

    /// Waits for datagrams and deals with those that came; false when the plane ends.
    fn step(&mut self) -> bool {
        let shared = Arc::clone(&self.shared);
        let receiving = Arc::clone(&self.receiving);
        let mut turn = Some(receiving.lock().unwrap_or_else(PoisonError::into_inner));
        let (stop, changed) = (shared.stop.as_fd(), shared.changed.as_fd());
        let outer = shared.outer();
        let four = outer.v4.as_ref().map_or(stop, AsFd::as_fd);
        let six = outer.v6.as_ref().map_or(stop, AsFd::as_fd);
        let [stop, _, four, six] = wait_readable([stop, changed, four, six]);
        drop(outer);
        // Each socket in its own step, for a step's datagrams share the receiver's buffer.
        for (is_readable, family) in [(four, Family::V4), (six, Family::V6)] {
            if is_readable && !stop {
                // Whoever receives has the turn, or what came later may be dealt with earlier.
                turn.get_or_insert_with(|| {
                    receiving.lock().unwrap_or_else(PoisonError::into_inner)
                });
                let _at_work = AtWork::begin(&shared);
                if let Some(now) = self.receive(family) {
                    self.deal(&shared, now, &mut turn);
                }
            }
        }
        !stop
    }

    /// Takes what is there on one socket; `None` if nothing is, or the socket is gone.
    fn receive(&mut self, family: Family) -> Option<Instant> {
        self.arrivals.clear();
        let outer = self.shared.outer();
        let socket = match family {
            Family::V4 => &outer.v4,
            Family::V6 => &outer.v6,
        };
        // An error is one of an earlier send, which was counted then.
        let truncated =
            self.receiver.receive(socket.as_ref()?, self.expected, &mut self.arrivals).ok()?;
        self.shared.counters.add(Count::Truncated, truncated);
        Some(now())
    }

    /// Deals with what was received. Lets the next thread receive, by giving up `turn`, if that is
    /// worth it.
    fn deal<T>(&mut self, shared: &Shared, now: Instant, turn: &mut Option<T>) {
        let bytes: usize = self.arrivals.iter().map(|arrival| arrival.length).sum();
        let all = self.arrivals.len() == self.expected;
        self.expected = if all && bytes < SMALL * self.expected { BATCH } else { 1 };
        self.incoming.clear();
        self.replies.clear();
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
            let mut none = Patience::none(); // or who floods us makes everybody wait
            shared.outer().send(&way, &reply.bytes, size, reply.tos, &mut none, shared);
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

/// One of the two sockets.
#[derive(Clone, Copy)]
enum Family {
    V4,
    V6,
}
