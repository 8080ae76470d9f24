"""Instants: where a tunnel stands in time."""

from dataclasses import dataclass
from typing import TypeAlias

Instant: TypeAlias = float
"""Seconds of CLOCK_BOOTTIME, which also runs while the machine sleeps."""

NEVER: Instant = float("inf")
"""Later than every instant."""


@dataclass(frozen=True, slots=True)
class Now:
    """One reading of both clocks.

    Deadlines live on ``boottime`` (seconds); ``wall`` (nanoseconds since the Unix epoch, it may
    jump) serves the timestamp of an initiation and the time of the last handshake, nothing else.
    """

    boottime: Instant
    wall: int
