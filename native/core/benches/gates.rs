//! Nanoseconds of what every datagram or packet passes: `cargo bench --bench gates`.

use std::hint::black_box;
use std::net::IpAddr;
use std::time::Instant;

use wiresnake_core::addresses::{Endpoint, Prefix, Way};
use wiresnake_core::cookies::{CookieMaker, has_valid_mac1, mac1_key};
use wiresnake_core::counters::Counters;
use wiresnake_core::doorman::Doorman;
use wiresnake_core::ratelimit::RateLimiter;
use wiresnake_core::replay::ReplayWindow;
use wiresnake_core::routes::Routes;
use wiresnake_core::staging::Stage;

/// Prints the least of five means, each over `times` calls.
fn measure(name: &str, times: u32, mut call: impl FnMut(u64)) {
    let mean = |call: &mut dyn FnMut(u64)| {
        let begun = Instant::now();
        (0..u64::from(times)).for_each(&mut *call);
        begun.elapsed().as_secs_f64() * 1e9 / f64::from(times)
    };
    let least = (0..5).map(|_| mean(&mut call)).fold(f64::INFINITY, f64::min);
    println!("{name:40} {least:8.1} ns");
}

fn main() {
    replay();
    handshakes();
    limiter();
    routes();
    stage();
}

fn replay() {
    let mut window = ReplayWindow::default();
    let mut next = 0;
    measure("replay: in order", 10_000_000, |_| {
        black_box(window.accept(black_box(next)));
        next += 1;
    });
    measure("replay: pairs swapped", 10_000_000, |_| {
        black_box(window.accept(black_box(next ^ 1)));
        next += 1;
    });
    measure("replay: every other one lost", 10_000_000, |_| {
        black_box(window.accept(black_box(next)));
        next += 2;
    });
}

fn handshakes() {
    let key = mac1_key(&[7; 32]);
    let mut junk = [1; 148];
    measure("mac1: initiation of junk", 1_000_000, |_| {
        black_box(has_valid_mac1(&key, black_box(&junk)));
    });
    measure("mac1: response of junk", 1_000_000, |_| {
        black_box(has_valid_mac1(&key, black_box(&junk[..92])));
    });
    let mut doorman = Doorman::default();
    doorman.identify(Some(&[7; 32]));
    let counters = Counters::default();
    let way = Way::to(Endpoint::new([192, 0, 2, 1].into(), 51820));
    let mut random = |place: &mut [u8]| place.fill(3);
    measure("doorman: noise", 1_000_000, |_| {
        black_box(doorman.receive(black_box(&junk), &way, 1.0, &counters, &mut random));
    });
    junk[..4].copy_from_slice(&[1, 0, 0, 0]);
    measure("doorman: initiation of junk", 1_000_000, |_| {
        black_box(doorman.receive(black_box(&junk), &way, 1.0, &counters, &mut random));
    });
    let mut maker = CookieMaker::new(&[7; 32]);
    measure("cookies: mac2 checked", 1_000_000, |_| {
        black_box(maker.has_valid_mac2(black_box(&junk), &way.endpoint, 1.0, &mut random));
    });
    measure("cookies: reply", 1_000_000, |_| {
        black_box(maker.reply(black_box(&junk), &way.endpoint, 1.0, &mut random));
    });
}

fn limiter() {
    let mut limiter = RateLimiter::default();
    measure("limiter: 10,000 sources", 1_000_000, |number| {
        let source = IpAddr::from((number as u32 % 10_000).to_be_bytes());
        black_box(limiter.allow(black_box(source), number as u32 as f64 / 1e6));
    });
}

/// A number that looks random, the same each time.
fn scatter(number: u64) -> u64 {
    let mixed = (number + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed ^ mixed >> 29).wrapping_mul(0xBF58_476D_1CE4_E5B9) ^ mixed >> 32
}

fn routes() {
    let host = |number: u32| IpAddr::from((10 << 24 | number).to_be_bytes());
    let mut routes = Routes::default();
    routes.insert(Prefix { address: host(0), length: 32 }, 0);
    measure("routes: 1 /32", 10_000_000, |_| {
        black_box(routes.lookup(black_box(host(0))));
    });
    for number in 0..10_000 {
        routes.insert(Prefix { address: host(number), length: 32 }, number);
    }
    measure("routes: 10,000 /32 in a row, scattered", 10_000_000, |number| {
        black_box(routes.lookup(host(scatter(number) as u32 % 10_000)));
    });
    measure("routes: the same, one by one", 10_000_000, |number| {
        black_box(routes.lookup(host(number as u32 % 10_000)));
    });
    let anywhere = |number: u32| IpAddr::from((scatter(u64::from(number)) as u32).to_be_bytes());
    let mut routes = Routes::default();
    for number in 0..10_000 {
        routes.insert(Prefix { address: anywhere(number), length: 32 }, number);
    }
    measure("routes: 10,000 /32 anywhere", 10_000_000, |number| {
        black_box(routes.lookup(anywhere(scatter(number) as u32 % 10_000)));
    });
    for number in 0..10_000 {
        let length = 8 + (number % 24) as u8;
        routes.insert(Prefix { address: anywhere(number), length }, number);
    }
    measure("routes: 20,000 of 25 lengths, hits", 10_000_000, |number| {
        black_box(routes.lookup(anywhere(scatter(number) as u32 % 10_000)));
    });
    measure("routes: 20,000 of 25 lengths, anything", 10_000_000, |number| {
        black_box(routes.lookup(anywhere(number as u32)));
    });
    let six = |number: u64| {
        let low = u128::from(scatter(number));
        IpAddr::from((0x2001_0db8_u128 << 96 | low & 0xFFFF << 64 | low).to_be_bytes())
    };
    let mut routes = Routes::default();
    for number in 0..10_000 {
        routes.insert(Prefix { address: six(number), length: 128 }, number);
    }
    measure("routes: 10,000 /128 of one /32", 10_000_000, |number| {
        black_box(routes.lookup(six(scatter(number) % 10_000)));
    });
    let mut number = 0;
    measure("routes: insert and remove among 10,000", 100_000, |_| {
        let prefix = Prefix { address: six(number % 10_000), length: 64 };
        routes.insert(prefix, number);
        black_box(routes.remove(&prefix, number));
        number += 1;
    });
}

fn stage() {
    let mut stage = Stage::default();
    let packet = [0; 1420];
    measure("stage: one peer, full", 1_000_000, |_| {
        black_box(stage.add(1, black_box(&packet)));
    });
    measure("stage: 10,000 peers, full", 1_000_000, |number| {
        black_box(stage.add(scatter(number) % 10_000, black_box(&packet)));
    });
}
