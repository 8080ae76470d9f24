"""A contest: what is measured, what is hoped for, and rounds in which programs take turns.

Machines get slower and faster while a benchmark runs. So the programs take turns within a round,
the next round begins with another one, figures are compared within their round, and the median of
these ratios is what counts.
"""

import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from bench.lab.programs import Program


@dataclass(frozen=True, slots=True)
class Goal:
    """What is hoped for: our figure, or its ratio to that of ``against``, beyond ``limit``."""

    limit: float
    against: str = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """One number that a measure gives: whether more of it is better, and the goal for ours."""

    name: str
    unit: str
    more_is_better: bool
    goal: Goal | None = None

    def met(self, value: float) -> bool:
        """Whether ``value``, a figure or a ratio as the goal says, meets the goal."""
        assert self.goal is not None
        return value >= self.goal.limit if self.more_is_better else value <= self.goal.limit


def more(name: str, unit: str, goal: Goal | None = None) -> Figure:
    """Return a figure that is better the more it is."""
    return Figure(name, unit, more_is_better=True, goal=goal)


def less(name: str, unit: str, goal: Goal | None = None) -> Figure:
    """Return a figure that is better the less it is."""
    return Figure(name, unit, more_is_better=False, goal=goal)


@dataclass(frozen=True, slots=True)
class Measure:
    """Something to measure. ``take`` does it once for a program and names each figure.

    ``rounds`` is how many rounds are enough when nothing else is asked for.
    """

    name: str
    figures: tuple[Figure, ...]
    take: Callable[[Program], Mapping[str, float]]
    rounds: int


@dataclass(slots=True)
class Outcome:
    """All figures of one measure: ``figures[figure][program]``, one value for each round."""

    measure: Measure
    figures: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def median(self, figure: str, program: str) -> float | None:
        """Return the median of a program's figure, or None if it has none."""
        values = self.figures.get(figure, {}).get(program, [])
        return statistics.median(values) if values else None

    def ratio(self, figure: str, program: str, against: str) -> float | None:
        """Return the median, over rounds, of a program's figure by that of another."""
        mine = self.figures.get(figure, {}).get(program, [])
        theirs = self.figures.get(figure, {}).get(against, [])
        ratios = [one / other for one, other in zip(mine, theirs, strict=False) if other]
        return statistics.median(ratios) if ratios else None

    def verdict(self, figure: Figure, program: str) -> tuple[float | None, bool | None]:
        """Return the value that the goal of ``figure`` looks at, and whether it is met."""
        if figure.goal is None:
            return None, None
        if figure.goal.against:
            value = self.ratio(figure.name, program, figure.goal.against)
        else:
            value = self.median(figure.name, program)
        return value, None if value is None else figure.met(value)


def run(measure: Measure, programs: Sequence[Program], rounds: int) -> Outcome:
    """Let the programs take turns; tell on stderr how it goes.

    A program that fails in a round is left out of that round, and so is the round for all others,
    so that ratios always compare neighbours in time.
    """
    outcome = Outcome(measure)
    for number in range(rounds):
        turn = number % len(programs)
        taken: dict[str, Mapping[str, float]] = {}
        for program in (*programs[turn:], *programs[:turn]):
            try:
                taken[program.name] = measure.take(program)
            except Exception as failure:  # noqa: BLE001  # what fails is reported; the rest goes on
                outcome.failures.append(f"round {number + 1}, {program.name}: {failure!r}")
                _tell(f"{measure.name} {number + 1}/{rounds} {program.name}: {failure!r}")
                continue
            shown = ", ".join(f"{name} {value:.4g}" for name, value in taken[program.name].items())
            _tell(f"{measure.name} {number + 1}/{rounds} {program.name}: {shown}")
        if len(taken) == len(programs):
            for name, values in taken.items():
                for figure, value in values.items():
                    outcome.figures.setdefault(figure, {}).setdefault(name, []).append(value)
    return outcome


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
