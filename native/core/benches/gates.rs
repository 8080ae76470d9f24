//! Nanoseconds of what every datagram or packet passes: `cargo bench --bench gates`.

use std::hint::black_box;
use std::time::Instant;

use wiresnake_core::cookies::{has_valid_mac1, mac1_key};
use wiresnake_core::replay::ReplayWindow;

/// Prints the least of five means, each over `times` calls.
fn measure(name: &str, times: u32, mut call: impl FnMut(u64)) {
    let mean = |call: &mut dyn FnMut(u64)| {
        let begun = Instant::now();
        (0..u64::from(times)).for_each(&mut *call);
        begun.elapsed().as_secs_f64() * 1e9 / f64::from(times)
    };
    let least = (0..5).map(|_| mean(&mut call)).fold(f64::INFINITY, f64::min);
    println!("{name:44} {least:8.1} ns");
}

fn main() {
    let mut window = ReplayWindow::default();
    let mut next = 0;
    measure("replay: in order", 10_000_000, |_| {
        black_box(window.accept(black_box(next)));
        next += 1;
    });
    measure("replay: pairs swapped", 10_000_000, |number| {
        black_box(window.accept(black_box(next + (number ^ 1))));
        if number == 9_999_999 {
            next += 10_000_000;
        }
    });
    let key = mac1_key(&[7; 32]);
    let junk = [1; 148];
    measure("mac1: initiation of junk", 1_000_000, |_| {
        black_box(has_valid_mac1(&key, black_box(&junk)));
    });
    measure("mac1: response of junk", 1_000_000, |_| {
        black_box(has_valid_mac1(&key, black_box(&junk[..92])));
    });
}
