"""The window of counters already received (paper 5.4.6; the limits of RFC 6479).

Nearly every packet comes in order, so what is kept is the run of counters that came without a gap,
two numbers, and a bit for each counter of the window below that run. In order costs an addition,
and a session that never saw a gap has no bitmap.
"""

from typing import Final

from wiresnake.protocol.constants import REJECT_AFTER_MESSAGES, REPLAY_WINDOW

_REACH: Final = REPLAY_WINDOW + 1
_WHOLE: Final = (1 << _REACH) - 1


class ReplayWindow:
    """Remembers which counters of one receiving session were accepted."""

    __slots__ = ("_next", "_seen", "_start")

    def __init__(self) -> None:
        self._start = 0
        self._next = 0
        self._seen = 0
        """Bit n: counter ``_start`` - 1 - n was accepted."""

    def accept(self, counter: int) -> bool:
        """Accept ``counter`` if it is fresh, and remember it.

        Call this after the packet has authenticated, never before: a forged counter must not move
        the window. False for a replay, for one more than 8128 behind the greatest, and from
        REJECT_AFTER_MESSAGES on.
        """
        if counter == self._next != REJECT_AFTER_MESSAGES:
            self._next = counter + 1
            return True
        return self._accept_out_of_order(counter)

    def accept_run(self, first: int, count: int) -> bool:
        """Accept the ``count`` counters from ``first`` on, if they are exactly the next ones.

        False changes nothing: ask for each by itself then.
        """
        if first != self._next or first + count > REJECT_AFTER_MESSAGES:
            return False
        self._next = first + count
        return True

    def _accept_out_of_order(self, counter: int) -> bool:
        if counter >= REJECT_AFTER_MESSAGES:
            return False
        if counter > self._next:
            self._leap(counter)
            return True
        if counter >= self._start or self._next - counter > _REACH:
            return False
        bit = 1 << self._start - 1 - counter
        if self._seen & bit:
            return False
        self._seen |= bit
        return True

    def _leap(self, counter: int) -> None:
        """Begin a run at ``counter``, past a gap; the run before becomes bits."""
        run = min(self._next - self._start, _REACH)
        gap = min(counter - self._next, _REACH)
        seen = self._seen << run | (1 << run) - 1
        self._seen = seen << gap & _WHOLE
        self._start = counter
        self._next = counter + 1
