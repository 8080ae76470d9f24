//! The kernel's timings (tests/vectors/README.md), a naive twin, and the bounds of the table.

use proptest::prelude::*;

use super::*;

const ALICE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
const BOB: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

fn six(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// The address with this number.
fn four(number: u32) -> IpAddr {
    IpAddr::V4(number.into())
}

#[test]
fn timings_of_the_kernel() {
    for start in [0.0, 0.3, 1_234.567_891, 3.1e7 + 1.0 / 3.0] {
        for address in [ALICE, six("2001:db8::1")] {
            let mut limiter = RateLimiter::default();
            let mut ask = |after: f64, times: usize| -> Vec<bool> {
                (0..times).map(|_| limiter.allow(address, start + after)).collect()
            };
            assert_eq!(ask(0.0, 6), [true, true, true, true, true, false]);
            assert_eq!(ask(0.05, 2), [true, false]);
            assert_eq!(ask(0.15, 3), [true, true, false]);
        }
    }
}

#[test]
fn another_ipv4_address_has_a_bucket_of_its_own() {
    let mut limiter = RateLimiter::default();
    (0..6).for_each(|_| _ = limiter.allow(ALICE, 1.0));
    assert!(!limiter.allow(ALICE, 1.0));
    assert!(limiter.allow(BOB, 1.0));
}

#[test]
fn ipv6_addresses_of_one_64_share_a_bucket() {
    let mut limiter = RateLimiter::default();
    for host in 0..5 {
        assert!(limiter.allow(six(&format!("2001:db8:0:1:{host:x}::{host:x}")), 1.0));
    }
    assert!(!limiter.allow(six("2001:db8:0:1:ffff:ffff:ffff:ffff"), 1.0));
    assert!(limiter.allow(six("2001:db8:0:2::"), 1.0));
    assert!(limiter.allow(six("2001:db9:0:1::"), 1.0));
}

#[test]
fn an_ipv4_address_and_the_64_of_its_number_are_strangers() {
    let mut limiter = RateLimiter::default();
    (0..6).for_each(|_| _ = limiter.allow(ALICE, 1.0));
    assert!(limiter.allow(six("c000:201::"), 1.0));
    assert!(limiter.allow(six("0:0:c000:201::"), 1.0));
}

#[test]
fn when_full_it_refuses_new_sources_and_serves_known_ones() {
    let mut limiter = RateLimiter::with_max_entries(100);
    assert!((0..100).all(|number| limiter.allow(four(number), 1.0)));
    assert!(!(1000..1050).any(|number| limiter.allow(four(number), 1.0)));
    assert!((0..100).all(|number| limiter.allow(four(number), 1.0)));
    assert_eq!(limiter.len(), 100);
}

#[test]
fn idle_sources_make_room() {
    let mut limiter = RateLimiter::with_max_entries(100);
    (0..100).for_each(|number| _ = limiter.allow(four(number), 1.0));
    assert!(!limiter.allow(BOB, 1.04));
    assert!(limiter.allow(BOB, 1.06));
    assert!((1000..1060).all(|number| limiter.allow(four(number), 1.07)));
}

#[test]
fn a_source_that_is_always_busy_keeps_no_idle_one_in_the_table() {
    let mut limiter = RateLimiter::with_max_entries(100);
    limiter.allow(ALICE, 1.0);
    (0..99).for_each(|number| _ = limiter.allow(four(number), 1.0));
    (0..100).for_each(|call| _ = limiter.allow(ALICE, 1.0 + f64::from(call) / 50.0));
    assert_eq!(limiter.len(), 1);
}

#[test]
fn a_call_never_collects_more_than_two_and_an_idle_table_empties() {
    let mut limiter = RateLimiter::with_max_entries(1000);
    (0..1000).for_each(|number| _ = limiter.allow(four(number), 1.0));
    let mut before = limiter.len();
    for call in 0..500 {
        limiter.allow(ALICE, 60.0 + f64::from(call) / 1000.0);
        assert!(before.saturating_sub(limiter.len()) <= 2);
        before = limiter.len();
    }
    assert_eq!(before, 1);
}

#[test]
fn collecting_forgets_no_one_who_is_not_full_again() {
    let mut limiter = RateLimiter::default();
    (0..5).for_each(|_| _ = limiter.allow(ALICE, 1.0));
    (0..100).for_each(|number| _ = limiter.allow(four(number), 1.2));
    let again: Vec<bool> = (0..5).map(|_| limiter.allow(ALICE, 1.2)).collect();
    assert_eq!(again, [true, true, true, true, false]);
}

#[test]
fn no_instant_is_too_strange() {
    let mut limiter = RateLimiter::default();
    for now in [f64::INFINITY, 1.0, f64::NEG_INFINITY, f64::NAN, f64::MAX, -1.0] {
        (0..7).for_each(|_| _ = limiter.allow(ALICE, now));
    }
}

/// The whole table in the order of the last allowed message, moved and searched by hand.
struct NaiveLimiter {
    max_entries: usize,
    full_at: Vec<(IpAddr, i64)>,
}

impl NaiveLimiter {
    fn allow(&mut self, address: IpAddr, tick: i64) -> bool {
        for _ in 0..2 {
            if self.full_at.first().is_some_and(|(_, full_at)| *full_at <= tick) {
                self.full_at.remove(0);
            }
        }
        let address = match address {
            IpAddr::V4(_) => address,
            IpAddr::V6(six) => IpAddr::V6((six.to_bits() >> 64 << 64).into()),
        };
        let place = self.full_at.iter().position(|(other, _)| *other == address);
        if place.is_none() && self.full_at.len() >= self.max_entries {
            return false;
        }
        let full_at = place.map_or(0, |place| self.full_at[place].1).max(tick) + 50_000;
        if full_at - tick > 250_000 {
            return false;
        }
        place.map(|place| self.full_at.remove(place));
        self.full_at.push((address, full_at));
        true
    }
}

proptest! {
    #[test]
    fn a_naive_twin_agrees(
        max_entries in 1..12usize,
        events in prop::collection::vec((0..120u32, 0..15u32), 0..300),
    ) {
        let mut limiter = RateLimiter::with_max_entries(max_entries);
        let mut naive = NaiveLimiter { max_entries, full_at: Vec::new() };
        let mut milliseconds = 5_000_000;
        for (step, who) in events {
            milliseconds += step.saturating_sub(60);
            let address = match who % 3 {
                0 => six(&format!("2001:db8:0:{}::{who}", who / 6)),
                _ => four(who),
            };
            prop_assert_eq!(
                limiter.allow(address, f64::from(milliseconds) / 1000.0),
                naive.allow(address, i64::from(milliseconds) * 1000),
            );
            prop_assert_eq!(limiter.len(), naive.full_at.len());
        }
    }

    /// A bucket of five tokens for each source, twenty more a second; in units of 1/1000 token.
    #[test]
    fn it_is_a_token_bucket(events in prop::collection::vec((0..120u32, 0..3u32), 0..200)) {
        let mut limiter = RateLimiter::default();
        let mut buckets = [(5000, 0); 3];
        let mut milliseconds = 5_000_000;
        for (step, who) in events {
            milliseconds += step;
            let (tokens, since) = &mut buckets[who as usize];
            *tokens = 5000.min(*tokens + (milliseconds - *since) * 20);
            *since = milliseconds;
            let allowed = *tokens >= 1000;
            *tokens -= if allowed { 1000 } else { 0 };
            prop_assert_eq!(limiter.allow(four(who), f64::from(milliseconds) / 1000.0), allowed);
        }
    }
}
