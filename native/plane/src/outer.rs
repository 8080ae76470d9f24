//! Both outer sockets, and what is done when the host refuses to send.
//!
//! A failed send is a counter, never an error. What the host refuses as a train goes again one by
//! one, and from then on so does all that is as large toward that destination.

use std::collections::HashMap;
use std::io;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use libc::{
    EADDRNOTAVAIL, EAFNOSUPPORT, EAGAIN, EHOSTUNREACH, EINVAL, EIO, EMSGSIZE, ENETUNREACH, ENODEV,
};
use wiresnake_core::addresses::{Endpoint, Way};
use wiresnake_core::counters::Count;

use crate::events::wait_writable;
use crate::shared::Shared;
use crate::udp::Udp;

/// Destinations remembered for refusing trains; beyond that many all are forgotten.
const MAX_REFUSERS: usize = 4096;
const NOT_AS_TRAIN: [i32; 3] = [EIO, EINVAL, EMSGSIZE];
const NOT_FROM_THERE: [i32; 5] = [EINVAL, ENETUNREACH, EHOSTUNREACH, EADDRNOTAVAIL, ENODEV];

/// The sockets of the tunnel; a family that the host does not have is `None`.
#[derive(Debug, Default)]
pub struct Outer {
    /// The IPv4 socket.
    pub v4: Option<Udp>,
    /// The IPv6 socket.
    pub v6: Option<Udp>,
    refusers: Mutex<HashMap<Endpoint, usize>>,
    refusing: AtomicUsize,
}

/// What became of a train: the bytes that left, and whether its source address stopped working.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Bytes of the datagrams that left.
    pub bytes: usize,
    /// Whether the host no longer takes the local address of the way.
    pub source_failed: bool,
}

/// How long one step may still wait for full sockets, all its sends together. So whoever waits for
/// the step's turn to pass knows how long that can take.
#[derive(Debug)]
pub struct Patience(Duration);

impl Patience {
    /// As much as a step has that sends packets.
    pub const fn new() -> Self {
        Self(Duration::from_secs(1))
    }

    /// None at all: what a full socket refuses is dropped.
    pub const fn none() -> Self {
        Self(Duration::ZERO)
    }

    /// Waits for a full socket as long as there is patience left; whether it takes something again.
    fn wait(&mut self, socket: &Udp, shared: &Shared) -> bool {
        if self.0.is_zero() {
            return false;
        }
        let before = Instant::now();
        let events = [&shared.stop, &shared.changed, &shared.hurry];
        let is_writable = wait_writable(socket.as_fd(), self.0, events);
        self.0 = self.0.saturating_sub(before.elapsed());
        is_writable
    }
}

/// One send under way.
struct Attempt<'a> {
    way: Way,
    datagrams: &'a [u8],
    segment: usize,
    tos: u8,
}

impl Outer {
    /// Takes the sockets over.
    pub fn new(v4: Option<Udp>, v6: Option<Udp>) -> Self {
        Self { v4, v6, ..Self::default() }
    }

    /// Sends datagrams that lie one behind the other, each of `segment` bytes, the last maybe
    /// shorter. Waits while the socket is full, as long as there is `patience`, but no longer than
    /// until the plane ends, the sockets are replaced or control wants its turn.
    pub fn send(
        &self,
        way: &Way,
        datagrams: &[u8],
        segment: usize,
        tos: u8,
        patience: &mut Patience,
        shared: &Shared,
    ) -> Sent {
        let counters = &shared.counters;
        let mut one = Attempt { way: *way, datagrams, segment, tos };
        let mut sent = Sent::default();
        let is_train = datagrams.len() > segment;
        if is_train && self.refuses(&way.endpoint, segment) {
            self.send_one_by_one(&mut one, &mut sent, patience, shared);
            return sent;
        }
        match self.send_or_mend(&mut one, &mut sent, patience, shared) {
            Ok(()) => sent.bytes = datagrams.len(),
            Err(EAGAIN) => counters.add(Count::OuterFull, 1),
            Err(fault) if is_train && NOT_AS_TRAIN.contains(&fault) => {
                let failed_before = sent.source_failed;
                self.send_one_by_one(&mut one, &mut sent, patience, shared);
                if sent.source_failed == failed_before {
                    counters.add(Count::GsoRefused, 1);
                    self.refuse(way.endpoint, if fault == EMSGSIZE { segment } else { 0 });
                }
            }
            Err(_) => counters.add(Count::OuterError, 1),
        }
        sent
    }

    fn send_one_by_one(
        &self,
        train: &mut Attempt<'_>,
        sent: &mut Sent,
        patience: &mut Patience,
        shared: &Shared,
    ) {
        for datagram in train.datagrams.chunks(train.segment.max(1)) {
            let mut one = Attempt {
                way: train.way,
                datagrams: datagram,
                segment: datagram.len(),
                tos: train.tos,
            };
            match self.send_or_mend(&mut one, sent, patience, shared) {
                Ok(()) => sent.bytes += datagram.len(),
                Err(EAGAIN) => shared.counters.add(Count::OuterFull, 1),
                Err(_) => shared.counters.add(Count::OuterError, 1),
            }
            train.way = one.way;
        }
    }

    /// Sends once; if the source address may be at fault, once more without it.
    ///
    /// EINVAL for a train says nothing of the source: the caller finds out one by one.
    fn send_or_mend(
        &self,
        one: &mut Attempt<'_>,
        sent: &mut Sent,
        patience: &mut Patience,
        shared: &Shared,
    ) -> Result<(), i32> {
        let is_train = one.datagrams.len() > one.segment;
        match self.send_when_writable(one, patience, shared) {
            Err(fault)
                if NOT_FROM_THERE.contains(&fault)
                    && one.way.local.is_some()
                    && !(is_train && fault == EINVAL) =>
            {
                one.way = Way::to(one.way.endpoint);
                sent.source_failed = true;
                self.send_when_writable(one, patience, shared)
            }
            other => other,
        }
    }

    /// Sends once, as soon as the socket takes it; EAGAIN if there is no patience left till then.
    fn send_when_writable(
        &self,
        one: &Attempt<'_>,
        patience: &mut Patience,
        shared: &Shared,
    ) -> Result<(), i32> {
        let socket = if one.way.endpoint.is_ipv4() { &self.v4 } else { &self.v6 };
        let socket = socket.as_ref().ok_or(EAFNOSUPPORT)?;
        loop {
            let sent = socket.send(&one.way, one.datagrams, one.segment, one.tos);
            match sent.map_err(|error| errno(&error)) {
                Err(EAGAIN) if patience.wait(socket, shared) => {}
                other => return other,
            }
        }
    }

    fn refuses(&self, endpoint: &Endpoint, segment: usize) -> bool {
        self.refusing.load(Ordering::Relaxed) > 0
            && self
                .refusers
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .get(endpoint)
                .is_some_and(|least| segment >= *least)
    }

    fn refuse(&self, endpoint: Endpoint, segment: usize) {
        let mut refusers = self.refusers.lock().unwrap_or_else(PoisonError::into_inner);
        if refusers.len() >= MAX_REFUSERS {
            refusers.clear();
        }
        refusers.insert(endpoint, segment);
        self.refusing.store(refusers.len(), Ordering::Relaxed);
    }
}

fn errno(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or(EIO)
}
