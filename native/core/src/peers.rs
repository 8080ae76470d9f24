//! Peers as the plane knows them, found by number or by endpoint.

use std::collections::HashMap;

use crate::addresses::{Endpoint, Instant, NEVER, Way};
use crate::hash::NumberMap;
use crate::sessions::Slots;

/// The number control gave a peer; none is used twice.
pub type PeerNumber = u64;

/// One peer: where it is, its sessions, its stamps and byte counts.
///
/// An idle peer is this and nothing else: a hundred thousand of them are possible. `located_at` is
/// the arrival of the datagram that last told where it is, `asked` says that a session was asked for
/// and none has come, `edges` are the notices not yet drained.
#[derive(Debug)]
pub struct Peer {
    /// Where it is and from which address of ours we speak to it.
    pub way: Option<Way>,
    /// When it was last known to be there.
    pub located_at: Instant,
    /// Its three sessions.
    pub slots: Slots,
    /// Whether a session was asked for.
    pub asked: bool,
    /// Whether no timer depends on its traffic.
    pub resting: bool,
    /// Notices that wait.
    pub edges: u8,
    /// The session that was confirmed, and when.
    pub confirmed: (u32, Instant),
    /// Data packets sent and received.
    pub activity: u64,
    /// Bytes of whole messages sent.
    pub tx_bytes: u64,
    /// Bytes of whole messages received.
    pub rx_bytes: u64,
    /// What happened when.
    pub stamps: Stamps,
}

/// When things last happened to a peer; `None` is never.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Stamps {
    /// The last authenticated packet sent.
    pub last_sent: Option<Instant>,
    /// The last authenticated packet received.
    pub last_received: Option<Instant>,
    /// The last time a packet had to wait for a session.
    pub last_staged: Option<Instant>,
    /// The first data sent that nothing authentic has answered.
    pub unanswered_since: Option<Instant>,
    /// The first data received since we last sent something.
    pub unacknowledged_since: Option<Instant>,
    /// Whether more data followed that.
    pub more_unacknowledged: bool,
}

impl Stamps {
    /// Something authenticated goes out: the other end's data is acknowledged.
    pub fn sent(&mut self, now: Instant) {
        self.last_sent = Some(now);
        self.unacknowledged_since = None;
        self.more_unacknowledged = false;
    }

    /// Data went out that was decided upon at `now`. If something came in since, before this could
    /// be noted, it is answered already.
    pub fn sent_data(&mut self, now: Instant) {
        if self.unanswered_since.is_none() && self.last_received.is_none_or(|last| last <= now) {
            self.unanswered_since = Some(now);
        }
    }

    /// Something authenticated came in: our data is answered.
    pub fn received(&mut self, now: Instant) {
        self.last_received = Some(now);
        self.unanswered_since = None;
    }

    /// Data came in, `count` packets.
    pub fn received_data(&mut self, count: u64, now: Instant) {
        if self.unacknowledged_since.is_none() {
            self.unacknowledged_since = Some(now);
            self.more_unacknowledged = count > 1;
        } else {
            self.more_unacknowledged = true;
        }
    }
}

impl Peer {
    fn new() -> Self {
        Self {
            way: None,
            located_at: -NEVER,
            slots: Slots::default(),
            asked: false,
            resting: true,
            edges: 0,
            confirmed: (0, 0.0),
            activity: 0,
            tx_bytes: 0,
            rx_bytes: 0,
            stamps: Stamps::default(),
        }
    }
}

/// All peers by number, and which of them are at an endpoint.
#[derive(Default)]
pub struct Peers {
    by_number: NumberMap<PeerNumber, Box<Peer>>,
    homes: HashMap<Endpoint, Residents>,
}

/// An endpoint is nearly always one peer's.
enum Residents {
    One(PeerNumber),
    Several(Vec<PeerNumber>),
}

impl Peers {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_number.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_number.is_empty()
    }

    /// Lets a peer begin to exist.
    pub fn add(&mut self, number: PeerNumber) {
        self.by_number.insert(number, Box::new(Peer::new()));
    }

    /// Returns a peer.
    pub fn get(&self, number: PeerNumber) -> Option<&Peer> {
        self.by_number.get(&number).map(Box::as_ref)
    }

    /// Returns a peer to be changed.
    pub fn get_mut(&mut self, number: PeerNumber) -> Option<&mut Peer> {
        self.by_number.get_mut(&number).map(Box::as_mut)
    }

    /// Lets a peer end.
    pub fn forget(&mut self, number: PeerNumber) -> Option<Box<Peer>> {
        let peer = self.by_number.remove(&number)?;
        if let Some(way) = peer.way {
            self.leave(number, way.endpoint);
        }
        Some(peer)
    }

    /// Says by which way a peer is reached from now on.
    pub fn locate(&mut self, number: PeerNumber, way: Way) {
        let Some(peer) = self.by_number.get_mut(&number) else { return };
        let before = peer.way.replace(way).map(|old| old.endpoint);
        if before == Some(way.endpoint) {
            return;
        }
        if let Some(endpoint) = before {
            self.leave(number, endpoint);
        }
        match self.homes.get_mut(&way.endpoint) {
            None => {
                self.homes.insert(way.endpoint, Residents::One(number));
            }
            Some(Residents::Several(all)) => all.push(number),
            Some(there) => {
                if let Residents::One(first) = *there {
                    *there = Residents::Several(vec![first, number]);
                }
            }
        }
    }

    /// Returns the peers whose endpoint this is.
    pub fn at(&self, endpoint: &Endpoint) -> &[PeerNumber] {
        match self.homes.get(endpoint) {
            None => &[],
            Some(Residents::One(number)) => std::slice::from_ref(number),
            Some(Residents::Several(all)) => all,
        }
    }

    fn leave(&mut self, number: PeerNumber, endpoint: Endpoint) {
        let empty = match self.homes.get_mut(&endpoint) {
            Some(Residents::Several(all)) => {
                all.retain(|one| *one != number);
                all.is_empty()
            }
            Some(Residents::One(_)) => true,
            None => false,
        };
        if empty {
            self.homes.remove(&endpoint);
        }
    }
}
