"""The core driven step by step, with virtual time and no descriptor: for tests and simulation."""

from collections.abc import Callable, Sequence

from wiresnake.door.commands import AnyCommand, PeerNumber
from wiresnake.door.notices import AnyNotice
from wiresnake.door.path import Path
from wiresnake.door.snapshots import Observed
from wiresnake.plane.portable.engine import Engine
from wiresnake.plane.portable.transport import Buffer
from wiresnake.plane.portable.ways import Way
from wiresnake.values.addresses import Endpoint
from wiresnake.values.instants import Instant


class _Collector:
    """A wire and a sink that only remember; up while it was given a descriptor, any number."""

    def __init__(self) -> None:
        self.is_up = False
        self.sent: list[tuple[Way, bytes, int]] = []
        self.delivered: list[bytes] = []

    def replace(self, v4: int | None, v6: int | None) -> None:
        self.is_up = v4 is not None or v6 is not None

    def send(self, way: Way, datagrams: Buffer, segment: int, tos: int) -> int:
        if not self.is_up:
            return 0
        train = bytes(datagrams)
        self.sent.extend(
            (way, train[offset : offset + segment], tos) for offset in range(0, len(train), segment)
        )
        return len(train)

    def deliver(self, packets: Sequence[Buffer]) -> None:
        self.delivered.extend(bytes(packet) for packet in packets)


class Core:
    """The very core the shell runs, with what it sends and delivers left to be taken.

    It is up after a `Sockets` command with any number as descriptor; nothing is opened or closed.
    """

    def __init__(self, random: Callable[[int], bytes]) -> None:
        self._ends = _Collector()
        self._engine = Engine(self._ends, self._ends, random)

    def apply(self, commands: Sequence[AnyCommand], now: Instant) -> None:
        """Carry out a batch. Raises RejectedBatch, and then nothing happened."""
        self._engine.apply(commands, now)

    def drain(self) -> list[AnyNotice]:
        """Return the notices since the last drain, edges first, at most 64 handshakes."""
        return self._engine.drain()

    @property
    def has_notices(self) -> bool:
        """Whether a drain is due."""
        return self._engine.has_notices

    def observe(self, peers: Sequence[PeerNumber]) -> list[Observed]:
        """Return snapshots of these peers; unknown ones are left out."""
        return self._engine.observe(peers)

    def counters(self) -> dict[str, int]:
        """Return every counter and depth."""
        return self._engine.counters()

    def inner(self, packet: bytes, now: Instant) -> None:
        """Take a packet from the inner side."""
        self._engine.inside.send([packet], now)
        self._engine.inside.flush(now)

    def outer(self, datagram: bytes, path: Path, now: Instant, tos: int = 0) -> None:
        """Take a datagram from the network; it arrives ``now``, whatever ``path.at`` says."""
        if self._ends.is_up and datagram:
            inbound = self._engine.inbound
            inbound.buffer[: len(datagram)] = datagram
            inbound.receive_untrusted(len(datagram), len(datagram), Way.along(path), tos, now)

    def take_datagrams(self) -> list[tuple[Endpoint, bytes]]:
        """Return what was sent since the last call: where to, and the datagram."""
        return [(way.endpoint, datagram) for way, datagram, _ in self.take_sent()]

    def take_sent(self) -> list[tuple[Way, bytes, int]]:
        """As `take_datagrams`, with the whole way and the traffic class."""
        sent, self._ends.sent = self._ends.sent, []
        return sent

    def take_packets(self) -> list[bytes]:
        """Return the packets delivered inward since the last call."""
        delivered, self._ends.delivered = self._ends.delivered, []
        return delivered
