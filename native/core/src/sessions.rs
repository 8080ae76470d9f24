//! Sessions and the three slots in which a peer has them (PROTOCOL: sessions).

use std::sync::Arc;

use crate::addresses::Instant;
use crate::constants::REJECT_AFTER_MESSAGES;
use crate::replay::ReplayWindow;
use crate::transport::Key;

/// The two keys of a session; threads that seal or open hold on to them meanwhile.
#[derive(Debug)]
pub struct Keys {
    /// Seals what we send.
    pub send: Key,
    /// Opens what we receive.
    pub receive: Key,
}

/// One session of one peer: keys, counters and limits (paper 5.4.5, 6).
///
/// `counter` is the next to send. `asked_on_send` and `asked_on_receive` say that the wish for a
/// successor was raised already.
#[derive(Debug)]
pub struct Session {
    /// The index this end chose, by which its messages are found.
    pub local_index: u32,
    /// The index the other end chose.
    pub remote_index: u32,
    /// Both keys.
    pub keys: Arc<Keys>,
    /// The counter of the next message sent.
    pub counter: u64,
    /// Which counters were received.
    pub window: ReplayWindow,
    /// Whether this end began the handshake.
    pub initiator: bool,
    /// The first data sent from then on asks for a successor.
    pub renew_on_send_at: Instant,
    /// The first packet received from then on asks for a successor.
    pub renew_on_receive_at: Instant,
    /// From then on it neither sends nor receives.
    pub dies_at: Instant,
    /// Whether it may send at all.
    pub may_send: bool,
    /// Whether a successor was asked for when sending.
    pub asked_on_send: bool,
    /// Whether a successor was asked for when receiving.
    pub asked_on_receive: bool,
}

impl Session {
    /// Whether `count` more packets may go out under this session.
    pub fn can_send(&self, count: u64, now: Instant) -> bool {
        let room = REJECT_AFTER_MESSAGES.saturating_sub(self.counter);
        self.may_send && now < self.dies_at && count <= room && room > 0
    }
}

/// The slots: `current` sends and receives, `previous` and `next` only receive.
#[derive(Debug, Default)]
pub struct Slots {
    /// The session in use.
    pub current: Option<Box<Session>>,
    /// The one before it, for messages under way.
    pub previous: Option<Box<Session>>,
    /// One that the other end has not yet confirmed.
    pub next: Option<Box<Session>>,
}

impl Slots {
    /// Puts a new session in its slot; returns those that end.
    pub fn install(&mut self, session: Box<Session>) -> [Option<Box<Session>>; 2] {
        if !session.initiator {
            return [self.next.replace(session), self.previous.take()];
        }
        let mut ended = [self.previous.take(), None];
        if self.next.is_some() {
            self.previous = self.next.take();
            ended[1] = self.current.take();
        } else {
            self.previous = self.current.take();
        }
        self.current = Some(session);
        ended
    }

    /// Makes next current: its first good message has come, so the other end holds the keys.
    /// Returns the session that ends.
    pub fn promote(&mut self) -> Option<Box<Session>> {
        let ended = self.previous.take();
        self.previous = self.current.take();
        self.current = self.next.take();
        ended
    }

    /// Ends all three.
    pub fn erase(&mut self) -> [Option<Box<Session>>; 3] {
        [self.current.take(), self.previous.take(), self.next.take()]
    }

    /// Returns the sessions that send or will.
    pub fn current_and_next(&mut self) -> impl Iterator<Item = &mut Session> {
        [&mut self.current, &mut self.next].into_iter().filter_map(Option::as_deref_mut)
    }

    /// Returns the session with this index of ours.
    pub fn by_index(&mut self, index: u32) -> Option<&mut Session> {
        [&mut self.current, &mut self.next, &mut self.previous]
            .into_iter()
            .filter_map(Option::as_deref_mut)
            .find(|session| session.local_index == index)
    }

    /// Whether the session with this index awaits its first good message.
    pub fn is_next(&self, index: u32) -> bool {
        self.next.as_ref().is_some_and(|next| next.local_index == index)
    }

    /// Whether any of the three may still receive.
    pub fn is_live(&self, now: Instant) -> bool {
        [&self.current, &self.next, &self.previous]
            .into_iter()
            .flatten()
            .any(|session| now < session.dies_at)
    }

    /// Returns the session that sends `count` more packets, if one may.
    pub fn sender(&mut self, count: u64, now: Instant) -> Option<&mut Session> {
        self.current.as_deref_mut().filter(|current| current.can_send(count, now))
    }
}
