"""No packet of a flow may overtake another: numbered datagrams of mixed sizes."""

from collections.abc import Mapping

from bench.contest import Goal, Measure, less, more
from bench.contestants.contract import Contestant, linked
from bench.contestants.names import OURS
from bench.lab.load import flowing
from bench.lab.numbered import carry

STEADY, FULL = 20_000, 200_000
"""Datagrams a second: what everybody carries, and more than most can."""
SIZES = (64, 1372, 200, 1372, 1372, 700, 64, 64, 1000)
"""Equal neighbours may be joined to one train, unequal ones not; none may be sorted by size."""


def take(contestant: Contestant, seconds: int) -> Mapping[str, float]:
    """Count datagrams that came late: at a steady rate, at full rate, and beside a TCP flow."""
    with linked(contestant) as link:
        ends = link.left, link.right, link.there
        steady = carry(*ends, rate=STEADY, seconds=seconds, sizes=SIZES)
        full = carry(*ends, rate=FULL, seconds=seconds, sizes=SIZES)
        with flowing(*ends):
            beside = carry(*ends, rate=STEADY, seconds=seconds, sizes=SIZES)
        return {
            "late, steady": steady.late,
            "late, full rate": full.late,
            "late, beside tcp": beside.late,
            "received, full rate": full.rate,
        }


NONE_LATE = tuple(Goal(0.0, ours) for ours in OURS)

MEASURES = (
    Measure(
        "order",
        (
            less("late, steady", "datagrams", *NONE_LATE),
            less("late, full rate", "datagrams", *NONE_LATE),
            less("late, beside tcp", "datagrams", *NONE_LATE),
            more("received, full rate", "datagrams/s"),
        ),
        take,
        rounds=1,
    ),
)
