//! The doorman: which handshake messages may wake control (paper 5.3, 5.4.4, 5.4.7).
//!
//! Checks go from cheap to dear: size and type, whether anyone awaits it, mac1, and under load mac2
//! and the limiter. So neither junk nor a flood of well-formed messages costs a Diffie-Hellman.

use std::collections::VecDeque;

use crate::addresses::{Instant, NEVER, Way};
use crate::constants::{
    COOKIE_REPLY_SIZE, INITIATION_SIZE, KEY_SIZE, RESPONSE_SIZE, TYPE_COOKIE_REPLY,
    TYPE_INITIATION, TYPE_RESPONSE,
};
use crate::cookies::{CookieMaker, Mac1Key, Random, has_valid_mac1, mac1_key};
use crate::counters::{Count, Counters};
use crate::hash::NumberMap;
use crate::ratelimit::RateLimiter;

/// How many messages wait at most.
pub const CAPACITY: usize = 512;
/// With so many messages that wait or were handed out we are under load.
pub const LOADED_FROM: usize = CAPACITY / 8;
/// Seconds for which load is remembered.
pub const LOAD_MEMORY: f64 = 1.0;
/// How many messages a drain hands out at most.
pub const MAX_DRAINED: usize = 64;

/// A handshake message of which size, type and mac1 are good; nothing else in it is authentic yet.
#[derive(Clone, Copy, Debug)]
pub struct Handshake {
    bytes: [u8; INITIATION_SIZE],
    size: u8,
    /// The way it came.
    pub way: Way,
    /// When it came.
    pub at: Instant,
}

impl Handshake {
    /// Keeps a datagram whose size was checked.
    fn new(datagram: &[u8], way: &Way, at: Instant) -> Self {
        let mut bytes = [0; INITIATION_SIZE];
        let size = datagram.len().min(INITIATION_SIZE);
        bytes[..size].copy_from_slice(&datagram[..size]);
        Self { bytes, size: size as u8, way: *way, at }
    }

    /// Returns the message: 64, 92 or 148 bytes.
    pub fn datagram(&self) -> &[u8] {
        &self.bytes[..usize::from(self.size)]
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Initiation,
    Response,
    CookieReply,
}

impl Kind {
    /// Reads type and reserved bytes as one number, so that an unknown type and a reserved byte
    /// that is not zero fail the same check.
    fn of_untrusted(datagram: &[u8]) -> Option<Self> {
        match (number_at(datagram, 0)?, datagram.len()) {
            (TYPE_INITIATION, INITIATION_SIZE) => Some(Self::Initiation),
            (TYPE_RESPONSE, RESPONSE_SIZE) => Some(Self::Response),
            (TYPE_COOKIE_REPLY, COOKIE_REPLY_SIZE) => Some(Self::CookieReply),
            _ => None,
        }
    }
}

/// What becomes of a message that is not dropped.
enum Verdict {
    /// It waits; those that proved their address go first.
    Admit { is_proven: bool },
    /// Its sender has to prove its address first.
    Answer([u8; COOKIE_REPLY_SIZE]),
}

struct Identity {
    mac1: Mac1Key,
    cookies: CookieMaker,
}

/// Admits handshake messages to a bounded queue and answers with cookies under load.
///
/// Messages handed out by the last drain still count as load until the next one, for control is
/// busy with them.
pub struct Doorman {
    identity: Option<Identity>,
    limiter: RateLimiter,
    cookie_replies_due: NumberMap<u32, bool>,
    proven: VecDeque<Handshake>,
    others: VecDeque<Handshake>,
    handed_out: usize,
    loaded_until: Instant,
}

impl Default for Doorman {
    fn default() -> Self {
        Self {
            identity: None,
            limiter: RateLimiter::default(),
            cookie_replies_due: NumberMap::default(),
            proven: VecDeque::new(),
            others: VecDeque::new(),
            handed_out: 0,
            loaded_until: -NEVER,
        }
    }
}

impl Doorman {
    /// Checks mac1 and makes cookies under this key from now on; `None` admits nobody.
    pub fn identify(&mut self, public: Option<&[u8; KEY_SIZE]>) {
        self.identity = public
            .map(|public| Identity { mac1: mac1_key(public), cookies: CookieMaker::new(public) });
    }

    /// Admits responses for this index, and one cookie reply more.
    pub fn expect(&mut self, index: u32) {
        self.cookie_replies_due.insert(index, true);
    }

    /// Admits nothing for this index.
    pub fn unexpect(&mut self, index: u32) {
        self.cookie_replies_due.remove(&index);
    }

    /// Queues a handshake message, or counts why it is dropped.
    ///
    /// What it returns is a cookie reply, counted already, to send back along `way`.
    pub fn receive(
        &mut self,
        datagram: &[u8],
        way: &Way,
        now: Instant,
        counters: &Counters,
        random: &mut Random,
    ) -> Option<[u8; COOKIE_REPLY_SIZE]> {
        match self.judge_untrusted(datagram, way, now, random) {
            Err(why) => counters.add(why, 1),
            Ok(Verdict::Answer(reply)) => {
                counters.add(Count::CookieReplies, 1);
                return Some(reply);
            }
            Ok(Verdict::Admit { is_proven }) => {
                self.enqueue(is_proven, Handshake::new(datagram, way, now), counters);
            }
        }
        None
    }

    /// Returns up to 64 messages, those that proved their address first.
    pub fn drain(&mut self) -> Vec<Handshake> {
        let proven = self.proven.len().min(MAX_DRAINED);
        let others = self.others.len().min(MAX_DRAINED - proven);
        self.handed_out = proven + others;
        self.proven.drain(..proven).chain(self.others.drain(..others)).collect()
    }

    /// Drops what is queued: the interface goes down.
    pub fn clear(&mut self) {
        self.proven.clear();
        self.others.clear();
        self.handed_out = 0;
    }

    /// Whether messages wait, or so many were handed out that they count as load until the next
    /// drain says that control is done with them.
    pub fn awaits_drain(&self) -> bool {
        self.depth() > 0 || self.handed_out >= LOADED_FROM
    }

    /// Returns how many messages wait to be drained.
    pub fn depth(&self) -> usize {
        self.proven.len() + self.others.len()
    }

    fn judge_untrusted(
        &mut self,
        datagram: &[u8],
        way: &Way,
        now: Instant,
        random: &mut Random,
    ) -> Result<Verdict, Count> {
        let kind = Kind::of_untrusted(datagram).ok_or(Count::Malformed)?;
        let identity = self.identity.as_ref().ok_or(Count::NoIdentity)?;
        if kind == Kind::CookieReply {
            return self.judge_cookie_reply(datagram);
        }
        if kind == Kind::Response && !self.is_expected(datagram) {
            return Err(Count::Unexpected);
        }
        if !has_valid_mac1(&identity.mac1, datagram) {
            return Err(Count::BadMac1);
        }
        if !self.is_under_load(now) {
            return Ok(Verdict::Admit { is_proven: false });
        }
        self.judge_under_load(datagram, way, now, random)
    }

    fn judge_cookie_reply(&mut self, datagram: &[u8]) -> Result<Verdict, Count> {
        let index = number_at(datagram, 4).ok_or(Count::Malformed)?;
        match self.cookie_replies_due.get_mut(&index) {
            Some(due) if *due => {
                *due = false;
                Ok(Verdict::Admit { is_proven: true })
            }
            _ => Err(Count::Unexpected),
        }
    }

    fn judge_under_load(
        &mut self,
        datagram: &[u8],
        way: &Way,
        now: Instant,
        random: &mut Random,
    ) -> Result<Verdict, Count> {
        let source = &way.endpoint;
        let cookies = &mut self.identity.as_mut().ok_or(Count::NoIdentity)?.cookies;
        if !cookies.has_valid_mac2(datagram, source, now, random) {
            let reply = cookies.reply(datagram, source, now, random).ok_or(Count::Malformed)?;
            return Ok(Verdict::Answer(reply));
        }
        if !self.limiter.allow(source.ip(), now) {
            return Err(Count::RateLimited);
        }
        Ok(Verdict::Admit { is_proven: true })
    }

    /// Whether somebody awaits the response.
    fn is_expected(&self, datagram: &[u8]) -> bool {
        number_at(datagram, 8).is_some_and(|index| self.cookie_replies_due.contains_key(&index))
    }

    fn is_under_load(&mut self, now: Instant) -> bool {
        if self.depth() + self.handed_out >= LOADED_FROM {
            self.loaded_until = now + LOAD_MEMORY;
        }
        now < self.loaded_until
    }

    /// Of full queues one that proved its address takes the place of the oldest that did not. One
    /// that did not comes here only while we are not under load, so it finds room.
    fn enqueue(&mut self, is_proven: bool, message: Handshake, counters: &Counters) {
        if self.depth() >= CAPACITY {
            counters.add(Count::QueueFull, 1);
            if self.others.pop_front().is_none() {
                return;
            }
        }
        let queue = if is_proven { &mut self.proven } else { &mut self.others };
        queue.push_back(message);
    }
}

fn number_at(datagram: &[u8], offset: usize) -> Option<u32> {
    let bytes = datagram.get(offset..)?.first_chunk()?;
    Some(u32::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests;
