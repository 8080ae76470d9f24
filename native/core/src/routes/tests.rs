//! The longest prefix that holds an address decides, and a prefix has one owner. The tables follow
//! Linux' selftest/allowedips.c (tests/vectors/README.md).

use std::collections::{BTreeSet, HashMap};
use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::*;

fn prefix(text: &str) -> Prefix {
    let (address, length) = text.split_once('/').unwrap();
    Prefix { address: address.parse().unwrap(), length: length.parse().unwrap() }
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn six(bits: u128, length: u8) -> Prefix {
    Prefix { address: IpAddr::V6(bits.into()), length }
}

fn routes_of<'a>(entries: &[(&'a str, &str)]) -> Routes<&'a str> {
    let mut routes = Routes::default();
    for (peer, text) in entries {
        routes.insert(prefix(text), *peer);
    }
    routes
}

fn told(routes: &Routes<&str>, peer: &'static str) -> BTreeSet<String> {
    routes.prefixes(peer).map(|each| format!("{}/{}", each.address, each.length)).collect()
}

#[rustfmt::skip]
const KERNELS: &[(&str, &str)] = &[
    ("a", "192.168.4.0/24"), ("b", "192.168.4.4/32"), ("c", "192.168.0.0/16"),
    ("d", "192.95.5.64/27"), ("c", "192.95.5.65/27"), ("e", "0.0.0.0/0"), ("g", "64.15.112.0/20"),
    ("h", "64.15.123.211/25"), ("a", "10.0.0.0/25"), ("b", "10.0.0.128/25"), ("a", "10.1.0.0/30"),
    ("b", "10.1.0.4/30"), ("c", "10.1.0.8/29"), ("d", "10.1.0.16/29"),
    ("d", "2607:5300:6000:6b00::c05f:543/128"), ("c", "2607:5300:6000:6b00::/64"), ("e", "::/0"),
    ("f", "::/0"), ("g", "2404:6800::/32"), ("h", "2404:6800:4004:800:dead:beef:dead:beef/64"),
    ("a", "2404:6800:4004:800:dead:beef:dead:beef/128"),
    ("c", "2404:6800:4004:806:dead:beef:dead:beef/128"), ("b", "2404:6800:4004:800::/98"),
];

#[rustfmt::skip]
const FOUND: &[(&str, &str)] = &[
    ("a", "192.168.4.20"), ("a", "192.168.4.0"), ("b", "192.168.4.4"), ("c", "192.168.200.182"),
    ("c", "192.95.5.68"), ("e", "192.95.5.96"), ("e", "192.95.5.63"), ("d", "10.1.0.17"),
    ("c", "10.1.0.15"), ("b", "10.1.0.7"), ("a", "10.1.0.2"), ("b", "10.0.0.200"),
    ("a", "10.0.0.4"), ("g", "64.15.116.26"), ("g", "64.15.127.3"), ("h", "64.15.123.128"),
    ("g", "64.15.123.0"), ("d", "2607:5300:6000:6b00::c05f:543"), ("c", "2607:5300:6000:6b00::1"),
    ("f", "2607:5300:6000:6b01::1"), ("g", "2404:6800:4004:806::1006"),
    ("g", "2404:6800:4004:806::1234"), ("h", "2404:6800:4004:800:1::1"),
    ("a", "2404:6800:4004:800:dead:beef:dead:beef"), ("b", "2404:6800:4004:800::1"),
    ("c", "2404:6800:4004:806:dead:beef:dead:beef"), ("f", "2001:db8::1"), ("e", "1.1.1.1"),
];

#[test]
fn the_longest_prefix_wins() {
    let routes = routes_of(KERNELS);
    for (peer, text) in FOUND {
        assert_eq!(routes.lookup(address(text)), Some(*peer), "{text}");
    }
}

#[test]
fn host_bits_are_cleared_and_the_same_prefix_moves() {
    let routes = routes_of(KERNELS);
    assert!(told(&routes, "c").contains("192.95.5.64/27"));
    assert!(!told(&routes, "d").contains("192.95.5.64/27"));
    assert!(told(&routes, "f").contains("::/0"));
    assert!(!told(&routes, "e").contains("::/0"));
    assert_eq!(routes.len(), KERNELS.len() - 2);
}

#[test]
fn a_peers_prefixes_are_told_masked() {
    let routes = routes_of(&[
        ("a", "192.95.5.93/27"),
        ("a", "2607:5300:6000:6b00::c05f:543/128"),
        ("a", "10.1.0.20/29"),
        ("b", "10.1.0.4/30"),
        ("a", "2607:5300:6d8a:6bf8:dab1:f1df:c05f:1523/83"),
        ("a", "2607:5300:6d8a:6bf8:dab1:f1df:c05f:1523/21"),
    ]);
    let expected = [
        "192.95.5.64/27",
        "10.1.0.16/29",
        "2607:5300:6000:6b00::c05f:543/128",
        "2607:5300:6d8a:6bf8:dab1:e000::/83",
        "2607:5000::/21",
    ];
    assert_eq!(told(&routes, "a"), expected.map(String::from).into());
}

#[test]
fn removing_a_peer_takes_all_of_it_and_nothing_else() {
    let hosts = ["1.0.0.0", "64.0.0.0", "128.0.0.0", "192.0.0.0", "255.0.0.0"];
    let mut routes = routes_of(&[("b", "192.0.0.0/8")]);
    for host in hosts {
        routes.insert(prefix(&format!("{host}/32")), "a");
    }
    assert!(hosts.iter().all(|host| routes.lookup(address(host)) == Some("a")));
    for _ in 0..2 {
        routes.remove_peer("a");
        for host in hosts {
            let left = (host == "192.0.0.0").then_some("b");
            assert_eq!(routes.lookup(address(host)), left);
        }
        assert_eq!(routes.len(), 1);
    }
}

#[test]
fn a_peer_without_prefixes_is_found_nowhere() {
    let mut routes = routes_of(&[("a", "192.168.0.0/16"), ("a", "192.168.0.0/24")]);
    routes.remove_peer("a");
    assert_eq!(routes.lookup(address("192.168.0.1")), None);
    assert!(routes.is_empty());
}

#[test]
fn only_the_owner_can_be_deprived() {
    let mut routes = routes_of(&[("a", "10.0.0.0/8"), ("b", "10.1.0.0/16")]);
    assert!(!routes.remove(&prefix("10.0.0.0/8"), "b"));
    assert!(!routes.remove(&prefix("10.0.0.0/9"), "a"));
    assert!(!routes.remove(&prefix("2001:db8::/8"), "a"));
    assert!(routes.remove(&prefix("10.0.0.0/8"), "a"));
    assert!(!routes.remove(&prefix("10.0.0.0/8"), "a"));
    assert_eq!(routes.lookup(address("10.1.2.3")), Some("b"));
    assert_eq!(routes.lookup(address("10.2.2.3")), None);
}

#[test]
fn a_chain_of_all_lengths() {
    let mut routes = Routes::default();
    for length in 0..=128 {
        routes.insert(six(u128::MAX, length), length);
    }
    assert_eq!(routes.lookup(six(u128::MAX, 0).address), Some(128));
    for length in 0..128 {
        let differs_after = u128::MAX ^ 1 << (127 - length);
        assert_eq!(routes.lookup(six(differs_after, 0).address), Some(length));
    }
    for length in (1..=128).rev() {
        assert!(routes.remove(&six(u128::MAX, length), length));
        assert_eq!(routes.lookup(six(u128::MAX, 0).address), Some(length - 1));
    }
}

#[test]
fn a_chain_of_single_addresses_and_of_pairs() {
    for length in [128, 127] {
        let mut routes = Routes::default();
        for bit in 1..128 {
            routes.insert(six(1 << bit, length), "a");
        }
        assert_eq!(routes.len(), 127);
        assert!((1..128).all(|bit| routes.lookup(six(1 << bit, 0).address) == Some("a")));
        assert_eq!(routes.lookup(six(6, 0).address), None);
        routes.remove_peer("a");
        assert!(routes.is_empty());
    }
}

#[test]
fn a_length_beyond_the_address_is_the_whole_address() {
    let mut routes = Routes::default();
    routes.insert(prefix("10.0.0.1/200"), 1);
    routes.insert(prefix("::1/255"), 2);
    assert_eq!(routes.lookup(address("10.0.0.1")), Some(1));
    assert_eq!(routes.lookup(address("10.0.0.0")), None);
    assert_eq!(routes.lookup(address("::1")), Some(2));
    assert!(routes.remove(&prefix("10.0.0.1/32"), 1));
    assert!(routes.remove(&prefix("::1/129"), 2));
}

/// Every prefix as family, address, length and owner; searched one by one.
#[derive(Default)]
struct NaiveRoutes(HashMap<(bool, u128, u8), u32>);

/// Family, the address at the high end of 128 bits, and the length, host bits cleared.
fn key(prefix: &Prefix) -> (bool, u128, u8) {
    let (is_six, bits) = match prefix.address {
        IpAddr::V4(four) => (false, u128::from(four.to_bits()) << 96),
        IpAddr::V6(six) => (true, six.to_bits()),
    };
    (
        is_six,
        bits & u128::MAX.checked_shl(128 - u32::from(prefix.length)).unwrap_or(0),
        prefix.length,
    )
}

impl NaiveRoutes {
    fn lookup(&self, address: IpAddr) -> Option<u32> {
        let holds = |length: u8| self.0.get(&key(&Prefix { address, length })).copied();
        (0..=if address.is_ipv4() { 32 } else { 128 }).rev().find_map(holds)
    }
}

#[derive(Clone, Debug)]
enum Change {
    Insert(Prefix, u32),
    Remove(Prefix, u32),
    RemovePeer(u32),
}

/// Prefixes that overlap often, for few bits vary, and some anywhere.
fn prefixes() -> impl Strategy<Value = Prefix> {
    let four = (0..4u32, 0..16u32, prop::sample::select(vec![0, 1, 7, 8, 28, 30, 31, 32]))
        .prop_map(|(top, low, length)| (IpAddr::V4(Ipv4Addr::from(top << 24 | low)), length));
    let six = (0..4u128, 0..16u128, prop::sample::select(vec![0, 1, 8, 64, 124, 127, 128]))
        .prop_map(|(top, low, length)| (IpAddr::V6(Ipv6Addr::from(top << 120 | low)), length));
    let any_four =
        (any::<u32>(), 0..=32u8).prop_map(|(bits, length)| (IpAddr::V4(bits.into()), length));
    let any_six =
        (any::<u128>(), 0..=128u8).prop_map(|(bits, length)| (IpAddr::V6(bits.into()), length));
    prop_oneof![4 => four, 4 => six, 1 => any_four, 1 => any_six]
        .prop_map(|(address, length)| Prefix { address, length })
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let change = prop_oneof![
        8 => (prefixes(), 0..4u32).prop_map(|(prefix, peer)| Change::Insert(prefix, peer)),
        6 => (prefixes(), 0..4u32).prop_map(|(prefix, peer)| Change::Remove(prefix, peer)),
        1 => (0..4u32).prop_map(Change::RemovePeer),
    ];
    prop::collection::vec(change, 0..150)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn a_naive_twin_agrees(
        changes in changes(),
        asked in prop::collection::vec(prefixes(), 1..8),
    ) {
        let (mut routes, mut naive) = (Routes::default(), NaiveRoutes::default());
        for change in changes {
            match change {
                Change::Insert(prefix, peer) => {
                    routes.insert(prefix, peer);
                    naive.0.insert(key(&prefix), peer);
                }
                Change::Remove(prefix, peer) => {
                    let has = naive.0.get(&key(&prefix)) == Some(&peer);
                    prop_assert_eq!(routes.remove(&prefix, peer), has);
                    if has {
                        naive.0.remove(&key(&prefix));
                    }
                }
                Change::RemovePeer(peer) => {
                    routes.remove_peer(peer);
                    naive.0.retain(|_, owner| *owner != peer);
                }
            }
            routes.four.check();
            routes.six.check();
            prop_assert_eq!(routes.len(), naive.0.len());
            for Prefix { address, .. } in &asked {
                prop_assert_eq!(routes.lookup(*address), naive.lookup(*address));
            }
        }
        for peer in 0..4 {
            let told: BTreeSet<_> = routes.prefixes(peer).map(|each| key(&each)).collect();
            let known = naive.0.iter().filter(|(_, owner)| **owner == peer).map(|(key, _)| *key);
            prop_assert_eq!(told, known.collect());
            routes.remove_peer(peer);
        }
        routes.four.check();
        routes.six.check();
        prop_assert!(routes.is_empty());
    }

    #[test]
    fn near_misses_of_many_prefixes_are_found_as_the_twin_finds_them(
        all in prop::collection::vec((any::<u128>(), 0..=128u8), 1..200),
        asked in prop::collection::vec((any::<prop::sample::Index>(), 0..128u32), 1..100),
    ) {
        let (mut routes, mut naive) = (Routes::default(), NaiveRoutes::default());
        for (peer, (bits, length)) in (0..).zip(&all) {
            routes.insert(six(*bits, *length), peer);
            naive.0.insert(key(&six(*bits, *length)), peer);
        }
        routes.six.check();
        for (which, bit) in asked {
            let address = six(which.get(&all).0 ^ 1 << bit, 0).address;
            prop_assert_eq!(routes.lookup(address), naive.lookup(address));
        }
    }
}
