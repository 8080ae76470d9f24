"""Amounts, times and small pictures in few characters."""

from collections.abc import Sequence
from typing import Final

BLOCKS: Final = "▁▂▃▄▅▆▇█"
BLOCKS_OF_ASCII: Final = "_.:-=+*#"
_SECOND: Final = 1_000_000_000


def amount(size: float) -> str:
    """Return bytes in at most eight characters: ``0 B``, ``999 B``, ``12.3 KiB``, ``1.5 GiB``."""
    if size < 999.5:
        return f"{size:.0f} B"
    for unit in ("KiB", "MiB", "GiB", "TiB", "PiB"):
        size /= 1024
        if size < 99.95:
            return f"{size:.1f} {unit}"
        if size < 999.5:
            return f"{size:.0f} {unit}"
    return f"{size:.0f} PiB" if size < 9999.5 else "a lot"


def ago(then_ns: int, wall: float) -> str:
    """Return how long ago ``then_ns`` (since 1970, 0 is never) was, in at most eight characters."""
    if not then_ns:
        return "never"
    seconds = int(wall) - then_ns // _SECOND
    if seconds < 0:
        return "to come"  # the wall clock was set back
    return f"{duration(seconds)} ago" if seconds else "now"


def duration(seconds: int) -> str:
    """Return a time by its largest unit: ``59s``, ``12m``, ``3h``, ``5d``, ``2y``."""
    for unit, size in (("y", 31_536_000), ("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= size:
            return f"{min(seconds // size, 999)}{unit}"
    return f"{seconds}s"


def sparkline(rates: Sequence[float], width: int, blocks: str = BLOCKS) -> str:
    """Draw the last ``width`` rates, the newest at the right, against the greatest of them.

    A rate of nothing is a blank, the least that is something the lowest block.
    """
    shown = list(rates)[-width:]
    greatest = max(shown, default=0.0)
    drawn = "".join(
        " " if rate <= 0 else blocks[min(len(blocks) - 1, int(rate / greatest * len(blocks)))]
        for rate in shown
    )
    return drawn.rjust(width)
