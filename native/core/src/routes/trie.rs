//! A binary trie of prefixes without the nodes that decide nothing.
//!
//! A branch says only which bit to look at next, so a way down reads 16 bytes a step and compares
//! no address; the prefix at its end is compared once. If that one does not hold the address, the
//! bits that they share tell how far down the same way the branches' own prefixes still hold it.

use std::collections::HashMap;
use std::hash::Hash;

use crate::slab::{NONE, Slab};

/// An address as one number, its first bit the highest.
pub trait Address: Copy + Eq {
    /// How many bits it has.
    const BITS: u32;

    /// Returns bit `at`, 0 or 1; bits are counted from the first.
    fn bit(self, at: u32) -> usize;

    /// Returns how many bits both begin with.
    fn shared(self, other: Self) -> u32;

    /// Returns the first `length` bits, the others cleared.
    fn first(self, length: u32) -> Self;
}

macro_rules! address {
    ($number:ty) => {
        impl Address for $number {
            const BITS: u32 = Self::BITS;

            #[inline]
            fn bit(self, at: u32) -> usize {
                (self >> (Self::BITS - 1 - at)) as usize & 1
            }

            #[inline]
            fn shared(self, other: Self) -> u32 {
                (self ^ other).leading_zeros()
            }

            fn first(self, length: u32) -> Self {
                self & !Self::MAX.checked_shr(length).unwrap_or(0)
            }
        }
    };
}

address!(u32);
address!(u128);

/// Where a way leads on to: nowhere, to a prefix or to a branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Link(u32);

/// A link as it is read.
enum Target {
    Nowhere,
    Prefix(u32),
    Branch(u32),
}

const NOWHERE: Link = Link(NONE);
const IS_BRANCH: u32 = 1 << 31;

impl Link {
    fn to_prefix(number: u32) -> Self {
        Self(number)
    }

    fn to_branch(number: u32) -> Self {
        Self(number | IS_BRANCH)
    }

    #[inline]
    fn target(self) -> Target {
        match self.0 {
            NONE => Target::Nowhere,
            number if number & IS_BRANCH != 0 => Target::Branch(number & !IS_BRANCH),
            number => Target::Prefix(number),
        }
    }
}

/// A place that holds a link: the root's, or one side of a branch.
#[derive(Clone, Copy)]
enum Place {
    Root,
    Side(u32, usize),
}

/// Parts prefixes by the bit `at`. All below it begin with the same `at` bits; `prefix` is the one
/// of exactly that length, or `NONE`. Of its prefix and its two sides at least two are there.
#[derive(Clone, Copy, Debug)]
struct Branch {
    at: u32,
    prefix: u32,
    sides: [Link; 2],
}

impl Branch {
    fn prefix(&self) -> Option<u32> {
        (self.prefix != NONE).then_some(self.prefix)
    }
}

/// A prefix, its owner, and its neighbours among the owner's.
#[derive(Clone, Copy, Debug)]
struct Entry<A, T> {
    address: A,
    length: u32,
    owner: T,
    before: u32,
    after: u32,
}

/// The prefixes of one family.
#[derive(Debug)]
pub struct Trie<A, T> {
    root: Link,
    branches: Slab<Branch>,
    entries: Slab<Entry<A, T>>,
    /// The first prefix of each owner.
    owned: HashMap<T, u32>,
}

impl<A, T> Default for Trie<A, T> {
    fn default() -> Self {
        Self {
            root: NOWHERE,
            branches: Slab::default(),
            entries: Slab::default(),
            owned: HashMap::new(),
        }
    }
}

impl<A: Address, T: Copy + Eq + Hash> Trie<A, T> {
    /// Returns how many prefixes there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns the owner of the longest prefix that holds `address`.
    #[inline]
    pub fn lookup(&self, address: A) -> Option<T> {
        let mut link = self.root;
        let mut last = NONE;
        let end = loop {
            match link.target() {
                Target::Branch(number) => {
                    let branch = &self.branches[number];
                    last = branch.prefix;
                    link = branch.sides[address.bit(branch.at)];
                }
                Target::Prefix(number) => break number,
                Target::Nowhere if last == NONE => return None,
                Target::Nowhere => break last,
            }
        };
        let entry = &self.entries[end];
        let shared = entry.address.shared(address);
        if shared >= entry.length {
            return Some(entry.owner);
        }
        self.lookup_above(address, shared)
    }

    /// Returns the owner of the longest prefix of at most `longest` bits on the way of `address`.
    fn lookup_above(&self, address: A, longest: u32) -> Option<T> {
        let mut link = self.root;
        let mut found = NONE;
        while let Target::Branch(number) = link.target() {
            let branch = &self.branches[number];
            if branch.at > longest {
                break;
            }
            if branch.prefix != NONE {
                found = branch.prefix;
            }
            link = branch.sides[address.bit(branch.at)];
        }
        (found != NONE).then(|| self.entries[found].owner)
    }

    /// Gives a prefix to `owner`.
    pub fn insert(&mut self, address: A, length: u8, owner: T) {
        let length = u32::from(length).min(A::BITS);
        let address = address.first(length);
        let Some(near) = self.near(address, length).map(|near| self.entries[near]) else {
            let entry = self.enter(address, length, owner);
            self.root = Link::to_prefix(entry);
            return;
        };
        let shared = near.address.shared(address).min(near.length).min(length);
        let (place, link) = self.descend(address, shared);
        let holder = match link.target() {
            Target::Branch(number) if self.branches[number].at == shared => number,
            Target::Prefix(number) if near.length == length && shared == length => {
                return self.give(number, owner);
            }
            _ => self.part(place, link, near, shared),
        };
        match self.branches[holder].prefix {
            prefix if length == shared && prefix != NONE => self.give(prefix, owner),
            _ => {
                let entry = self.enter(address, length, owner);
                let branch = &mut self.branches[holder];
                if length == shared {
                    branch.prefix = entry;
                } else {
                    branch.sides[address.bit(shared)] = Link::to_prefix(entry);
                }
            }
        }
    }

    /// Takes a prefix from `owner`. False if it is not this owner's.
    pub fn remove(&mut self, address: A, length: u8, owner: T) -> bool {
        let length = u32::from(length).min(A::BITS);
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
            .map(|entry| (entry.address, entry.length as u8))
    }

    /// Follows the first `length` bits of an address: the place reached, and what it holds.
    fn descend(&self, address: A, length: u32) -> (Place, Link) {
        let (mut place, mut link) = (Place::Root, self.root);
        while let Target::Branch(number) = link.target() {
            let branch = &self.branches[number];
            if branch.at >= length {
                break;
            }
            let side = address.bit(branch.at);
            (place, link) = (Place::Side(number, side), branch.sides[side]);
        }
        (place, link)
    }

    /// Returns an entry that shares as many bits as any with this prefix; `None` of none.
    fn near(&self, address: A, length: u32) -> Option<u32> {
        let (place, mut link) = self.descend(address, length);
        loop {
            match (link.target(), place) {
                (Target::Prefix(number), _) => return Some(number),
                (Target::Nowhere, Place::Root) => return None,
                (Target::Nowhere, Place::Side(above, _)) => return self.branches[above].prefix(),
                (Target::Branch(number), _) => {
                    let branch = &self.branches[number];
                    match branch.prefix() {
                        None => link = branch.sides[0],
                        prefix => return prefix,
                    }
                }
            }
        }
    }

    /// Returns the entry of exactly this prefix.
    fn find(&self, address: A, length: u32) -> Option<u32> {
        let number = match self.descend(address, length).1.target() {
            Target::Prefix(number) => number,
            Target::Branch(number) => self.branches[number].prefix()?,
            Target::Nowhere => return None,
        };
        let entry = &self.entries[number];
        (entry.length == length && entry.address == address).then_some(number)
    }

    /// Puts a branch at bit `at` between a place and the link that it holds, which leads to `near`.
    ///
    /// The branch is not whole: it waits for what shares only `at` bits with `near`.
    fn part(&mut self, place: Place, link: Link, near: Entry<A, T>, at: u32) -> u32 {
        let mut branch = Branch { at, prefix: NONE, sides: [NOWHERE; 2] };
        match link.target() {
            Target::Prefix(number) if near.length == at => branch.prefix = number,
            _ => branch.sides[near.address.bit(at)] = link,
        }
        let number = self.branches.insert(branch);
        self.put(place, Link::to_branch(number));
        number
    }

    /// Forgets an entry.
    fn cut(&mut self, number: u32) {
        let Entry { address, length, .. } = self.entries[number];
        let (place, link) = self.descend(address, length);
        if let Target::Branch(branch) = link.target() {
            self.branches[branch].prefix = NONE;
            self.mend(address, length);
        } else {
            self.put(place, NOWHERE);
            if let Place::Side(above, _) = place {
                self.mend(address, self.branches[above].at);
            }
        }
        self.disown(number);
        self.entries.remove(number);
    }

    /// Takes the branch at bit `at` on the way of `address` away if it decides nothing any longer.
    fn mend(&mut self, address: A, at: u32) {
        let (place, link) = self.descend(address, at);
        let Target::Branch(number) = link.target() else {
            return;
        };
        let Branch { prefix, sides, .. } = self.branches[number];
        let only = match (prefix, sides) {
            (NONE, [only, NOWHERE] | [NOWHERE, only]) => only,
            (prefix, [NOWHERE, NOWHERE]) => Link::to_prefix(prefix),
            _ => return,
        };
        self.put(place, only);
        self.branches.remove(number);
    }

    fn put(&mut self, place: Place, link: Link) {
        match place {
            Place::Root => self.root = link,
            Place::Side(number, side) => self.branches[number].sides[side] = link,
        }
    }

    fn enter(&mut self, address: A, length: u32, owner: T) -> u32 {
        let entry = Entry { address, length, owner, before: NONE, after: NONE };
        let number = self.entries.insert(entry);
        self.own(number);
        number
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
