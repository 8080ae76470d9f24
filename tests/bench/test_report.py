"""Pages: every figure of everybody, goals with their verdicts, what failed."""

from dataclasses import dataclass

import pytest

from bench.contest import Goal, Measure, Outcome, less, more
from bench.contestants.names import NATIVE, NEWEST, PORTABLE
from bench.report import as_data, as_page, shown, table


@dataclass
class Named:
    name: str

    def version(self) -> str:
        return f"{self.name} 1.0"


@pytest.fixture
def outcome() -> Outcome:
    figures = (
        more("tcp", "Mbit/s", Goal(1.4, NATIVE, NEWEST), Goal(2.0, PORTABLE, NEWEST)),
        less("ping", "µs", Goal(300, NATIVE)),
    )
    made = Outcome(Measure("traffic", figures, lambda _, __: {}, rounds=2))
    for round_ in range(2):
        made.enter(round_, NATIVE, {"tcp": 3000, "ping": 250.5})
        made.enter(round_, PORTABLE, {"tcp": 1500, "ping": 0})
        made.enter(round_, NEWEST, {"tcp": 1000})
    made.failures.append((NEWEST, "round 1: it fell"))
    return made


CONTESTANTS = [Named(name) for name in (NATIVE, PORTABLE, NEWEST)]


def test_a_page_has_what_was_measured_and_what_was_hoped(outcome: Outcome) -> None:
    lines = as_page([outcome], CONTESTANTS).split("\n")
    assert "| traffic: tcp | Mbit/s | 3,000 | 1,500 | 1,000 |" in lines
    assert "| traffic: ping | µs | 250 | 0 | - |" in lines
    assert "| traffic: tcp | more | 2.00 | 3.00 |" in lines
    assert f"| traffic: tcp | {NATIVE} | ≥ 1.4 of {NEWEST} | 3.00 | yes |" in lines
    assert f"| traffic: tcp | {PORTABLE} | ≥ 2 of {NEWEST} | 1.50 | **no** |" in lines
    assert f"| traffic: ping | {NATIVE} | ≤ 300 µs | 250 | yes |" in lines
    assert f"* traffic, {NEWEST}: round 1: it fell" in lines
    assert f"{PORTABLE}: {PORTABLE} 1.0" in lines[0]


def test_data_has_every_round(outcome: Outcome) -> None:
    data = as_data([outcome], CONTESTANTS)
    assert data["measures"]["traffic"]["figures"]["tcp"][NATIVE] == [3000, 3000]
    assert data["programs"][NEWEST] == f"{NEWEST} 1.0"


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), (0, "0"), (0.054, "0.05"), (99.5, "99.50"), (1234.5, "1,234"), (-150, "-150")],
)
def test_figures_are_shown_short(value: float | None, text: str) -> None:
    assert shown(value) == text


def test_a_table_has_one_width() -> None:
    lines = table(["a", "b"], [["1", "2"]]).split("\n")
    assert lines == ["| a | b |", "|---|---|", "| 1 | 2 |"]
