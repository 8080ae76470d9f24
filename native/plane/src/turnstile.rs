//! Order among threads that work in parallel: who took a ticket first passes first.
//!
//! Counters are taken in one order and sealing takes as long as it takes; what was counted first must
//! leave first, or a flow arrives out of order. The same holds inward.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};

/// How often a thread looks again before it sleeps: a train is sealed in some ten microseconds.
const SPINS: u32 = 2000;

/// Lets holders of tickets pass one by one.
#[derive(Debug, Default)]
pub struct Turnstile {
    tickets: AtomicU64,
    serving: AtomicU64,
    sleepers: Mutex<usize>,
    moved: Condvar,
}

/// A place in the line. It must be redeemed: dropping it waits for its turn and passes.
#[derive(Debug)]
pub struct Ticket<'a> {
    turnstile: &'a Turnstile,
    number: u64,
}

impl Turnstile {
    /// Takes the next place. Callers hold a lock under which the order of places is that of their
    /// work.
    pub fn ticket(&self) -> Ticket<'_> {
        Ticket { turnstile: self, number: self.tickets.fetch_add(1, Ordering::Relaxed) }
    }

    fn is_served(&self, number: u64) -> bool {
        self.serving.load(Ordering::Acquire) == number
    }

    fn sleep_until(&self, number: u64) {
        let mut sleepers = self.sleepers.lock().unwrap_or_else(PoisonError::into_inner);
        *sleepers += 1;
        while !self.is_served(number) {
            sleepers = self.moved.wait(sleepers).unwrap_or_else(PoisonError::into_inner);
        }
        *sleepers -= 1;
    }
}

impl Ticket<'_> {
    /// Whether all who came before have passed.
    pub fn is_next(&self) -> bool {
        self.turnstile.is_served(self.number)
    }

    /// Returns when all who came before have passed.
    pub fn wait(&self) {
        for _ in 0..SPINS {
            if self.is_next() {
                return;
            }
            std::hint::spin_loop();
        }
        self.turnstile.sleep_until(self.number);
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.wait();
        self.turnstile.serving.store(self.number + 1, Ordering::Release);
        // A sleeper looks at `serving` under this lock before it sleeps, so none is missed.
        let sleepers = self.turnstile.sleepers.lock().unwrap_or_else(PoisonError::into_inner);
        if *sleepers > 0 {
            self.turnstile.moved.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::thread;
    use std::time::Duration;

    use super::Turnstile;

    /// Threads that take as long as they like pass in the order of their tickets.
    #[test]
    fn tickets_pass_in_order() {
        let turnstile = Turnstile::default();
        let counter = Mutex::new(0u64);
        let passed = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for worker in 0..4u64 {
                let (turnstile, counter, passed) = (&turnstile, &counter, &passed);
                scope.spawn(move || {
                    for round in 0..500u64 {
                        let (ticket, number) = {
                            let mut counter = counter.lock().unwrap();
                            *counter += 1;
                            (turnstile.ticket(), *counter)
                        };
                        if (round * 7 + worker) % 97 == 0 {
                            thread::sleep(Duration::from_micros(300));
                        }
                        ticket.wait();
                        passed.lock().unwrap().push(number);
                    }
                });
            }
        });
        let passed = passed.into_inner().unwrap();
        assert_eq!(passed, (1..=2000).collect::<Vec<_>>());
    }
}
