//! The door as bytes, outward: notices and snapshots in msgpack, as `wiresnake.door` reads them.

use std::net::IpAddr;

use rmp::encode as write;

use crate::addresses::{Endpoint, Instant, Way};
use crate::notices::Notice;
use crate::peers::{Peer, PeerNumber};

/// Writing to a vector cannot fail.
const INFALLIBLE: &str = "a vector takes everything";

/// Returns an array of notices.
pub fn notices(notices: &[Notice]) -> Vec<u8> {
    let mut to = Writer(Vec::with_capacity(64 * notices.len() + 8));
    to.array(notices.len());
    for notice in notices {
        to.notice(notice);
    }
    to.0
}

/// Returns an array of snapshots.
pub fn observed(peers: &[(PeerNumber, &Peer)]) -> Vec<u8> {
    let mut to = Writer(Vec::with_capacity(128 * peers.len() + 8));
    to.array(peers.len());
    for (number, peer) in peers {
        to.peer(*number, peer);
    }
    to.0
}

/// Returns a way as `[endpoint, local, interface]`.
pub fn way(way: &Way) -> Vec<u8> {
    let mut to = Writer(Vec::new());
    to.array(3);
    to.way(way);
    to.0
}

struct Writer(Vec<u8>);

impl Writer {
    fn notice(&mut self, notice: &Notice) {
        match notice {
            Notice::Handshake(queued) => {
                self.tagged("Handshake", 2);
                self.bytes(queued.datagram());
                self.array(4);
                self.way(&queued.way);
                self.instant(queued.at);
            }
            Notice::SessionWanted(peer, why) => {
                self.tagged("SessionWanted", 2);
                self.number(*peer);
                self.number(u64::from(*why));
            }
            Notice::SessionConfirmed(peer, index, at) => {
                self.tagged("SessionConfirmed", 3);
                self.number(*peer);
                self.number(u64::from(*index));
                self.instant(*at);
            }
            Notice::TrafficWoke(peer) => {
                self.tagged("TrafficWoke", 1);
                self.number(*peer);
            }
            Notice::SessionUnknown(peer) => {
                self.tagged("SessionUnknown", 1);
                self.number(*peer);
            }
        }
    }

    fn peer(&mut self, number: PeerNumber, peer: &Peer) {
        let stamps = &peer.stamps;
        self.array(13);
        self.number(number);
        self.number(peer.activity);
        self.stamp(stamps.unanswered_since);
        self.stamp(stamps.unacknowledged_since);
        write::write_bool(&mut self.0, stamps.more_unacknowledged).expect(INFALLIBLE);
        self.stamp(stamps.last_sent);
        self.stamp(stamps.last_received);
        self.stamp(stamps.last_staged);
        self.number(peer.tx_bytes);
        self.number(peer.rx_bytes);
        if let Some(way) = &peer.way {
            self.way(way);
        } else {
            self.nothing();
            self.bytes(&[]);
            self.number(0);
        }
    }

    /// Writes a way's three values.
    fn way(&mut self, way: &Way) {
        self.endpoint(&way.endpoint);
        match way.local {
            Some(local) => self.address(local),
            None => self.bytes(&[]),
        }
        self.number(u64::from(way.interface));
    }

    fn endpoint(&mut self, endpoint: &Endpoint) {
        write::write_map_len(&mut self.0, 3).expect(INFALLIBLE);
        self.text("host");
        self.address(endpoint.ip());
        self.text("port");
        self.number(u64::from(endpoint.port()));
        self.text("scope");
        self.number(match endpoint {
            Endpoint::V4(_) => 0,
            Endpoint::V6(six) => u64::from(six.scope_id()),
        });
    }

    fn address(&mut self, address: IpAddr) {
        match address {
            IpAddr::V4(four) => self.bytes(&four.octets()),
            IpAddr::V6(six) => self.bytes(&six.octets()),
        }
    }

    fn tagged(&mut self, name: &str, fields: usize) {
        self.array(fields + 1);
        self.text(name);
    }

    fn stamp(&mut self, stamp: Option<Instant>) {
        match stamp {
            Some(at) => self.instant(at),
            None => self.nothing(),
        }
    }

    fn array(&mut self, length: usize) {
        write::write_array_len(&mut self.0, length as u32).expect(INFALLIBLE);
    }

    fn text(&mut self, text: &str) {
        write::write_str(&mut self.0, text).expect(INFALLIBLE);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        write::write_bin(&mut self.0, bytes).expect(INFALLIBLE);
    }

    fn number(&mut self, number: u64) {
        write::write_uint(&mut self.0, number).expect(INFALLIBLE);
    }

    fn instant(&mut self, at: Instant) {
        write::write_f64(&mut self.0, at).expect(INFALLIBLE);
    }

    fn nothing(&mut self) {
        write::write_nil(&mut self.0).expect(INFALLIBLE);
    }
}
