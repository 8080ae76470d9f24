//! The core driven step by step, with virtual time and no descriptor: for tests and simulation.

use std::sync::Arc;

use crate::addresses::{Instant, Way};
use crate::commands::{Command, Path};
use crate::core::{Core, Random};
use crate::counters::Counters;
use crate::incoming::{Arrival, Incoming};
use crate::notices::Notice;
use crate::outgoing::{Inner, Outgoing, Trains};
use crate::peers::{Peer, PeerNumber};
use crate::segment::Train;
use crate::validation::Rejected;

/// One datagram that left: its way, its bytes and its traffic class.
pub type SentDatagram = (Way, Vec<u8>, u8);

/// The very core the shell runs, with what it sends and delivers left to be taken.
pub struct Stepped {
    core: Core,
    counters: Arc<Counters>,
    trains: Trains,
    sent: Vec<SentDatagram>,
    delivered: Vec<Vec<u8>>,
    up: bool,
}

impl Stepped {
    /// Returns a plane that is down and knows nobody.
    pub fn new(random: Random) -> Self {
        let counters = Arc::new(Counters::default());
        Self {
            core: Core::new(Arc::clone(&counters), random),
            counters,
            trains: Trains::default(),
            sent: Vec::new(),
            delivered: Vec::new(),
            up: false,
        }
    }

    /// Carries out a batch. It is up after a `Sockets` command with any number as descriptor;
    /// nothing is opened or closed.
    ///
    /// # Errors
    /// `Rejected`, and then nothing happened.
    pub fn apply(&mut self, commands: Vec<Command>, now: Instant) -> Result<(), Rejected> {
        let up = |command: &Command| match command {
            Command::Sockets { v4, v6 } => Some(v4.is_some() || v6.is_some()),
            _ => None,
        };
        let mut ups = commands.iter().filter_map(up).collect::<Vec<_>>().into_iter();
        let mut outgoing = Outgoing::default();
        self.core.apply(commands, now, &mut outgoing)?;
        for part in outgoing.parts() {
            self.carry_out(part, &[], now);
            self.up = ups.next().unwrap_or(self.up);
        }
        Ok(())
    }

    /// Takes a packet from the inner side.
    pub fn inner(&mut self, packet: &[u8], now: Instant) {
        let read = [Inner { packet, train: Train::whole(packet) }];
        let mut outgoing = Outgoing::default();
        self.core.send_inner(&read, now, &mut outgoing);
        self.carry_out(outgoing, &read, now);
    }

    /// Takes a datagram from the network; it arrives `now`, whatever `path.at` says.
    pub fn outer(&mut self, datagram: &[u8], path: &Path, now: Instant, tos: u8) {
        if !self.up || datagram.is_empty() {
            return;
        }
        let mut buffer = datagram.to_vec();
        let length = buffer.len();
        let arrival = Arrival { start: 0, length, segment: length, way: path.way, tos };
        let (mut incoming, mut outgoing) = (Incoming::default(), Outgoing::default());
        self.core.arrive_untrusted(&buffer, &[arrival], now, &mut incoming, &mut outgoing);
        incoming.open_untrusted(&mut buffer);
        self.core.judge(&mut buffer, &mut incoming, now, &mut outgoing);
        self.delivered.extend(incoming.packets.iter().map(|span| buffer[span.range()].to_vec()));
        self.carry_out(outgoing, &[], now);
    }

    /// Returns the notices since the last drain.
    pub fn drain(&mut self) -> Vec<Notice> {
        self.core.drain()
    }

    /// Whether a drain is due.
    pub fn has_notices(&self) -> bool {
        self.core.has_notices()
    }

    /// Returns a peer.
    pub fn peer(&self, number: PeerNumber) -> Option<&Peer> {
        self.core.peer(number)
    }

    /// Returns every counter and depth.
    pub fn counters(&self) -> Vec<(&'static str, u64)> {
        self.counters.all().chain(self.core.depths()).collect()
    }

    /// Returns what was sent since the last call.
    pub fn take_sent(&mut self) -> Vec<SentDatagram> {
        std::mem::take(&mut self.sent)
    }

    /// Returns the packets delivered inward since the last call.
    pub fn take_packets(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.delivered)
    }

    fn carry_out(&mut self, outgoing: Outgoing, read: &[Inner<'_>], now: Instant) {
        for datagram in outgoing.datagrams {
            if !self.up {
                continue;
            }
            if let Some(peer) = datagram.peer {
                self.core.sent_datagram(peer, datagram.bytes.len());
            }
            self.sent.push((datagram.way, datagram.bytes, datagram.tos));
        }
        self.trains.seal(&outgoing.runs, read);
        for (number, run) in outgoing.runs.iter().enumerate() {
            let mut bytes = 0;
            for (sealed, train) in self.trains.iter().filter(|(sealed, _)| sealed.run == number) {
                if self.up {
                    bytes += train.len();
                    let datagrams = train.chunks(sealed.segment);
                    self.sent.extend(datagrams.map(|one| (run.way, one.to_vec(), run.tos)));
                }
            }
            self.core.sent(run.peer, bytes, run.data, now);
        }
        self.delivered.extend(outgoing.answers);
    }
}
