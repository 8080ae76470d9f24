//! From the inner side to the network: the threads that read packets, seal them and send them.

use std::os::fd::AsFd;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use wiresnake_core::outgoing::{Inner, Outgoing, Trains};

use crate::events::wait_readable;
use crate::inner::{Inside, Read, Reader};
use crate::shared::{AtWork, Shared, now};

/// Bytes from which on sealing takes so long that the next thread may read meanwhile.
const WORTH_SHARING: usize = 1 << 14;

/// One thread's share of the work.
pub struct Outward {
    shared: Arc<Shared>,
    inside: Arc<Inside>,
    /// Held by the thread that reads.
    reading: Arc<Mutex<()>>,
    number: usize,
    reader: Reader,
    trains: Trains,
    outgoing: Outgoing,
}

impl Outward {
    /// Prepares the share of thread `number`; all threads have the same `reading`.
    pub fn new(
        shared: Arc<Shared>,
        inside: Arc<Inside>,
        reading: Arc<Mutex<()>>,
        number: usize,
    ) -> Self {
        Self {
            shared,
            inside,
            reading,
            number,
            reader: Reader::new(),
            trains: Trains::default(),
            outgoing: Outgoing::default(),
        }
    }

    /// Works until the plane ends or the inner side gives nothing any more.
    pub fn run(mut self) {
        while self.step() {}
    }

    /// Reads a batch and sends it; false when there is no more to come.
    fn step(&mut self) -> bool {
        let shared = Arc::clone(&self.shared);
        let reading = Arc::clone(&self.reading);
        let turn = reading.lock().unwrap_or_else(PoisonError::into_inner);
        if shared.ending.load(Ordering::Acquire) {
            return false;
        }
        let mut at_work = AtWork::begin(&shared);
        loop {
            match self.reader.read(&self.inside, &shared.counters) {
                Read::Some => break,
                Read::Ended => return false,
                Read::Nothing => {
                    drop(at_work);
                    let [stop, _] = wait_readable([shared.stop.as_fd(), self.inside.as_fd()]);
                    if stop {
                        return false;
                    }
                    at_work = AtWork::begin(&shared);
                }
            }
        }
        let now = now();
        let buffer = self.reader.buffer();
        let read: Vec<Inner<'_>> = self
            .reader
            .frames
            .iter()
            .map(|(span, train)| Inner { packet: &buffer[span.range()], train: *train })
            .collect();
        self.outgoing.clear();
        let ticket = shared.with_core(|core| {
            core.send_inner(&read, now, &mut self.outgoing);
            (!self.outgoing.runs.is_empty()).then(|| shared.outward.ticket())
        });
        let bytes: usize = read.iter().map(|inner| inner.packet.len()).sum();
        let turn = (bytes < WORTH_SHARING).then_some(turn);
        if let Some(ticket) = ticket {
            self.trains.seal(&self.outgoing.runs, &read);
            let sealed = self.outgoing.runs.iter().map(|run| run.data).sum();
            shared.sealed[self.number].fetch_add(sealed, Ordering::Relaxed);
            shared.send(&self.outgoing, &self.trains, ticket, now);
        }
        for answer in &self.outgoing.answers {
            self.inside.write_alone(answer, &shared.counters);
        }
        drop(turn);
        drop(at_work);
        true
    }
}
