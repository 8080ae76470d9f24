"""Results: as data, and as tables that people read."""

import datetime as dt
import os
import platform
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.calm import CALM
from bench.contest import Outcome, Verdict
from bench.contestants.contract import Contestant
from bench.contestants.names import OURS


def machine() -> dict[str, str]:
    """Describe what this ran on, as far as figures depend on it."""
    processor = "unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            processor = line.partition(":")[2].strip()
            break
    return {
        "processor": processor,
        "processors": str(len(os.sched_getaffinity(0))),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
    }


def as_data(outcomes: Sequence[Outcome], contestants: Sequence[Contestant]) -> dict[str, Any]:
    """Return everything that was measured, every round of it."""
    return {
        "machine": machine(),
        "programs": {each.name: each.version() for each in contestants},
        "measures": {
            outcome.measure.name: {
                "figures": outcome.figures,
                "failures": outcome.failures,
                "others": outcome.others,
            }
            for outcome in outcomes
        },
    }


def as_page(outcomes: Sequence[Outcome], contestants: Sequence[Contestant]) -> str:
    """Return a markdown page: medians of everybody, ours by theirs, goals, failures."""
    names = [each.name for each in contestants]
    about = machine()
    place = f"{about['processors']} processors ({about['processor']}), Linux {about['kernel']}"
    versions = "; ".join(f"{each.name}: {each.version()}" for each in contestants)
    parts = [
        f"{about['date']}, {place}, Python {about['python']}. {versions}.",
        calmness([share for outcome in outcomes for share in outcome.others]),
        "Medians:",
        medians(outcomes, names),
    ]
    for ours in OURS:
        if ours in names and len(names) > 1:
            parts += [f"{ours} by each other, medians of ratios:", ratios(outcomes, names, ours)]
    if judged := [(outcome, verdict) for outcome in outcomes for verdict in outcome.verdicts()]:
        parts += ["Goals:", goals(judged)]
    failures = [
        f"* {outcome.measure.name}, {who}: {why}"
        for outcome in outcomes
        for who, why in outcome.failures
    ]
    if failures:
        parts += ["Failures:", "\n".join(failures)]
    return "\n\n".join(parts) + "\n"


def calmness(others: Sequence[float]) -> str:
    """Say how much of the machine others used before takes, and whether figures suffer."""
    if not others:
        return "Nobody looked whether the machine was calm."
    often = 100 * statistics.median(others)
    said = (
        f"Before takes, others used {often:.0f} % of the machine (median; {100 * max(others):.0f}"
    )
    if statistics.median(others) <= CALM:
        return f"{said} % at most)."
    return f"{said} % at most). **It was not calm: neither figures nor ratios mean much.**"


def medians(outcomes: Sequence[Outcome], names: Sequence[str]) -> str:
    """Return a table of every figure's median."""
    rows = [
        [f"{outcome.measure.name}: {figure.name}", figure.unit]
        + [shown(outcome.median(figure.name, name)) for name in names]
        for outcome in outcomes
        for figure in outcome.measure.figures
    ]
    return table(["", "unit", *names], rows)


def ratios(outcomes: Sequence[Outcome], names: Sequence[str], ours: str) -> str:
    """Return a table of one contestant's figures by those of each other."""
    others = [name for name in names if name != ours]
    rows = [
        [f"{outcome.measure.name}: {figure.name}", "more" if figure.more_is_better else "less"]
        + [shown(outcome.ratio(figure.name, ours, other)) for other in others]
        for outcome in outcomes
        for figure in outcome.measure.figures
        if outcome.median(figure.name, ours) is not None
    ]
    return table(["", "better", *others], rows)


def goals(judged: Sequence[tuple[Outcome, Verdict]]) -> str:
    """Return a table of goals, what was reached, and whether it is enough."""
    rows = []
    for outcome, verdict in judged:
        figure, goal = verdict.figure, verdict.goal
        sign = "≥" if figure.more_is_better else "≤"
        wanted = f"{sign} {goal.limit:g} " + (f"of {goal.against}" if goal.against else figure.unit)
        label = f"{outcome.measure.name}: {figure.name}"
        rows.append(
            [label, goal.of, wanted, shown(verdict.value), "yes" if verdict.met else "**no**"]
        )
    return table(["", "of", "wanted", "reached", "met"], rows)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a markdown table."""
    lines = ["| " + " | ".join(cells) + " |" for cells in (head, *rows)]
    return "\n".join([lines[0], "|" + "---|" * len(head), *lines[1:]])


def shown(value: float | None) -> str:
    """Write a figure in three digits or more, and one that was not taken as a hyphen."""
    if not value:
        return "-" if value is None else "0"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}"
