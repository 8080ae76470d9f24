"""Session indices: the 32-bit names by which this end is addressed (paper 5.4.2).

One space for the handshakes and the sessions of an interface. They are random, so that a stranger
neither guesses a live one nor learns how many there are.
"""

from collections.abc import Callable
from typing import Final

from wiresnake.door.commands import SessionIndex

_ATTEMPTS: Final = 128
"""With 2^20 peers of four indices each, a draw is taken already once in a thousand times."""


class Indices:
    """The live indices of one interface. ``random(n)`` gives n random bytes."""

    __slots__ = ("_live", "_random")

    def __init__(self, random: Callable[[int], bytes]) -> None:
        self._random = random
        self._live: set[SessionIndex] = set()

    def allocate(self) -> SessionIndex:
        """Return a fresh index, unique among the live ones, and hold it until `release`.

        Raises RuntimeError if the source of randomness does nothing but repeat itself.
        """
        for _ in range(_ATTEMPTS):
            index = int.from_bytes(self._random(4), "little")
            if index not in self._live:
                self._live.add(index)
                return index
        raise RuntimeError("the source of randomness repeats itself")

    def release(self, index: SessionIndex) -> None:
        """Let go of a live index. Raises KeyError if it is not live."""
        self._live.remove(index)

    def __contains__(self, index: SessionIndex) -> bool:
        return index in self._live

    def __len__(self) -> int:
        return len(self._live)
