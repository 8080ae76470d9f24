//! The window of counters already received (paper 5.4.6; the limits of RFC 6479).
//!
//! Nearly every packet comes in order, so what is kept is the run of counters that came without a
//! gap, two numbers, and a bit for each counter of the window below that run. In order costs an
//! addition, and a session that never saw a gap has no bitmap.

use crate::constants::{REJECT_AFTER_MESSAGES, REPLAY_WINDOW};

const WORDS: usize = 128;
const BITS: u64 = 64 * WORDS as u64;
const REACH: u64 = REPLAY_WINDOW + 1;

// No two counters within reach share a bit.
const _: () = assert!(REACH <= BITS);

/// Remembers which counters of one receiving session were accepted.
#[derive(Debug, Default)]
pub struct ReplayWindow {
    start: u64,
    next: u64,
    /// What was accepted below `start`, as far as the window reaches; `None`: nothing.
    below: Option<Box<Bits>>,
}

impl ReplayWindow {
    /// Accepts `counter` if it is fresh, and remembers it.
    ///
    /// Call this after the packet has authenticated, never before: a forged counter must not move
    /// the window. False for a replay, for one more than 8128 behind the greatest, and from
    /// [`REJECT_AFTER_MESSAGES`] on.
    #[inline]
    pub fn accept(&mut self, counter: u64) -> bool {
        if counter == self.next && counter < REJECT_AFTER_MESSAGES {
            self.next += 1;
            return true;
        }
        self.accept_out_of_order(counter)
    }

    /// Accepts the `count` counters from `first` on, if they are exactly the next ones.
    ///
    /// False changes nothing: ask for each by itself then.
    #[inline]
    pub fn accept_run(&mut self, first: u64, count: u64) -> bool {
        if first != self.next || count > REJECT_AFTER_MESSAGES - first {
            return false;
        }
        self.next += count;
        true
    }

    fn accept_out_of_order(&mut self, counter: u64) -> bool {
        if counter >= REJECT_AFTER_MESSAGES {
            return false;
        }
        if counter > self.next {
            self.leap(counter);
            return true;
        }
        if counter >= self.start || self.next - counter > REACH {
            return false;
        }
        self.below.get_or_insert_default().take(counter)
    }

    /// Begins a run at `counter`, past a gap; the run before becomes bits.
    fn leap(&mut self, counter: u64) {
        if self.next > 0 {
            let oldest = (counter + 1).saturating_sub(REACH);
            let below = self.below.get_or_insert_default();
            below.fill(self.start.max(oldest), self.next, u64::MAX);
            below.fill(self.next.max(oldest), counter, 0);
        }
        self.start = counter;
        self.next = counter + 1;
    }
}

/// A ring of bits, one for each counter modulo its size.
#[derive(Debug)]
struct Bits([u64; WORDS]);

impl Default for Bits {
    fn default() -> Self {
        Self([0; WORDS])
    }
}

impl Bits {
    /// Sets the bit of `counter`; whether it was unset.
    fn take(&mut self, counter: u64) -> bool {
        let word = self.word(counter);
        let bit = 1 << (counter % 64);
        let fresh = *word & bit == 0;
        *word |= bit;
        fresh
    }

    /// Makes every bit from `first` to before `end` that of `pattern`: all ones or all zeros.
    fn fill(&mut self, first: u64, end: u64, pattern: u64) {
        let mut counter = first;
        while counter < end {
            let count = (64 - counter % 64).min(end - counter);
            let mask = (u64::MAX >> (64 - count)) << (counter % 64);
            let word = self.word(counter);
            *word = *word & !mask | pattern & mask;
            counter += count;
        }
    }

    fn word(&mut self, counter: u64) -> &mut u64 {
        &mut self.0[(counter / 64) as usize % WORDS]
    }
}

#[cfg(test)]
mod tests;
