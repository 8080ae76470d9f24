//! Cryptokey routing: which peer an inner address belongs to (paper 2).

mod family;

use std::hash::Hash;
use std::net::IpAddr;

use crate::addresses::Prefix;
use family::Family;

/// The one table of an interface, both families; a prefix belongs to one peer.
///
/// Bits of a prefix beyond its length are ignored.
#[derive(Debug)]
pub struct Routes<T> {
    four: Family<u32, T>,
    six: Family<u128, T>,
}

impl<T: Copy + Eq + Hash> Default for Routes<T> {
    fn default() -> Self {
        Self { four: Family::default(), six: Family::default() }
    }
}

impl<T: Copy + Eq + Hash> Routes<T> {
    /// Gives `prefix` to `peer`; if another has it, it moves.
    pub fn insert(&mut self, prefix: Prefix, peer: T) {
        match prefix.address {
            IpAddr::V4(four) => self.four.insert(four.to_bits(), prefix.length, peer),
            IpAddr::V6(six) => self.six.insert(six.to_bits(), prefix.length, peer),
        }
    }

    /// Takes exactly `prefix` from `peer`. False if it is not this peer's.
    pub fn remove(&mut self, prefix: &Prefix, peer: T) -> bool {
        match prefix.address {
            IpAddr::V4(four) => self.four.remove(four.to_bits(), prefix.length, peer),
            IpAddr::V6(six) => self.six.remove(six.to_bits(), prefix.length, peer),
        }
    }

    /// Takes every prefix from `peer`.
    pub fn remove_peer(&mut self, peer: T) {
        self.four.remove_owner(peer);
        self.six.remove_owner(peer);
    }

    /// Returns the peer of the longest prefix that holds `address`.
    #[inline]
    pub fn lookup(&self, address: IpAddr) -> Option<T> {
        match address {
            IpAddr::V4(four) => self.four.lookup(four.to_bits()),
            IpAddr::V6(six) => self.six.lookup(six.to_bits()),
        }
    }

    /// Returns the prefixes of `peer`, IPv4 first.
    pub fn prefixes(&self, peer: T) -> impl Iterator<Item = Prefix> + '_ {
        let four =
            self.four.owned(peer).map(|(address, length)| (IpAddr::V4(address.into()), length));
        let six =
            self.six.owned(peer).map(|(address, length)| (IpAddr::V6(address.into()), length));
        four.chain(six).map(|(address, length)| Prefix { address, length })
    }

    /// Returns how many prefixes there are.
    pub fn len(&self) -> usize {
        self.four.len() + self.six.len()
    }

    /// Whether no prefix belongs to anybody.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests;
