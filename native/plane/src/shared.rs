//! What the threads of a plane share, and how a step is carried out.
//!
//! One lock holds the core. A step takes it twice for an instant, to decide and to account; sealing,
//! opening and system calls happen without it. A step that sends takes a ticket while it decides, so
//! that what was counted first leaves first, whichever thread seals it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use rustix::time::{ClockId, clock_gettime};
use wiresnake_core::addresses::Instant;
use wiresnake_core::core::Core;
use wiresnake_core::counters::Counters;
use wiresnake_core::outgoing::{Inner, Outgoing, Trains};

use crate::events::Event;
use crate::outer::{Outer, Patience};
use crate::turnstile::{Ticket, Turnstile};

/// The core, and whether control knows that there is something to drain.
pub struct State {
    /// Everything the plane knows.
    pub core: Core,
    /// Whether `due` was raised since the last drain.
    pub signalled: bool,
    /// Why the plane cannot go on, if it cannot.
    pub failure: Option<String>,
}

/// Everything shared.
pub struct Shared {
    state: Mutex<State>,
    outer: RwLock<Outer>,
    /// What is counted.
    pub counters: Arc<Counters>,
    /// The order in which steps send.
    pub outward: Turnstile,
    /// The order in which steps deliver.
    pub inward: Turnstile,
    /// Raised while there is something to drain.
    pub due: Event,
    /// Raised when the plane ends.
    pub stop: Event,
    /// Set before that, for who does not wait: a host that never stops sending must not keep the
    /// plane from ending.
    pub ending: AtomicBool,
    /// Raised while the sockets are about to be replaced: who waits for them lets go.
    pub changed: Event,
    /// Raised while control waits for its turn to send: who waits for a full socket lets go.
    pub hurry: Event,
    /// Threads that have something in hand.
    pub at_work: AtomicU64,
    /// Packets sealed by each thread that reads the inner side.
    pub sealed: Box<[AtomicU64]>,
    /// Messages opened by each thread that reads the network.
    pub opened: Box<[AtomicU64]>,
}

impl Shared {
    /// Returns what `workers` threads each way share around a core.
    ///
    /// # Errors
    /// If the process has no descriptors left.
    pub fn new(core: Core, counters: Arc<Counters>, workers: usize) -> std::io::Result<Self> {
        let counts = || (0..workers).map(|_| AtomicU64::new(0)).collect();
        Ok(Self {
            state: Mutex::new(State { core, signalled: false, failure: None }),
            outer: RwLock::default(),
            counters,
            outward: Turnstile::default(),
            inward: Turnstile::default(),
            due: Event::new()?,
            stop: Event::new()?,
            ending: AtomicBool::new(false),
            changed: Event::new()?,
            hurry: Event::new()?,
            at_work: AtomicU64::new(0),
            sealed: counts(),
            opened: counts(),
        })
    }

    /// Does something with the core, and lets control know if there is something to drain then.
    pub fn with_core<T>(&self, act: impl FnOnce(&mut Core) -> T) -> T {
        let mut state = self.state();
        let result = act(&mut state.core);
        if !state.signalled && state.core.has_notices() {
            state.signalled = true;
            drop(state);
            self.due.raise();
        }
        result
    }

    /// Returns the state, locked. A thread that panicked has said so in `failure`, and control ends
    /// the plane; what it left is still whole enough to be asked.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that the plane cannot go on, and lets control know.
    pub fn fail(&self, why: String) {
        self.state().failure.get_or_insert(why);
        self.due.raise();
    }

    /// Returns the sockets, which stay open meanwhile. Nobody waits for a ticket with them in hand:
    /// who has one may be about to replace them.
    pub fn outer(&self) -> RwLockReadGuard<'_, Outer> {
        self.outer.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces the sockets. When it returns the old ones are closed, so that their port is free.
    pub fn replace_outer(&self, outer: Outer) {
        self.changed.raise();
        let mut there = self.outer.write().unwrap_or_else(PoisonError::into_inner);
        *there = outer;
        self.changed.lower();
    }

    /// Sends what a step decided, sealed in `trains`, when its turn comes, and accounts for it.
    pub fn send(&self, outgoing: &Outgoing, trains: &Trains, ticket: Ticket<'_>, now: Instant) {
        ticket.wait();
        let outer = self.outer();
        let mut failed = Vec::new();
        let mut patience = Patience::new();
        for datagram in &outgoing.datagrams {
            let way = datagram.way;
            let size = datagram.bytes.len();
            let sent = outer.send(&way, &datagram.bytes, size, datagram.tos, &mut patience, self);
            if let (Some(peer), 1..) = (datagram.peer, sent.bytes) {
                self.with_core(|core| core.sent_datagram(peer, sent.bytes));
            }
            if sent.source_failed {
                failed.push(way);
            }
        }
        let mut trains = trains.iter().peekable();
        for (number, run) in outgoing.runs.iter().enumerate() {
            let mut bytes = 0;
            let mut way = run.way;
            while let Some((sealed, train)) = trains.next_if(|(sealed, _)| sealed.run == number) {
                let sent = outer.send(&way, train, sealed.segment, run.tos, &mut patience, self);
                bytes += sent.bytes;
                if sent.source_failed {
                    failed.push(way);
                    way.local = None;
                }
            }
            self.with_core(|core| core.sent(run.peer, bytes, run.data, now));
        }
        drop(outer);
        drop(ticket);
        for way in failed {
            self.with_core(|core| core.forget_source(&way));
        }
    }

    /// Waits for control's turn to send, which full sockets do not put off.
    pub fn wait_for_control(&self, ticket: &Ticket<'_>) {
        if !ticket.is_next() {
            self.hurry.raise();
            ticket.wait();
            self.hurry.lower();
        }
    }

    /// Seals and sends what a step of control's, or one that confirmed a session, decided.
    pub fn seal_and_send(&self, outgoing: &Outgoing, ticket: Ticket<'_>, now: Instant) {
        let mut trains = Trains::default();
        trains.seal(&outgoing.runs, &[] as &[Inner<'_>]);
        self.send(outgoing, &trains, ticket, now);
    }
}

/// A thread's word that it has something in hand, until it is dropped. It is given before the thing
/// is taken, so who sees nothing waiting and nobody at work knows that all is done.
pub struct AtWork(Arc<Shared>);

impl AtWork {
    /// Says so.
    pub fn begin(shared: &Arc<Shared>) -> Self {
        shared.at_work.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(shared))
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.at_work.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Returns the instant (`CLOCK_BOOTTIME`).
pub fn now() -> Instant {
    let time = clock_gettime(ClockId::Boottime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}
