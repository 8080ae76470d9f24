"""Is the machine calm? What others do on it while nothing of ours runs spoils every figure."""

import time
from collections.abc import Sequence
from pathlib import Path

STAT = Path("/proc/stat")
GLANCE = 0.2
"""Seconds that one look takes."""
CALM = 0.05
"""Of all processors; more than that in use by others is worth a word."""
_IDLE, _WAITING = 3, 4
_GUEST = 8
"""From here on the columns are parts of earlier ones."""


def share_in_use(before: Sequence[int], after: Sequence[int]) -> float:
    """Return the part of all processors that was in use between two readings of `ticks`.

    Time that a hypervisor gave to other machines counts as used.
    """
    passed = [late - early for early, late in zip(before, after, strict=True)]
    total = sum(passed)
    return 1 - (passed[_IDLE] + passed[_WAITING]) / total if total else 0.0


def ticks(text: str) -> list[int]:
    """Return the times of all processors together, from the text of /proc/stat."""
    return [int(word) for word in text.split("\n", 1)[0].split()[1:]][:_GUEST]


def glance() -> float:
    """Look for a moment; return the part of all processors that was in use."""
    before = ticks(STAT.read_text())
    time.sleep(GLANCE)
    return share_in_use(before, ticks(STAT.read_text()))
