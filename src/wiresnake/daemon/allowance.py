"""How much all the connections of one daemon may hold while requests are still being read."""

from typing import Final, Protocol

MAX_REQUEST: Final = 64 << 20
"""Bytes of one request."""
MAX_HELD: Final = 2 * MAX_REQUEST
"""Bytes of all requests that are not answered yet."""
MAX_CONNECTIONS: Final = 256


class Guest(Protocol):
    """A connection: what it holds, when it last moved, and whether it may be sent away.

    ``waiting`` is true while it waits for its client; one that is being served is left alone.
    """

    held: int
    moved_at: float

    @property
    def waiting(self) -> bool:
        """Whether the next move is the client's."""

    def dismiss(self) -> None:
        """Send it away; it holds nothing afterwards."""


class Allowance:
    """Room for connections and their bytes.

    When room runs out the guest that has been waiting for its client the longest is sent away, so
    that a client which writes slowly, or not at all, cannot hold others up.
    """

    def __init__(self, *, connections: int = MAX_CONNECTIONS, held: int = MAX_HELD) -> None:
        self._connections = connections
        self._held = held
        self._guests: set[Guest] = set()

    def admit(self, guest: Guest) -> bool:
        """Take ``guest`` in; False if all others are being served."""
        while len(self._guests) >= self._connections:
            if not self._dismiss_one([each for each in self._guests if each.waiting]):
                return False
        self._guests.add(guest)
        return True

    def leave(self, guest: Guest) -> None:
        """Forget ``guest``."""
        self._guests.discard(guest)

    def hold(self, guest: Guest, size: int) -> bool:
        """Let ``guest`` hold ``size`` bytes more; False if there is no room even then."""
        if guest.held + size > MAX_REQUEST:
            return False
        while sum(each.held for each in self._guests) + size > self._held:
            others = [
                each for each in self._guests if each.waiting and each.held and each is not guest
            ]
            if not self._dismiss_one(others):
                return False
        guest.held += size
        return True

    def _dismiss_one(self, candidates: list[Guest]) -> bool:
        if not candidates:
            return False
        longest = min(candidates, key=lambda each: each.moved_at)
        self._guests.discard(longest)
        longest.dismiss()
        return True
