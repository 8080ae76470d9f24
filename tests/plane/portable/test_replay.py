"""The window accepts each counter once, and none that is too old (paper 5.4.6, RFC 6479).

The table and the sweeps are those of Linux' selftest/counter.c (tests/vectors/README.md).
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wiresnake.plane.portable.replay import ReplayWindow
from wiresnake.protocol.constants import REJECT_AFTER_MESSAGES, REPLAY_WINDOW

W = REPLAY_WINDOW
LIM = W + 1
R = REJECT_AFTER_MESSAGES

TABLE = [
    (0, True), (1, True), (1, False), (9, True), (8, True), (7, True), (7, False), (LIM, True),
    (LIM - 1, True), (LIM - 1, False), (LIM - 2, True), (2, True), (2, False), (LIM + 16, True),
    (3, False), (LIM + 16, False), (4 * LIM, True), (4 * LIM - (LIM - 1), True), (10, False),
    (4 * LIM - LIM, False), (4 * LIM - (LIM + 1), False), (4 * LIM - (LIM - 2), True),
    (4 * LIM + 1 - LIM, False), (0, False), (R, False), (R - 1, True), (R, False), (R - 1, False),
    (R - 2, True), (R + 1, False), (R + 2, False), (R - 2, False), (R - 3, True), (0, False),
]  # fmt: skip

SWEEPS = [
    [*((n, True) for n in range(1, W + 1)), (0, True), (0, False)],
    [*((n, True) for n in range(2, W + 2)), (1, True), (0, False)],
    [(n, True) for n in range(W, -1, -1)],
    [*((n, True) for n in range(W + 1, 0, -1)), (0, False)],
    [*((n, True) for n in range(W, 0, -1)), (W + 1, True), (0, False)],
    [*((n, True) for n in range(W, 0, -1)), (0, True), (W + 1, True)],
]


@pytest.mark.parametrize(
    "steps", [TABLE, *SWEEPS], ids=["table", *map("sweep {}".format, "123456")]
)
def test_the_kernels_own_sequences(steps: list[tuple[int, bool]]) -> None:
    window = ReplayWindow()
    for position, (counter, expected) in enumerate(steps):
        assert window.accept(counter) is expected, f"step {position}: {counter}"


class NaiveWindow:
    """Every counter ever accepted, in a set."""

    def __init__(self) -> None:
        self.seen: set[int] = set()

    def accept(self, counter: int) -> bool:
        if counter >= R or counter in self.seen:
            return False
        if self.seen and max(self.seen) - counter > W:
            return False
        self.seen.add(counter)
        return True


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("run"), st.integers(1, 200)),
        st.tuples(st.just("leap"), st.integers(1, 3 * W)),
        st.tuples(st.just("late"), st.integers(0, W + 3)),
        st.tuples(st.just("exact"), st.sampled_from([0, R - 1, R, R - 2, R - W, (1 << 64) - 1])),
    ),
    max_size=30,
)


@settings(max_examples=200)
@given(STEPS)
def test_a_naive_twin_agrees(steps: list[tuple[str, int]]) -> None:
    window, naive = ReplayWindow(), NaiveWindow()
    for kind, size in steps:
        greatest = max(naive.seen, default=-1)
        if kind == "run":
            counters = list(range(greatest + 1, greatest + 1 + size))
        else:
            counters = [{"leap": greatest + size, "late": greatest - size, "exact": size}[kind]]
        for counter in counters:
            if counter >= 0:
                assert window.accept(counter) == naive.accept(counter), counter


@given(STEPS, st.integers(0, 300))
def test_a_run_is_accepted_whole_or_not_at_all(steps: list[tuple[str, int]], count: int) -> None:
    window, naive = ReplayWindow(), NaiveWindow()
    for kind, size in steps:
        counter = size if kind == "exact" else max(naive.seen, default=0) + size % 500
        assert window.accept(counter) == naive.accept(counter)
    following = max(naive.seen, default=-1) + 1
    assert not window.accept_run(following + 1, 2)
    assert not window.accept_run(following - 1, 2)
    fits = following + count <= R
    assert window.accept_run(following, count) == fits
    if fits:
        for counter in range(following, following + count):
            naive.accept(counter)
    for counter in range(max(0, following - 2), following + count + 2):
        assert window.accept(counter) == naive.accept(counter)
