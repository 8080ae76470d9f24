//! The prefixes of one family: whole addresses by hash, for most tables hold little else, and the
//! others in a binary trie without the nodes that decide nothing.
//!
//! A way down the trie compares no address and reads 8 bytes a step; the prefix at its end is
//! compared once. If that one does not hold the address, the bits that they share tell how far down
//! the same way the branches' own prefixes still hold it.

use std::hash::Hash;

use crate::hash::NumberMap;
use crate::slab::{NONE, Slab};

/// An address as one number, its first bit the highest.
pub trait Address: Copy + Eq + Hash {
    /// How many bits it has.
    const BITS: u8;

    /// Returns bit `at`, 0 or 1; bits are counted from the first.
    fn bit(self, at: u8) -> usize;

    /// Returns how many bits both begin with.
    fn shared(self, other: Self) -> u8;

    /// Returns the first `length` bits, the others cleared.
    fn first(self, length: u8) -> Self;
}

macro_rules! address {
    ($number:ty) => {
        impl Address for $number {
            const BITS: u8 = Self::BITS as u8;

            #[inline]
            fn bit(self, at: u8) -> usize {
                (self << at >> (Self::BITS - 1)) as usize
            }

            #[inline]
            fn shared(self, other: Self) -> u8 {
                (self ^ other).leading_zeros() as u8
            }

            #[inline]
            fn first(self, length: u8) -> Self {
                self & !Self::MAX.checked_shr(u32::from(length)).unwrap_or(0)
            }
        }
    };
}

address!(u32);
address!(u128);

/// Where a way leads on to. A link to a branch says itself which bit decides there, so that the
/// side is known before the branch has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    Nowhere,
    Prefix(u32),
    Branch(u32, u8),
}

/// A place that holds a link: the root's, or one side of the branch `number`, which decides bit `at`.
#[derive(Clone, Copy)]
enum Place {
    Root,
    Side { number: u32, at: u8, side: usize },
}

/// Parts prefixes by one bit; all below it begin with the same bits before that. `prefix` is the one
/// that has exactly those bits, or `NONE`. Of its prefix and its two sides at least two are there.
#[derive(Clone, Copy, Debug)]
struct Branch {
    sides: [Link; 2],
    prefix: u32,
}

impl Branch {
    #[inline]
    fn prefix(&self) -> Option<u32> {
        (self.prefix != NONE).then_some(self.prefix)
    }
}

/// A prefix, its owner, and its neighbours among the owner's.
#[derive(Clone, Copy, Debug)]
struct Entry<A, T> {
    address: A,
    length: u8,
    owner: T,
    before: u32,
    after: u32,
}

/// The prefixes of one family.
#[derive(Debug)]
pub struct Family<A, T> {
    entries: Slab<Entry<A, T>>,
    /// The first prefix of each owner.
    owned: NumberMap<T, u32>,
    /// The prefixes that are whole addresses.
    hosts: NumberMap<A, u32>,
    root: Link,
    branches: Slab<Branch>,
}

impl<A, T> Default for Family<A, T> {
    fn default() -> Self {
        Self {
            entries: Slab::default(),
            owned: NumberMap::default(),
            hosts: NumberMap::default(),
            root: Link::Nowhere,
            branches: Slab::default(),
        }
    }
}

impl<A: Address, T: Copy + Eq + Hash> Family<A, T> {
    /// Returns how many prefixes there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns the owner of the longest prefix that holds `address`.
    #[inline]
    pub fn lookup(&self, address: A) -> Option<T> {
        match self.hosts.get(&address) {
            Some(&number) => Some(self.entries[number].owner),
            None => self.lookup_shorter(address),
        }
    }

    fn lookup_shorter(&self, address: A) -> Option<T> {
        let mut link = self.root;
        let mut last = NONE;
        while let Link::Branch(number, at) = link {
            last = number;
            link = self.branches[number].sides[address.bit(at)];
        }
        let end = match link {
            Link::Prefix(number) => number,
            _ if last == NONE => return None,
            _ => self.branches[last].prefix()?,
        };
        let entry = &self.entries[end];
        let shared = entry.address.shared(address);
        if shared >= entry.length {
            return Some(entry.owner);
        }
        self.lookup_above(address, shared)
    }

    /// Returns the owner of the longest prefix of at most `longest` bits on the way of `address`.
    fn lookup_above(&self, address: A, longest: u8) -> Option<T> {
        let mut link = self.root;
        let mut found = None;
        while let Link::Branch(number, at) = link {
            if at > longest {
                break;
            }
            let branch = &self.branches[number];
            found = branch.prefix().or(found);
            link = branch.sides[address.bit(at)];
        }
        found.map(|number| self.entries[number].owner)
    }

    /// Gives a prefix to `owner`.
    pub fn insert(&mut self, address: A, length: u8, owner: T) {
        let length = length.min(A::BITS);
        let address = address.first(length);
        if let Some(number) = self.find(address, length) {
            self.give(number, owner);
            return;
        }
        let entry = Entry { address, length, owner, before: NONE, after: NONE };
        let number = self.entries.insert(entry);
        self.own(number);
        if length == A::BITS {
            self.hosts.insert(address, number);
        } else {
            self.place(number, address, length);
        }
    }

    /// Places a new entry in the trie.
    fn place(&mut self, number: u32, address: A, length: u8) {
        let Some(near) = self.near(address, length).map(|near| self.entries[near]) else {
            self.root = Link::Prefix(number);
            return;
        };
        let shared = near.address.shared(address).min(near.length).min(length);
        let branch = match self.descend(address, shared) {
            (_, Link::Branch(branch, at)) if at == shared => branch,
            (place, link) => self.part(place, link, near, shared),
        };
        let branch = &mut self.branches[branch];
        if length == shared {
            branch.prefix = number;
        } else {
            branch.sides[address.bit(shared)] = Link::Prefix(number);
        }
    }

    /// Takes a prefix from `owner`. False if it is not this owner's.
    pub fn remove(&mut self, address: A, length: u8, owner: T) -> bool {
        let length = length.min(A::BITS);
        match self.find(address.first(length), length) {
            Some(number) if self.entries[number].owner == owner => {
                self.cut(number);
                true
            }
            _ => false,
        }
    }

    /// Takes every prefix from `owner`.
    pub fn remove_owner(&mut self, owner: T) {
        while let Some(&number) = self.owned.get(&owner) {
            self.cut(number);
        }
    }

    /// Returns the prefixes of `owner`, in no order.
    pub fn owned(&self, owner: T) -> impl Iterator<Item = (A, u8)> + '_ {
        let entry = |number: u32| (number != NONE).then(|| &self.entries[number]);
        let first = entry(self.owned.get(&owner).copied().unwrap_or(NONE));
        std::iter::successors(first, move |before| entry(before.after))
            .map(|entry| (entry.address, entry.length))
    }

    /// Follows the first `length` bits of an address: the place reached, and what it holds.
    fn descend(&self, address: A, length: u8) -> (Place, Link) {
        let (mut place, mut link) = (Place::Root, self.root);
        while let Link::Branch(number, at) = link {
            if at >= length {
                break;
            }
            let side = address.bit(at);
            place = Place::Side { number, at, side };
            link = self.branches[number].sides[side];
        }
        (place, link)
    }

    /// Returns an entry that shares as many bits as any with this prefix; `None` of none.
    fn near(&self, address: A, length: u8) -> Option<u32> {
        let (place, mut link) = self.descend(address, length);
        while let Link::Branch(number, _) = link {
            let branch = &self.branches[number];
            match branch.prefix() {
                None => link = branch.sides[0],
                prefix => return prefix,
            }
        }
        match (link, place) {
            (Link::Prefix(number), _) => Some(number),
            (_, Place::Side { number, .. }) => self.branches[number].prefix(),
            (_, Place::Root) => None,
        }
    }

    /// Returns the entry of exactly this prefix.
    fn find(&self, address: A, length: u8) -> Option<u32> {
        if length == A::BITS {
            return self.hosts.get(&address).copied();
        }
        let number = match self.descend(address, length).1 {
            Link::Prefix(number) => number,
            Link::Branch(number, _) => self.branches[number].prefix()?,
            Link::Nowhere => return None,
        };
        let entry = &self.entries[number];
        (entry.length == length && entry.address == address).then_some(number)
    }

    /// Puts a branch at bit `at` between a place and the link that it holds, which leads to `near`.
    ///
    /// The branch is not whole: it waits for what shares only `at` bits with `near`.
    fn part(&mut self, place: Place, link: Link, near: Entry<A, T>, at: u8) -> u32 {
        let mut branch = Branch { sides: [Link::Nowhere; 2], prefix: NONE };
        match link {
            Link::Prefix(number) if near.length == at => branch.prefix = number,
            _ => branch.sides[near.address.bit(at)] = link,
        }
        let number = self.branches.insert(branch);
        self.put(place, Link::Branch(number, at));
        number
    }

    /// Forgets an entry.
    fn cut(&mut self, number: u32) {
        let Entry { address, length, .. } = self.entries[number];
        if length == A::BITS {
            self.hosts.remove(&address);
        } else {
            self.displace(address, length);
        }
        self.disown(number);
        self.entries.remove(number);
    }

    /// Takes a prefix that is there out of the trie.
    fn displace(&mut self, address: A, length: u8) {
        match self.descend(address, length) {
            (_, Link::Branch(number, at)) => {
                self.branches[number].prefix = NONE;
                self.mend(address, at);
            }
            (place, _) => {
                self.put(place, Link::Nowhere);
                if let Place::Side { at, .. } = place {
                    self.mend(address, at);
                }
            }
        }
    }

    /// Takes the branch at bit `at` on the way of `address` away if it decides nothing any longer.
    fn mend(&mut self, address: A, at: u8) {
        let (place, Link::Branch(number, _)) = self.descend(address, at) else {
            return;
        };
        let Branch { sides, prefix } = self.branches[number];
        let only = match (sides, prefix) {
            ([only, Link::Nowhere] | [Link::Nowhere, only], NONE) => only,
            ([Link::Nowhere, Link::Nowhere], prefix) => Link::Prefix(prefix),
            _ => return,
        };
        self.put(place, only);
        self.branches.remove(number);
    }

    fn put(&mut self, place: Place, link: Link) {
        match place {
            Place::Root => self.root = link,
            Place::Side { number, side, .. } => self.branches[number].sides[side] = link,
        }
    }

    fn give(&mut self, number: u32, owner: T) {
        self.disown(number);
        self.entries[number].owner = owner;
        self.own(number);
    }

    fn own(&mut self, number: u32) {
        let first = self.owned.insert(self.entries[number].owner, number).unwrap_or(NONE);
        self.entries[number].before = NONE;
        self.entries[number].after = first;
        if first != NONE {
            self.entries[first].before = number;
        }
    }

    fn disown(&mut self, number: u32) {
        let Entry { owner, before, after, .. } = self.entries[number];
        if after != NONE {
            self.entries[after].before = before;
        }
        match (before, after) {
            (NONE, NONE) => _ = self.owned.remove(&owner),
            (NONE, _) => _ = self.owned.insert(owner, after),
            _ => self.entries[before].after = after,
        }
    }
}

#[cfg(test)]
mod tests;
