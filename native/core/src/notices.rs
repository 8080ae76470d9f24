//! Notices: what the plane tells control when control drains it.
//!
//! All but handshake messages are edges: one bit on a peer in a list of peers that have any. However
//! often a cause recurs one notice waits for it, so the list is bounded by the peers and nothing in
//! it is ever dropped.

use crate::addresses::Instant;
use crate::doorman::Handshake;
use crate::peers::{Peer, PeerNumber, Peers};

/// Data or a keepalive waits and no session can send it.
pub const WANTED_STAGED: u8 = 1;
/// The current session sent past its time.
pub const WANTED_SENT_LATE: u8 = 2;
/// The current session received past its time.
pub const WANTED_RECEIVED_LATE: u8 = 4;
/// The next session was confirmed.
pub const CONFIRMED: u8 = 8;
/// A resting peer has traffic.
pub const WOKE: u8 = 16;
/// From the peer's endpoint came an index that nobody knows.
pub const UNKNOWN: u8 = 32;

/// Each wish for a session, and the number by which control knows it.
const WISHES: [(u8, u8); 3] =
    [(WANTED_STAGED, 1), (WANTED_SENT_LATE, 2), (WANTED_RECEIVED_LATE, 3)];

/// One thing control is told.
#[derive(Clone, Debug)]
pub enum Notice {
    /// A handshake message or cookie reply that the doorman let pass.
    Handshake(Handshake),
    /// The peer needs a handshake; why is 1 staged, 2 sent late, 3 received late.
    SessionWanted(PeerNumber, u8),
    /// The first good packet under the next session made it current.
    SessionConfirmed(PeerNumber, u32, Instant),
    /// A resting peer sent or received data.
    TrafficWoke(PeerNumber),
    /// The peer seems to remember a session that we lost.
    SessionUnknown(PeerNumber),
}

/// The peers that have something to say, in the order in which they became ready.
#[derive(Default)]
pub struct ReadyList(Vec<PeerNumber>);

impl ReadyList {
    /// Sets one bit; without effect while it waits to be drained.
    pub fn raise(&mut self, number: PeerNumber, peer: &mut Peer, edge: u8) {
        if peer.edges == 0 {
            self.0.push(number);
        }
        peer.edges |= edge;
    }

    /// Ends the rest of a peer, since data moved, and says so.
    pub fn wake(&mut self, number: PeerNumber, peer: &mut Peer) {
        peer.resting = false;
        self.raise(number, peer, WOKE);
    }

    /// Whether nobody has anything to say.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns all notices and forgets them. `waits` says whether a peer has staged packets.
    pub fn collect(
        &mut self,
        peers: &mut Peers,
        waits: impl Fn(PeerNumber) -> bool,
    ) -> Vec<Notice> {
        let mut notices = Vec::with_capacity(self.0.len());
        for number in self.0.drain(..) {
            let Some(peer) = peers.get_mut(number) else { continue };
            let mut edges = std::mem::take(&mut peer.edges);
            if !waits(number) {
                // A session came meanwhile, or what waited was dropped.
                edges &= !WANTED_STAGED;
            }
            if edges & CONFIRMED != 0 {
                let (index, at) = peer.confirmed;
                notices.push(Notice::SessionConfirmed(number, index, at));
            }
            if edges & WOKE != 0 {
                notices.push(Notice::TrafficWoke(number));
            }
            for (edge, why) in WISHES {
                if edges & edge != 0 {
                    notices.push(Notice::SessionWanted(number, why));
                }
            }
            if edges & UNKNOWN != 0 {
                notices.push(Notice::SessionUnknown(number));
            }
        }
        notices
    }
}
