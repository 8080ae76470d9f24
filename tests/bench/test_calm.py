"""Calmness: what is in use is all that is not idle, counted once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.calm import glance, share_in_use, ticks
from bench.report import calmness

STAT = "cpu  10 1 20 300 5 0 2 7 4 0\ncpu0 5 0 10 150 2 0 1 3 2 0\n"


def test_guests_are_part_of_user_time_and_not_counted_again() -> None:
    assert ticks(STAT) == [10, 1, 20, 300, 5, 0, 2, 7]


columns = st.lists(st.integers(0, 1000), min_size=8, max_size=8)


@given(columns, columns)
def test_the_share_is_what_was_neither_idle_nor_waiting(
    before: list[int], passed: list[int]
) -> None:
    after = [early + more for early, more in zip(before, passed, strict=True)]
    used = sum(time for at, time in enumerate(passed) if at not in {3, 4})
    assert share_in_use(before, after) == pytest.approx(used / max(1, sum(passed)))


def test_a_glance_is_a_share() -> None:
    assert 0 <= glance() <= 1


@pytest.mark.parametrize(("others", "calm"), [([0.0, 0.02, 0.9], True), ([0.3, 0.2, 0.0], False)])
def test_a_page_says_when_the_machine_was_not_calm(others: list[float], calm: bool) -> None:
    assert ("not calm" not in calmness(others)) == calm
    assert f"{100 * max(others):.0f} % at most" in calmness(others)
