//! What holds of every table, whatever was done to it.

use std::collections::HashSet;

use super::*;

impl<A: Address + std::fmt::Debug, T: Copy + Eq + Hash> Family<A, T> {
    /// Walks everything: each branch decides something, all below it share its bits, and every
    /// entry and branch is reached once.
    pub fn check(&self) {
        let mut entries = HashSet::new();
        let mut branches = 0;
        let mut links = vec![(self.root, Vec::new())];
        while let Some((link, way)) = links.pop() {
            let prefix = match link {
                Link::Nowhere => continue,
                Link::Prefix(number) => number,
                Link::Branch(number, at) => {
                    let Branch { sides, prefix } = self.branches[number];
                    let there = sides.iter().filter(|side| **side != Link::Nowhere).count();
                    assert!(there + usize::from(prefix != NONE) >= 2, "{number} decides nothing");
                    assert!(way.last().is_none_or(|(above, _)| *above < at));
                    for (side, link) in sides.into_iter().enumerate() {
                        links.push((link, [&way[..], &[(at, side)]].concat()));
                    }
                    branches += 1;
                    if prefix == NONE {
                        continue;
                    }
                    assert_eq!(self.entries[prefix].length, at);
                    prefix
                }
            };
            let entry = &self.entries[prefix];
            assert_eq!(entry.address, entry.address.first(entry.length));
            assert!(way.iter().all(|(at, side)| entry.address.bit(*at) == *side));
            assert!(way.last().is_none_or(|(at, _)| *at < entry.length));
            assert_eq!(self.find(entry.address, entry.length), Some(prefix));
            assert!(entry.length < A::BITS);
            assert!(entries.insert(prefix));
        }
        assert!(branches <= entries.len());
        for (address, number) in &self.hosts {
            let entry = &self.entries[*number];
            assert_eq!((entry.address, entry.length), (*address, A::BITS));
            assert!(entries.insert(*number));
        }
        assert_eq!((entries.len(), branches), (self.entries.len(), self.branches.len()));
        let owned: usize = self.owned.keys().map(|owner| self.owned(*owner).count()).sum();
        assert_eq!(owned, entries.len());
    }
}

#[test]
fn a_prefix_costs_less_than_a_hundred_bytes() {
    let branch = size_of::<Branch>();
    let owner = size_of::<(u32, u32)>() + 1;
    assert!(branch + size_of::<Entry<u32, u32>>() + owner <= 50);
    assert!(branch + size_of::<Entry<u128, u32>>() + owner <= 62);
    let (four, six) = (size_of::<(u32, u32)>() + 1, size_of::<(u128, u32)>() + 1);
    assert!(four + size_of::<Entry<u32, u32>>() + owner <= 38);
    assert!(six + size_of::<Entry<u128, u32>>() + owner <= 74);
}

#[test]
fn the_first_bits() {
    assert_eq!(u32::MAX.first(0), 0);
    assert_eq!(u32::MAX.first(1), 1 << 31);
    assert_eq!(u32::MAX.first(32), u32::MAX);
    assert_eq!(u128::MAX.first(127), u128::MAX - 1);
    assert_eq!((1u32 << 31).bit(0), 1);
    assert_eq!(1u128.bit(127), 1);
    assert_eq!(0b1010u32.shared(0b1011), 31);
}
