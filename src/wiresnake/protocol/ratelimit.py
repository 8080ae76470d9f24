"""How many handshakes one source may cost us under load (paper 5.3).

A token bucket for each source, kept as the one number that a bucket needs: the instant at which it
will be full again. An allowed message moves that instant 1/20 s on, and none may move it further
than five messages ahead. A bucket that is full is as good as none, so it is forgotten.
"""

from collections import OrderedDict
from typing import Final

from wiresnake.values.instants import Instant

MESSAGES_PER_SECOND: Final = 20
BURST: Final = 5
DEFAULT_MAX_ENTRIES: Final = 65536

_MICROSECONDS: Final = 1_000_000
_COST: Final = _MICROSECONDS // MESSAGES_PER_SECOND
_DEPTH: Final = BURST * _COST
_COLLECTED_AT_ONCE: Final = 2
"""More than the one entry that a call can add, so that the table shrinks under any traffic."""


class RateLimiter:
    """Admits 20 messages a second and bursts of 5 for each IPv4 address and each IPv6 /64.

    Holds at most ``max_entries`` sources and refuses new ones while that many are busy. Every call
    costs the same, however many sources there are.
    """

    __slots__ = ("_full_at", "_max_entries")

    def __init__(self, max_entries: int = DEFAULT_MAX_ENTRIES) -> None:
        self._max_entries = max_entries
        # Ordered by the last allowed message. An instant of fullness is at most _DEPTH after that
        # message, so while the oldest entry is not full few of the others are.
        self._full_at: OrderedDict[bytes, int] = OrderedDict()

    def allow(self, address: bytes, now: Instant) -> bool:
        """Whether a message from this address (4 or 16 bytes) may be handled now.

        Only an allowed message is counted against its source.
        """
        tick = round(now * _MICROSECONDS)
        self._collect(tick)
        source = bytes(address) if len(address) == 4 else bytes(address[:8])
        full_at = self._full_at.get(source)
        if full_at is None and len(self._full_at) >= self._max_entries:
            return False
        full_at = max(full_at or 0, tick) + _COST
        if full_at - tick > _DEPTH:
            return False
        self._full_at[source] = full_at
        self._full_at.move_to_end(source)
        return True

    def _collect(self, tick: int) -> None:
        for _ in range(_COLLECTED_AT_ONCE):
            oldest = next(iter(self._full_at), None)
            if oldest is None or self._full_at[oldest] > tick:
                return
            del self._full_at[oldest]

    def __len__(self) -> int:
        return len(self._full_at)
