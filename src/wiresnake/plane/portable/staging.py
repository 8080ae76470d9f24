"""Packets that wait for a session: 128 for each peer, 64 MiB for all, the oldest dropped first."""

from collections import OrderedDict, deque
from typing import Final

from wiresnake.plane.portable.peers import Peer
from wiresnake.protocol.constants import MAX_STAGED_PACKETS

MAX_STAGED_BYTES: Final = 64 << 20
BOOKKEEPING: Final = 256
"""Bytes charged for a packet beside its own, so that tiny packets are bounded in memory too."""


class Stage:
    """The staged packets of all peers, in the order in which they came.

    An empty packet is a keepalive that waits. A peer that loses its last packet to others may ask
    for a session again.
    """

    __slots__ = ("_bytes", "_packets", "_serial", "max_bytes")

    def __init__(self, max_bytes: int = MAX_STAGED_BYTES) -> None:
        self.max_bytes = max_bytes
        self._bytes = 0
        self._serial = 0
        self._packets: OrderedDict[int, tuple[Peer, bytes]] = OrderedDict()

    def add(self, peer: Peer, packet: bytes) -> int:
        """Let a packet wait; return how many others had to give way."""
        if peer.staged is None:
            peer.staged = deque()
        dropped = 0
        while len(peer.staged) >= MAX_STAGED_PACKETS:
            self._remove(peer.staged.popleft())
            dropped += 1
        self._packets[self._serial] = (peer, packet)
        peer.staged.append(self._serial)
        self._serial += 1
        self._bytes += len(packet) + BOOKKEEPING
        while self._bytes > self.max_bytes:
            self._drop_oldest()
            dropped += 1
        return dropped

    def take(self, peer: Peer) -> list[bytes]:
        """Return the peer's packets, oldest first; none of them waits any longer."""
        if peer.staged is None:
            return []
        packets = [self._remove(serial) for serial in peer.staged]
        peer.staged = None
        return packets

    def _drop_oldest(self) -> None:
        serial = next(iter(self._packets))
        owner = self._packets[serial][0]
        assert owner.staged is not None
        assert owner.staged[0] == serial
        owner.staged.popleft()
        if not owner.staged:
            owner.staged = None
            owner.asked = False
        self._remove(serial)

    def _remove(self, serial: int) -> bytes:
        _, packet = self._packets.pop(serial)
        self._bytes -= len(packet) + BOOKKEEPING
        return packet

    @property
    def depth_bytes(self) -> int:
        """Bytes that wait, bookkeeping included."""
        return self._bytes

    def __len__(self) -> int:
        return len(self._packets)
