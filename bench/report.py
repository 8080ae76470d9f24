"""Results: as data, and as a table that people read."""

import datetime as dt
import json
import os
import platform
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.contest import Figure, Outcome
from bench.lab.programs import Program

RESULTS = Path(__file__).parent / "results"


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


def version(program: Program) -> str:
    """Return what a program says of itself."""
    said = subprocess.run([program.argv[0], "--version"], capture_output=True, text=True)
    return said.stdout.strip().split("\n")[0] or "unknown"


def as_data(outcomes: Sequence[Outcome], programs: Sequence[Program]) -> dict[str, Any]:
    """Return everything that was measured, every round of it."""
    return {
        "machine": machine(),
        "programs": {program.name: version(program) for program in programs},
        "measures": {
            outcome.measure.name: {"figures": outcome.figures, "failures": outcome.failures}
            for outcome in outcomes
        },
    }


def as_table(outcomes: Sequence[Outcome], programs: Sequence[Program]) -> str:
    """Return a markdown table: medians of each program, and how ours stands to its goals."""
    ours, others = programs[0].name, [program.name for program in programs[1:]]
    about = machine()
    head = ["", "unit", ours, *others, *(f"ours / {other}" for other in others), "goal", "met"]
    place = f"{about['processors']} processors ({about['processor']}), Linux {about['kernel']}"
    versions = "; ".join(f"{program.name}: {version(program)}" for program in programs)
    lines = [
        f"{about['date']}, {place}, Python {about['python']}. {versions}.",
        "",
        "| " + " | ".join(head) + " |",
        "|" + "---|" * len(head),
    ]
    for outcome in outcomes:
        for figure in outcome.measure.figures:
            lines.append(_row(outcome, figure, ours, others))  # noqa: PERF401
    failures = [f"* {outcome.measure.name}: {why}" for outcome in outcomes
                for why in outcome.failures]  # fmt: skip
    return "\n".join([*lines, *(["", "Failures:", "", *failures] if failures else []), ""])


def _row(outcome: Outcome, figure: Figure, ours: str, others: list[str]) -> str:
    medians = [_shown(outcome.median(figure.name, name)) for name in (ours, *others)]
    ratios = [_shown(outcome.ratio(figure.name, ours, name)) for name in others]
    _, met = outcome.verdict(figure, ours)
    verdict = "" if met is None else "yes" if met else "**no**"
    label = f"{outcome.measure.name}: {figure.name}"
    cells = [label, figure.unit, *medians, *ratios, _goal(figure), verdict]
    return "| " + " | ".join(cells) + " |"


def _shown(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}"


def _goal(figure: Figure) -> str:
    if figure.goal is None:
        return ""
    sign = "≥" if figure.more_is_better else "≤"
    of = f" of {figure.goal.against}" if figure.goal.against else ""
    return f"{sign} {figure.goal.limit:g}{of}"


def save(outcomes: Sequence[Outcome], programs: Sequence[Program], name: str) -> Path:
    """Write NAME.json and NAME.md to bench/results; return the table's place."""
    RESULTS.mkdir(exist_ok=True)
    data = json.dumps(as_data(outcomes, programs), indent=1)
    (RESULTS / f"{name}.json").write_text(data + "\n", encoding="utf-8")
    table = RESULTS / f"{name}.md"
    table.write_text(as_table(outcomes, programs), encoding="utf-8")
    return table
