//! How many handshakes one source may cost us under load (paper 5.3).
//!
//! A token bucket for each source, kept as the one number that a bucket needs: the instant at which
//! it will be full again. An allowed message moves that instant 1/20 s on, and none may move it
//! further than five messages ahead. A bucket that is full is as good as none, so it is forgotten.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::addresses::Instant;
use crate::slab::{NONE, Slab};

const MESSAGES_PER_SECOND: i64 = 20;
const BURST: i64 = 5;
const DEFAULT_MAX_ENTRIES: usize = 65536;

const MICROSECONDS: f64 = 1e6;
const COST: i64 = 1_000_000 / MESSAGES_PER_SECOND;
const DEPTH: i64 = BURST * COST;
/// More than the one entry that a call can add, so that the table shrinks under any traffic.
const COLLECTED_AT_ONCE: usize = 2;

/// An IPv4 address, or the first half of an IPv6 one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Source {
    Four(u32),
    Six(u64),
}

impl Source {
    fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(four) => Self::Four(four.to_bits()),
            IpAddr::V6(six) => Self::Six((six.to_bits() >> 64) as u64),
        }
    }
}

/// The bucket of one source, between those that were allowed a message before and after it.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    source: Source,
    full_at: i64,
    older: u32,
    newer: u32,
}

/// Admits 20 messages a second and bursts of 5 for each IPv4 address and each IPv6 /64.
///
/// Holds a bounded number of sources and refuses new ones while that many are busy. Every call
/// costs the same, however many sources there are.
#[derive(Debug)]
pub struct RateLimiter {
    max_entries: usize,
    numbers: HashMap<Source, u32>,
    // Ordered by the last allowed message. An instant of fullness is at most DEPTH after that
    // message, so while the oldest entry is not full few of the others are.
    buckets: Slab<Bucket>,
    oldest: u32,
    newest: u32,
}

impl Default for RateLimiter {
    fn default() -> Self {
        Self::with_max_entries(DEFAULT_MAX_ENTRIES)
    }
}

impl RateLimiter {
    /// Returns a limiter of at most so many sources.
    pub fn with_max_entries(max_entries: usize) -> Self {
        Self {
            max_entries,
            numbers: HashMap::new(),
            buckets: Slab::default(),
            oldest: NONE,
            newest: NONE,
        }
    }

    /// Whether a message from this address may be handled now.
    ///
    /// Only an allowed message is counted against its source.
    pub fn allow(&mut self, address: IpAddr, now: Instant) -> bool {
        let tick = (now * MICROSECONDS).round_ties_even() as i64;
        self.collect(tick);
        let source = Source::of(address);
        let Some(&number) = self.numbers.get(&source) else {
            return self.admit(source, tick);
        };
        let full_at = self.buckets[number].full_at.max(tick).saturating_add(COST);
        if full_at.saturating_sub(tick) > DEPTH {
            return false;
        }
        self.buckets[number].full_at = full_at;
        if number != self.newest {
            self.unlink(number);
            self.link(number);
        }
        true
    }

    /// Returns how many sources are remembered.
    pub fn len(&self) -> usize {
        self.buckets.len()
    }

    /// Whether no source is remembered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn admit(&mut self, source: Source, tick: i64) -> bool {
        if self.len() >= self.max_entries {
            return false;
        }
        let full_at = tick.saturating_add(COST);
        let number = self.buckets.insert(Bucket { source, full_at, older: NONE, newer: NONE });
        self.numbers.insert(source, number);
        self.link(number);
        true
    }

    fn collect(&mut self, tick: i64) {
        for _ in 0..COLLECTED_AT_ONCE {
            let oldest = self.oldest;
            if oldest == NONE || self.buckets[oldest].full_at > tick {
                return;
            }
            self.unlink(oldest);
            self.numbers.remove(&self.buckets.remove(oldest).source);
        }
    }

    fn unlink(&mut self, number: u32) {
        let Bucket { older, newer, .. } = self.buckets[number];
        self.newer_of(older, newer);
        self.older_of(newer, older);
    }

    /// Makes it the newest.
    fn link(&mut self, number: u32) {
        let newest = self.newest;
        self.newer_of(newest, number);
        self.older_of(number, newest);
        self.newer_of(number, NONE);
        self.newest = number;
    }

    fn newer_of(&mut self, number: u32, newer: u32) {
        match number {
            NONE => self.oldest = newer,
            _ => self.buckets[number].newer = newer,
        }
    }

    fn older_of(&mut self, number: u32, older: u32) {
        match number {
            NONE => self.newest = older,
            _ => self.buckets[number].older = older,
        }
    }
}

#[cfg(test)]
mod tests;
