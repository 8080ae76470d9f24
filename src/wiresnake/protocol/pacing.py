"""The pace at which one interface begins handshakes."""

from wiresnake.protocol.constants import INITIATIONS_PER_SECOND
from wiresnake.values.instants import Instant

BURST = 32
"""So many may begin at once after a pause; it is 64 ms of the pace."""


class Pacer:
    """Spreads handshakes that begin (retries are spread by their jitter).

    When the interface comes up or the host wakes, thousands of peers may want one at once; each
    costs three Diffie-Hellmans here and more at the other end. Every request is given an instant
    of its own, in the order of the requests.
    """

    __slots__ = ("_burst", "_interval", "_next")

    def __init__(self, per_second: int = INITIATIONS_PER_SECOND, burst: int = BURST) -> None:
        self._interval = 1 / per_second
        self._burst = (burst - 1) * self._interval
        self._next: Instant = float("-inf")

    def reserve(self, now: Instant) -> Instant:
        """Return the instant, ``now`` or later, at which the next handshake may begin.

        The place is taken, whether it is used or not. O(1).
        """
        place = max(self._next, now - self._burst)
        self._next = place + self._interval
        return max(place, now)

    def reset(self) -> None:
        """Forget the places taken."""
        self._next = float("-inf")
