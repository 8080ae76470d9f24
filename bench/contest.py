"""A contest: what is measured, what is hoped for, and rounds in which contestants take turns.

Machines get slower and faster while a benchmark runs. So the contestants take turns within a
round, the next round begins with another one, figures are compared within their round, and the
median of these ratios is what counts.
"""

import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from bench.calm import glance
from bench.contestants.contract import Contestant, Unsuited


@dataclass(frozen=True, slots=True)
class Goal:
    """What is hoped for of the contestant ``of``: its figure, or the ratio of that to the figure
    of ``against``, is ``limit`` or better.
    """

    limit: float
    of: str
    against: str = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """One number that a measure gives: whether more of it is better, and the goals for it."""

    name: str
    unit: str
    more_is_better: bool
    goals: tuple[Goal, ...] = ()


def more(name: str, unit: str, *goals: Goal) -> Figure:
    """Return a figure that is better the more it is."""
    return Figure(name, unit, more_is_better=True, goals=goals)


def less(name: str, unit: str, *goals: Goal) -> Figure:
    """Return a figure that is better the less it is."""
    return Figure(name, unit, more_is_better=False, goals=goals)


@dataclass(frozen=True, slots=True)
class Measure:
    """Something to measure.

    ``take`` does it once for a contestant and names each figure; it is told for how many seconds
    one load lasts. It raises Unsuited if that contestant has no such thing. ``rounds`` is how many
    are enough when nothing else is asked for.
    """

    name: str
    figures: tuple[Figure, ...]
    take: Callable[[Contestant, int], Mapping[str, float]]
    rounds: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """A goal of a figure, and the value that it looks at: None if whose goal it is has failed."""

    figure: Figure
    goal: Goal
    value: float | None

    @property
    def met(self) -> bool:
        """Whether the value is good enough."""
        if self.value is None:
            return False
        if self.figure.more_is_better:
            return self.value >= self.goal.limit
        return self.value <= self.goal.limit


@dataclass(slots=True)
class Outcome:
    """All figures of one measure: ``figures[figure][contestant]``, a value for each round.

    The value is None for a round in which it was not taken. ``failures`` are pairs: whose, and
    what happened. ``others`` is the part of the machine that others used before each take.
    """

    measure: Measure
    figures: dict[str, dict[str, list[float | None]]] = field(default_factory=dict)
    failures: list[tuple[str, str]] = field(default_factory=list)
    others: list[float] = field(default_factory=list)

    def values(self, figure: str, contestant: str) -> list[float | None]:
        """Return a contestant's values of a figure, one for each round, or nothing."""
        return self.figures.get(figure, {}).get(contestant, [])

    def median(self, figure: str, contestant: str) -> float | None:
        """Return the median of a contestant's figure, or None if it has none."""
        values = [value for value in self.values(figure, contestant) if value is not None]
        return statistics.median(values) if values else None

    def ratio(self, figure: str, contestant: str, against: str) -> float | None:
        """Return the median, over rounds in which both have one, of a figure by that of another."""
        pairs = zip(self.values(figure, contestant), self.values(figure, against), strict=False)
        ratios = [one / other for one, other in pairs if one is not None and other]
        return statistics.median(ratios) if ratios else None

    def verdicts(self) -> list[Verdict]:
        """Judge every goal for which there are values, or a failure of whose goal it is."""
        judged = []
        failed = {who for who, _ in self.failures}
        for figure in self.measure.figures:
            for goal in figure.goals:
                value = (
                    self.ratio(figure.name, goal.of, goal.against)
                    if goal.against
                    else self.median(figure.name, goal.of)
                )
                if value is not None or goal.of in failed:
                    judged.append(Verdict(figure, goal, value))
        return judged

    def enter(self, round_: int, contestant: str, taken: Mapping[str, float]) -> None:
        """Keep what was taken in a round, the first being 0."""
        for figure, value in taken.items():
            values = self.figures.setdefault(figure, {}).setdefault(contestant, [])
            values += [None] * (round_ - len(values))
            values.append(value)


def run(measure: Measure, contestants: Sequence[Contestant], rounds: int, seconds: int) -> Outcome:
    """Let the contestants take turns; tell on stderr how it goes.

    One that fails has no figures for that round; the others have, and ratios of theirs still
    compare neighbours in time.
    """
    outcome = Outcome(measure)
    suited = list(contestants)
    for round_ in range(rounds):
        turn = round_ % max(1, len(suited))
        for contestant in (*suited[turn:], *suited[:turn]):
            label = f"{measure.name} {round_ + 1}/{rounds} {contestant.name}"
            outcome.others.append(glance())
            try:
                taken = measure.take(contestant, seconds)
            except Unsuited as reason:
                suited.remove(contestant)
                _tell(f"{label}: {reason}")
                continue
            except Exception as failure:  # noqa: BLE001  # what fails is reported; the rest goes on
                what = _in_a_line(failure)
                outcome.failures.append((contestant.name, f"round {round_ + 1}: {what}"))
                _tell(f"{label}: {what}")
                continue
            outcome.enter(round_, contestant.name, taken)
            _tell(f"{label}: " + ", ".join(f"{name} {x:.4g}" for name, x in taken.items()))
    return outcome


def _in_a_line(failure: Exception) -> str:
    """Return what a failure is, with what the program that failed has said."""
    notes = getattr(failure, "__notes__", [])
    return " ".join(" ".join([type(failure).__name__ + ":", str(failure), *notes]).split())


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
