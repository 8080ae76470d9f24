//! The window accepts each counter once, and none that is too old. The table and the sweeps are
//! those of Linux' selftest/counter.c (tests/vectors/README.md).

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::ReplayWindow;
use crate::constants::{REJECT_AFTER_MESSAGES as R, REPLAY_WINDOW as W};

const LIM: u64 = W + 1;

fn check(steps: impl IntoIterator<Item = (u64, bool)>) {
    let mut window = ReplayWindow::default();
    for (position, (counter, expected)) in steps.into_iter().enumerate() {
        assert_eq!(window.accept(counter), expected, "step {position}: {counter}");
    }
}

fn all(counters: impl Iterator<Item = u64>) -> impl Iterator<Item = (u64, bool)> {
    counters.map(|counter| (counter, true))
}

#[test]
#[rustfmt::skip]
fn the_kernels_table() {
    const T: bool = true;
    const F: bool = false;
    check([
        (0, T), (1, T), (1, F), (9, T), (8, T), (7, T), (7, F), (LIM, T), (LIM - 1, T),
        (LIM - 1, F), (LIM - 2, T), (2, T), (2, F), (LIM + 16, T), (3, F), (LIM + 16, F),
        (4 * LIM, T), (4 * LIM - (LIM - 1), T), (10, F), (4 * LIM - LIM, F),
        (4 * LIM - (LIM + 1), F), (4 * LIM - (LIM - 2), T), (4 * LIM + 1 - LIM, F), (0, F), (R, F),
        (R - 1, T), (R, F), (R - 1, F), (R - 2, T), (R + 1, F), (R + 2, F), (R - 2, F), (R - 3, T),
        (0, F),
    ]);
}

#[test]
fn the_kernels_sweeps() {
    check(all(1..=W).chain([(0, true), (0, false)]));
    check(all(2..=W + 1).chain([(1, true), (0, false)]));
    check(all((0..=W).rev()));
    check(all((1..=W + 1).rev()).chain([(0, false)]));
    check(all((1..=W).rev()).chain([(W + 1, true), (0, false)]));
    check(all((1..=W).rev()).chain([(0, true), (W + 1, true)]));
}

#[test]
fn the_last_counter_is_the_one_before_the_limit() {
    let mut window = ReplayWindow::default();
    assert!(window.accept(R - 2));
    assert!(!window.accept_run(R - 1, 2));
    assert!(window.accept_run(R - 1, 1));
    assert!(!window.accept(R - 1));
    assert!(!window.accept(R));
    assert!(!window.accept_run(R, 1));
    assert!(!window.accept_run(R, u64::MAX));
    assert!(!window.accept(u64::MAX));
}

#[test]
fn without_a_gap_there_is_no_bitmap() {
    let mut window = ReplayWindow::default();
    assert!(window.accept(7));
    for counter in 8..3 * W {
        assert!(window.accept(counter));
        assert!(!window.accept(counter));
    }
    assert!(window.below.is_none());
    assert!(window.accept(4 * W));
    assert!(window.below.is_some());
}

/// Every counter ever accepted, in a set.
#[derive(Default)]
struct NaiveWindow(BTreeSet<u64>);

impl NaiveWindow {
    fn accept(&mut self, counter: u64) -> bool {
        let too_old = self.0.last().is_some_and(|greatest| *greatest > counter.saturating_add(W));
        counter < R && !too_old && self.0.insert(counter)
    }

    fn next(&self) -> u64 {
        self.0.last().map_or(0, |greatest| greatest + 1)
    }
}

#[derive(Clone, Debug)]
enum Step {
    Run(u64),
    Leap(u64),
    Late(u64),
    Exact(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let exact = prop::sample::select(vec![0, R - 1, R, R - 2, R - W, u64::MAX - W]);
    let step = prop_oneof![
        3 => (1..200u64).prop_map(Step::Run),
        3 => (1..3 * W).prop_map(Step::Leap),
        3 => (1..70u64).prop_map(Step::Leap),
        3 => (0..W + 3).prop_map(Step::Late),
        3 => (0..70u64).prop_map(Step::Late),
        1 => exact.prop_map(Step::Exact),
    ];
    prop::collection::vec(step, 0..60)
}

fn counters(step: &Step, next: u64) -> std::ops::Range<u64> {
    match *step {
        Step::Run(size) => next..(next + size).min(R + 3),
        Step::Leap(size) => next.saturating_add(size)..next.saturating_add(size + 1),
        Step::Late(size) => next.saturating_sub(size)..next.saturating_sub(size) + 1,
        Step::Exact(counter) => counter..counter + 1,
    }
}

proptest! {
    #[test]
    fn a_naive_twin_agrees(steps in steps()) {
        let (mut window, mut naive) = (ReplayWindow::default(), NaiveWindow::default());
        for step in steps {
            for counter in counters(&step, naive.next()) {
                prop_assert_eq!(window.accept(counter), naive.accept(counter), "{}", counter);
            }
        }
        // Whatever the window still reaches it knows exactly.
        let next = naive.next();
        for counter in next.saturating_sub(LIM + 2)..next {
            prop_assert_eq!(window.accept(counter), naive.accept(counter), "{}", counter);
        }
    }

    #[test]
    fn a_run_is_accepted_whole_or_not_at_all(steps in steps(), count in 0..300u64) {
        let (mut window, mut naive) = (ReplayWindow::default(), NaiveWindow::default());
        for step in steps {
            for counter in counters(&step, naive.next()) {
                prop_assert_eq!(window.accept(counter), naive.accept(counter));
            }
        }
        let next = naive.next();
        prop_assert!(!window.accept_run(next + 1, 2));
        prop_assert!(!window.accept_run(next.wrapping_sub(1), 2));
        let fits = next + count <= R;
        prop_assert_eq!(window.accept_run(next, count), fits);
        for counter in next..next + if fits { count } else { 0 } {
            naive.accept(counter);
        }
        for counter in next.saturating_sub(2)..next + count + 2 {
            prop_assert_eq!(window.accept(counter), naive.accept(counter));
        }
    }
}
