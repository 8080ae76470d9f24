"""Contests: who takes turns with whom, and what is compared with what."""

import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.contest import Figure, Goal, Measure, Outcome, Verdict, less, more, run
from bench.contestants.contract import Link, Unsuited
from bench.lab.hosts import Host


@dataclass
class Runner:
    """A contestant that makes no tunnels."""

    name: str

    def version(self) -> str:
        return f"{self.name} 1"

    def connect(self, left: Host, right: Host) -> Link:
        raise NotImplementedError


@dataclass
class Track:
    """A measure whose values are known: ``course[name]`` is what each take gives, or raises."""

    course: dict[str, list[float | Exception]]
    taken: list[str] = field(default_factory=list)

    def take(self, contestant: Runner, _: int) -> Mapping[str, float]:
        self.taken.append(contestant.name)
        value = self.course[contestant.name][self.taken.count(contestant.name) - 1]
        if isinstance(value, Exception):
            raise value
        return {"speed": value}

    def measure(self, *goals: Goal) -> Measure:
        return Measure("race", (more("speed", "m/s", *goals),), self.take, rounds=3)


def race(track: Track, *goals: Goal, rounds: int = 3) -> Outcome:
    return run(track.measure(*goals), [Runner(name) for name in track.course], rounds, 1)


def test_each_round_begins_with_another_one() -> None:
    track = Track({"a": [1, 1, 1], "b": [2, 2, 2], "c": [3, 3, 3]})
    race(track)
    assert track.taken == [*"abc", *"bca", *"cab"]


def test_ratios_are_of_one_round() -> None:
    outcome = race(Track({"a": [1, 20, 300], "b": [2, 10, 100]}))
    assert outcome.ratio("speed", "a", "b") == 2
    assert outcome.median("speed", "a") == 20


def test_a_round_that_failed_counts_for_who_failed_alone() -> None:
    outcome = race(Track({"a": [1, 20, 300], "b": [2, RuntimeError("fell"), 100], "c": [1, 2, 3]}))
    assert outcome.values("speed", "b") == [2, None, 100]
    assert outcome.ratio("speed", "a", "b") == statistics.median([0.5, 3])
    assert outcome.ratio("speed", "a", "c") == statistics.median([1, 10, 100])
    assert outcome.failures == [("b", "round 2: RuntimeError: fell")]


def test_who_failed_at_the_end_is_not_compared_then() -> None:
    outcome = race(Track({"a": [1, 20, 300], "b": [2, 10, RuntimeError("fell")]}))
    assert outcome.ratio("speed", "a", "b") == statistics.median([0.5, 2])


def test_a_failure_says_what_the_program_said() -> None:
    failure = RuntimeError("it ended")
    failure.add_note("in left:\n no such device")
    outcome = race(Track({"a": [failure]}), rounds=1)
    assert outcome.failures == [("a", "round 1: RuntimeError: it ended in left: no such device")]


def test_who_is_not_suited_is_asked_once_and_has_not_failed() -> None:
    track = Track({"a": [Unsuited("has no legs")], "b": [1, 2, 3]})
    outcome = race(track)
    assert track.taken.count("a") == 1
    assert outcome.values("speed", "b") == [1, 2, 3]
    assert outcome.median("speed", "a") is None
    assert not outcome.failures


def test_goals_are_judged_where_there_are_values() -> None:
    track = Track({"a": [30, 30, 30], "b": [20, 20, 20]})
    outcome = race(
        track, Goal(1.5, "a", "b"), Goal(1.6, "a", "b"), Goal(20, "b"), Goal(1, "a", "absent")
    )
    judged = [(verdict.goal.limit, verdict.value, verdict.met) for verdict in outcome.verdicts()]
    assert judged == [(1.5, 1.5, True), (1.6, 1.5, False), (20, 20, True)]


def test_who_failed_has_missed_its_goals() -> None:
    track = Track({"a": [RuntimeError("fell")], "b": [1]})
    outcome = race(track, Goal(1.5, "a", "b"), Goal(1, "b"), Goal(1, "b", "a"), rounds=1)
    judged = [(verdict.goal.of, verdict.value, verdict.met) for verdict in outcome.verdicts()]
    assert judged == [("a", None, False), ("b", 1, True)]


@pytest.mark.parametrize(("figure", "met"), [(more("x", ""), (False, True, True)),
                                             (less("x", ""), (True, True, False))])  # fmt: skip
def test_better_is_more_or_less(figure: Figure, met: tuple[bool, ...]) -> None:
    goal = Goal(2.0, "a")
    assert tuple(Verdict(figure, goal, value).met for value in (1.9, 2.0, 2.1)) == met


rounds_of = st.lists(st.tuples(*[st.none() | st.floats(0.1, 1e6)] * 2), min_size=1, max_size=9)


@given(rounds_of)
def test_a_ratio_is_the_median_over_rounds_in_which_both_ran(
    rounds: list[tuple[float | None, float | None]],
) -> None:
    outcome = Outcome(Track({}).measure())
    for number, values in enumerate(rounds):
        for name, value in zip("ab", values, strict=True):
            if value is not None:
                outcome.enter(number, name, {"speed": value})
    both = [one / other for one, other in rounds if one is not None and other is not None]
    assert outcome.ratio("speed", "a", "b") == (statistics.median(both) if both else None)
