"""When each peer must be looked at again: a heap with lazy deletion."""

import heapq

from wiresnake.door.commands import PeerNumber
from wiresnake.values.instants import NEVER, Instant


class Deadlines:
    """At most one deadline for each peer; a peer without one costs nothing.

    An entry that was moved or removed stays in the heap until it comes to the top or until such
    entries are the majority, so every change is O(log n).
    """

    __slots__ = ("_heap", "_of")

    def __init__(self) -> None:
        self._heap: list[tuple[Instant, PeerNumber]] = []
        self._of: dict[PeerNumber, Instant] = {}

    def set(self, peer: PeerNumber, at: Instant) -> None:
        """Move the deadline of ``peer``; NEVER removes it."""
        if at == NEVER:
            self._of.pop(peer, None)
        elif self._of.get(peer) != at:
            self._of[peer] = at
            heapq.heappush(self._heap, (at, peer))
        if len(self._heap) > 2 * len(self._of) + 64:
            self._heap = [(at, peer) for peer, at in self._of.items()]
            heapq.heapify(self._heap)

    def clear(self) -> None:
        """Remove every deadline."""
        self._heap.clear()
        self._of.clear()

    def next(self) -> Instant | None:
        """Return the earliest deadline, exactly; None if there is none."""
        while self._heap and not self._holds(self._heap[0]):
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def due(self, now: Instant, limit: int) -> list[PeerNumber]:
        """Return up to ``limit`` peers whose deadline has come, the earliest first.

        They stay due until `set` moves them.
        """
        found: dict[PeerNumber, Instant] = {}
        while len(found) < limit and self._heap and self._heap[0][0] <= now:
            entry = heapq.heappop(self._heap)
            if self._holds(entry):
                found[entry[1]] = entry[0]
        for peer, at in found.items():
            heapq.heappush(self._heap, (at, peer))
        return list(found)

    def __len__(self) -> int:
        return len(self._of)

    def _holds(self, entry: tuple[Instant, PeerNumber]) -> bool:
        return self._of.get(entry[1]) == entry[0]
