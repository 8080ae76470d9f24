"""Places of messages in a buffer that is used over and over.

Trains of one size repeat by the thousand, so the views of their messages are made once and kept:
making them anew for every packet costs as much as a quarter of its encryption.
"""

from typing import Final, TypeAlias

from wiresnake.protocol.messages import TRANSPORT_HEADER_SIZE
from wiresnake.protocol.primitives import TAG_SIZE

MAX_LAYOUTS: Final = 32
MAX_KEPT: Final = 64
"""Views kept for one size; no train is longer."""

Place: TypeAlias = tuple[int, memoryview, memoryview]
"""A message's offset, the view of its padded packet, and that of the packet sealed (with its tag).
Both views are empty for a message too short to have them."""


class Places:
    """Makes and keeps the places of messages in one buffer."""

    __slots__ = ("_layouts", "buffer", "view")

    def __init__(self, size: int) -> None:
        self.buffer = bytearray(size)
        self.view = memoryview(self.buffer)
        self._layouts: dict[int, list[Place]] = {}

    def one(self, offset: int, size: int) -> Place:
        """Return the place of a message of ``size`` bytes at ``offset``."""
        body = offset + TRANSPORT_HEADER_SIZE
        end = offset + size
        return offset, self.view[body : max(body, end - TAG_SIZE)], self.view[body : max(body, end)]

    def run(self, size: int, first: int, last: int) -> list[Place]:
        """Return the places first to last (exclusive) of messages of ``size`` bytes in a row."""
        if last > MAX_KEPT:
            return [self.one(number * size, size) for number in range(first, last)]
        layout = self._layouts.get(size)
        if layout is None:
            if len(self._layouts) >= MAX_LAYOUTS:
                self._layouts.clear()
            layout = self._layouts[size] = []
        while len(layout) < last:
            layout.append(self.one(len(layout) * size, size))
        return layout[first:last]

    def split(self, length: int, size: int) -> list[Place]:
        """Return the places of a train of ``length`` bytes, ``size`` each, the last maybe less."""
        count, rest = divmod(length, size)
        places = self.run(size, 0, count)
        if rest:
            places.append(self.one(count * size, rest))
        return places
