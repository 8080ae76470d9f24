"""The native core driven by hand, with virtual time and no descriptor: for tests and simulation.

The same calls as `wiresnake.plane.portable.core.Core` has, so that one test drives both.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import msgspec

from wiresnake.door.commands import AnyCommand, PeerNumber
from wiresnake.door.notices import AnyNotice
from wiresnake.door.path import Path
from wiresnake.door.snapshots import Observed
from wiresnake.plane._native import Stepped
from wiresnake.plane.native import read_notices, read_snapshots, with_encoded
from wiresnake.values.addresses import Endpoint
from wiresnake.values.instants import Instant

_encoder: Final = msgspec.msgpack.Encoder()


class SentWay(NamedTuple):
    """The way a datagram was sent: where to, and from which local address."""

    endpoint: Endpoint
    local: bytes
    interface: int


_ways: Final = msgspec.msgpack.Decoder(SentWay)


class NativeCore:
    """The very core that the native plane's threads share.

    It is up after a `Sockets` command with any number as descriptor; nothing is opened or closed.
    """

    def __init__(self, random: Callable[[int], bytes]) -> None:
        self._core = Stepped(random)

    def apply(self, commands: Sequence[AnyCommand], now: Instant) -> None:
        """Carry out a batch. Raises RejectedBatch, and then nothing happened."""
        with_encoded(commands, lambda batch: self._core.apply(batch, now))

    def drain(self) -> list[AnyNotice]:
        """Return the notices since the last drain, edges first, at most 64 handshakes."""
        return read_notices(self._core.drain())

    @property
    def has_notices(self) -> bool:
        """Whether a drain is due."""
        return self._core.has_notices()

    def observe(self, peers: Sequence[PeerNumber]) -> list[Observed]:
        """Return snapshots of these peers; unknown ones are left out."""
        return read_snapshots(self._core.observe(_encoder.encode(list(peers))))

    def counters(self) -> dict[str, int]:
        """Return every counter and depth."""
        return self._core.counters()

    def inner(self, packet: bytes, now: Instant) -> None:
        """Take a packet from the inner side."""
        self._core.inner(packet, now)

    def outer(self, datagram: bytes, path: Path, now: Instant, tos: int = 0) -> None:
        """Take a datagram from the network; it arrives ``now``, whatever ``path.at`` says."""
        self._core.outer(datagram, _encoder.encode(path), now, tos)

    def take_datagrams(self) -> list[tuple[Endpoint, bytes]]:
        """Return what was sent since the last call: where to, and the datagram."""
        return [(way.endpoint, datagram) for way, datagram, _ in self.take_sent()]

    def take_sent(self) -> list[tuple[SentWay, bytes, int]]:
        """As `take_datagrams`, with the whole way and the traffic class."""
        sent = self._core.take_sent()
        return [(_ways.decode(way), datagram, tos) for way, datagram, tos in sent]

    def take_packets(self) -> list[bytes]:
        """Return the packets delivered inward since the last call."""
        return self._core.take_packets()
