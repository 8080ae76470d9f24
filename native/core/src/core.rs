//! The core whole: its parts joined, and each command carried out on them.
//!
//! Work that costs, sealing and opening, is not done here: a step is decided here, under whatever
//! lock the shell has, carried out by `outgoing::Trains` or `incoming::Incoming` without it, and then
//! accounted for here. So the core may be shared by many threads and is never held for long.

use std::collections::HashMap;
use std::sync::Arc;

use crate::addresses::{Endpoint, Instant, NEVER, Way};
use crate::commands::{Command, NewSession, PeerCommand};
use crate::constants::{DEFAULT_MTU, HANDSHAKE_DSCP};
use crate::counters::{Count, Counters};
use crate::doorman::Doorman;
use crate::hash::NumberMap;
use crate::notices::{Notice, ReadyList};
use crate::outgoing::{Datagram, Outgoing};
use crate::peers::{Peer, PeerNumber, Peers};
use crate::replay::ReplayWindow;
use crate::routes::Routes;
use crate::sessions::{Keys, Session};
use crate::staging::Stage;
use crate::validation::{Rejected, check};

/// Fills a slice with random bytes.
pub type Random = Box<dyn FnMut(&mut [u8]) + Send>;

/// Everything the plane knows.
pub struct Core {
    pub(crate) peers: Peers,
    pub(crate) by_index: NumberMap<u32, PeerNumber>,
    pub(crate) routes: Routes<PeerNumber>,
    pub(crate) ready: ReadyList,
    pub(crate) stage: Stage<PeerNumber>,
    pub(crate) doorman: Doorman,
    pub(crate) counters: Arc<Counters>,
    pub(crate) random: Random,
    pub(crate) up: bool,
    pub(crate) mtu: usize,
    pub(crate) answers_left: u32,
    pub(crate) answers_until: Instant,
    pub(crate) looked_at: HashMap<Endpoint, Instant>,
}

impl Core {
    /// Returns a core that is down and knows nobody.
    pub fn new(counters: Arc<Counters>, random: Random) -> Self {
        Self {
            peers: Peers::default(),
            by_index: NumberMap::default(),
            routes: Routes::default(),
            ready: ReadyList::default(),
            stage: Stage::default(),
            doorman: Doorman::default(),
            counters,
            random,
            up: false,
            mtu: DEFAULT_MTU,
            answers_left: 0,
            answers_until: -NEVER,
            looked_at: HashMap::new(),
        }
    }

    /// Carries out a batch; what is to be sent is added to `outgoing`, in parts if it replaces the
    /// sockets ([`Outgoing::parts`]).
    ///
    /// # Errors
    /// `Rejected`, and then nothing happened.
    pub fn apply(
        &mut self,
        commands: Vec<Command>,
        now: Instant,
        outgoing: &mut Outgoing,
    ) -> Result<(), Rejected> {
        check(self, &commands)?;
        for command in commands {
            match command {
                Command::Sockets { v4, v6 } => {
                    outgoing.replace_sockets();
                    self.up = v4.is_some() || v6.is_some();
                    if !self.up {
                        self.doorman.clear();
                    }
                }
                Command::Identity(public) => self.doorman.identify(public.as_ref()),
                Command::Mtu(mtu) => self.mtu = usize::from(mtu),
                Command::Expect(index) => self.doorman.expect(index),
                Command::Unexpect(index) => self.doorman.unexpect(index),
                Command::Peer(number, PeerCommand::Add) => self.peers.add(number),
                Command::Peer(number, about) => self.carry_out(number, about, now, outgoing),
            }
        }
        Ok(())
    }

    /// Returns the notices since the last drain, edges first, at most 64 handshake messages.
    pub fn drain(&mut self) -> Vec<Notice> {
        let stage = &self.stage;
        let mut notices = self.ready.collect(&mut self.peers, |number| stage.has(number));
        notices.extend(self.doorman.drain().into_iter().map(Notice::Handshake));
        notices
    }

    /// Whether a drain is due; also when it would only say that the last ones are dealt with.
    pub fn has_notices(&self) -> bool {
        !self.ready.is_empty() || self.doorman.awaits_drain()
    }

    /// Returns a peer.
    pub fn peer(&self, number: PeerNumber) -> Option<&Peer> {
        self.peers.get(number)
    }

    /// Returns how much there is of each thing that is counted by its depth.
    pub fn depths(&self) -> [(&'static str, u64); 5] {
        [
            ("peers", self.peers.len() as u64),
            ("sessions", self.by_index.len() as u64),
            ("staged_packets", self.stage.len() as u64),
            ("staged_bytes", self.stage.bytes() as u64),
            ("queued_handshakes", self.doorman.depth() as u64),
        ]
    }

    /// Lets the host choose the source address again wherever this way is taken: it stopped working.
    pub fn forget_source(&mut self, way: &Way) {
        self.counters.add(Count::SourceCleared, 1);
        for number in self.peers.at(&way.endpoint).to_vec() {
            if let Some(peer) = self.peers.get_mut(number)
                && peer.way == Some(*way)
            {
                peer.way = Some(Way::to(way.endpoint));
            }
        }
    }

    pub(crate) fn has_peer(&self, number: PeerNumber) -> bool {
        self.peers.get(number).is_some()
    }

    pub(crate) fn peer_count(&self) -> usize {
        self.peers.len()
    }

    pub(crate) fn has_session(&self, index: u32) -> bool {
        self.by_index.contains_key(&index)
    }

    fn carry_out(
        &mut self,
        number: PeerNumber,
        command: PeerCommand,
        now: Instant,
        outgoing: &mut Outgoing,
    ) {
        let Some(peer) = self.peers.get_mut(number) else { return };
        match command {
            PeerCommand::Add => {}
            PeerCommand::Forget => self.forget(number),
            PeerCommand::Route(prefixes) => {
                for prefix in prefixes {
                    self.routes.insert(prefix, number);
                }
            }
            PeerCommand::Unroute(prefixes) => {
                for prefix in &prefixes {
                    self.routes.remove(prefix, number);
                }
            }
            PeerCommand::SetEndpoint(endpoint) => {
                peer.located_at = now;
                self.peers.locate(number, Way::to(endpoint));
            }
            PeerCommand::Follow { path, size } => {
                peer.rx_bytes += size;
                peer.stamps.received(now);
                if path.at >= peer.located_at {
                    peer.located_at = path.at;
                    self.peers.locate(number, path.way);
                }
            }
            PeerCommand::ClearSource => peer.way = peer.way.map(|way| Way::to(way.endpoint)),
            PeerCommand::Install(session) => self.install(number, *session, now, outgoing),
            PeerCommand::StopSending => {
                for session in peer.slots.current_and_next() {
                    session.may_send = false;
                }
            }
            PeerCommand::DropSessions => self.drop_sessions(number),
            PeerCommand::EraseSessions => self.erase_sessions(number),
            PeerCommand::Send { datagram, path } => match path.map(|path| path.way).or(peer.way) {
                None => self.counters.add(Count::NoEndpoint, 1),
                Some(way) => {
                    peer.stamps.sent(now);
                    outgoing.datagrams.push(Datagram {
                        peer: Some(number),
                        way,
                        tos: HANDSHAKE_DSCP,
                        bytes: datagram,
                    });
                }
            },
            PeerCommand::Keepalive { rearm } => self.keepalive(number, rearm, now, outgoing),
            PeerCommand::Flush => self.flush_staged(number, now, outgoing),
            PeerCommand::Abandon => {
                for session in peer.slots.current_and_next() {
                    session.asked_on_send = false;
                    session.asked_on_receive = false;
                }
                self.drop_staged(number);
            }
            PeerCommand::Rest { seen } => {
                peer.resting = true;
                if peer.activity != seen {
                    self.ready.wake(number, peer);
                }
            }
        }
    }

    fn keepalive(
        &mut self,
        number: PeerNumber,
        rearm: bool,
        now: Instant,
        outgoing: &mut Outgoing,
    ) {
        self.send_keepalive(number, now, outgoing);
        if rearm && let Some(peer) = self.peers.get_mut(number) {
            peer.stamps.unacknowledged_since = Some(now);
            peer.stamps.more_unacknowledged = false;
        }
    }

    fn forget(&mut self, number: PeerNumber) {
        self.drop_sessions(number);
        self.routes.remove_peer(number);
        self.peers.forget(number);
        // Its place in the ready list is passed over when that is collected: no number comes twice.
    }

    fn install(
        &mut self,
        number: PeerNumber,
        session: NewSession,
        now: Instant,
        outgoing: &mut Outgoing,
    ) {
        let Some(peer) = self.peers.get_mut(number) else { return };
        let keys = Keys { send: session.send_key, receive: session.receive_key };
        let initiator = session.initiator;
        let ended = peer.slots.install(Box::new(Session {
            local_index: session.local_index,
            remote_index: session.remote_index,
            keys: Arc::new(keys),
            counter: session.first_counter,
            window: ReplayWindow::default(),
            initiator,
            renew_on_send_at: session.renew_on_send_at,
            renew_on_receive_at: session.renew_on_receive_at,
            dies_at: session.dies_at,
            may_send: true,
            asked_on_send: false,
            asked_on_receive: false,
        }));
        if initiator {
            peer.asked = false;
        }
        self.end(ended);
        self.by_index.insert(session.local_index, number);
        if initiator {
            self.send_keepalive(number, now, outgoing);
        }
    }

    fn drop_sessions(&mut self, number: PeerNumber) {
        self.erase_sessions(number);
        self.drop_staged(number);
        if let Some(peer) = self.peers.get_mut(number) {
            peer.stamps = crate::peers::Stamps::default();
        }
    }

    fn erase_sessions(&mut self, number: PeerNumber) {
        if let Some(peer) = self.peers.get_mut(number) {
            let ended = peer.slots.erase();
            self.end(ended);
        }
    }

    /// Takes sessions that ended out of the table; their keys are erased with their last user.
    pub(crate) fn end(&mut self, ended: impl IntoIterator<Item = Option<Box<Session>>>) {
        for session in ended.into_iter().flatten() {
            self.by_index.remove(&session.local_index);
        }
    }
}

#[cfg(test)]
mod tests;
