"""A plane between two socket ends: the host inside, and far peers on the loopback network.

The tests never name a plane. Both ends are sockets of the test, so a test says what crosses them.
"""

import os
import select
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from wiresnake.door.commands import (
    Add,
    AnyCommand,
    Identity,
    Install,
    Route,
    Session,
    SetEndpoint,
    Sockets,
)
from wiresnake.door.notices import AnyNotice
from wiresnake.door.path import Path
from wiresnake.door.snapshots import Observed
from wiresnake.host.clock import boottime
from wiresnake.host.udp import UdpPair, open_pair
from wiresnake.plane.choose import open_plane
from wiresnake.plane.contract import DataPlane, Inner
from wiresnake.plane.portable.plane import PortablePlane
from wiresnake.protocol.constants import REJECT_AFTER_TIME, REKEY_AFTER_TIME
from wiresnake.protocol.messages import TRANSPORT_HEADER
from wiresnake.protocol.primitives import aead_open, aead_seal
from wiresnake.values.addresses import Endpoint, Prefix, pack_address
from wiresnake.values.instants import NEVER

PLANES: dict[str, Callable[[Inner], DataPlane]] = {
    "portable": PortablePlane,
    "process": lambda inner: open_plane("portable", inner),
    "native": lambda inner: open_plane("native", inner),
}
LIMIT = 5.0
LOOPBACK = {4: "127.0.0.1", 6: "::1"}
INSIDE = {4: "10.0.0.1", 6: "fd00::1"}
FAR = {4: "10.0.0.2", 6: "fd00::2"}


def ip_packet(source: str, destination: str, payload: bytes = b"payload", tos: int = 0) -> bytes:
    """Return an IP packet of protocol 253 (for experiments), its header sum not computed."""
    if ":" in source:
        head = (6 << 28 | tos << 20).to_bytes(4) + len(payload).to_bytes(2) + bytes((253, 64))
        return head + pack_address(source) + pack_address(destination) + payload
    total = 20 + len(payload)
    head = bytes((0x45, tos)) + total.to_bytes(2) + bytes((0, 0, 0, 0, 64, 253, 0, 0))
    return head + pack_address(source) + pack_address(destination) + payload


@dataclass
class FarSession:
    """One session as its far end holds it."""

    ours: Session
    counter: int = 0

    def seal(self, packet: bytes, counter: int | None = None) -> bytes:
        """Return a transport message with a packet, padded as a peer may."""
        if counter is None:
            counter = self.counter
            self.counter += 1
        padded = packet + bytes(-len(packet) % 16)
        sealed = aead_seal(self.ours.receive_key, counter, padded, b"")
        return TRANSPORT_HEADER.pack(4, self.ours.local_index, counter) + sealed

    def open(self, datagram: bytes) -> tuple[int, bytes]:
        """Return the counter and the padded packet of a transport message."""
        kind, receiver, counter = TRANSPORT_HEADER.unpack_from(datagram)
        assert (kind, receiver) == (4, self.ours.remote_index)
        return counter, aead_open(self.ours.send_key, counter, datagram[16:], b"")


class Far:
    """A far peer: number ``peer`` in the plane, at a loopback socket of its own."""

    def __init__(self, world: "World", peer: int, family: int = 4) -> None:
        self.world = world
        self.peer = peer
        self.family = family
        self.socket = world.far_socket(family)

    @property
    def endpoint(self) -> Endpoint:
        host, port = self.socket.getsockname()[:2]
        return Endpoint(pack_address(host), port)

    def send(self, datagram: bytes, via: socket.socket | None = None) -> None:
        """Send to the plane, from this peer's socket or another one."""
        address = (LOOPBACK[self.family], self.world.pair.port)
        (via or self.socket).sendto(datagram, address)
        self.world.calm()

    def receive(self) -> bytes:
        """Return the next datagram, which is waited for."""
        self.world.until(lambda: bool(select.select([self.socket], [], [], 0)[0]))
        return self.socket.recv(65536)

    def receive_with_class(self) -> tuple[bytes, int]:
        """Return the next datagram, which is waited for, and its traffic class."""
        self.world.until(lambda: bool(select.select([self.socket], [], [], 0)[0]))
        datagram, [(_, _, told)], _, _ = self.socket.recvmsg(65536, 64)
        return datagram, told[0]

    def received(self) -> list[bytes]:
        """Return all datagrams that have come."""
        self.world.calm()
        datagrams = []
        while select.select([self.socket], [], [], 0)[0]:
            datagrams.append(self.socket.recv(65536))
        return datagrams


class World:
    """A plane and all that surrounds it."""

    def __init__(self, make: Callable[[Inner], DataPlane], closing: list[Callable[[], None]]):
        self.closing = closing
        self.host, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.theirs.setblocking(False)
        self.host.setblocking(False)
        closing += [self.host.close, self.theirs.close]
        self.plane = make(Inner(self.theirs.fileno()))
        closing.append(self.plane.close)
        self.pair = self.open_pair()
        self._index = 1000

    def open_pair(self) -> UdpPair:
        pair = open_pair(0, 0)
        self.closing.append(pair.close)
        return pair

    def far_socket(self, family: int = 4) -> socket.socket:
        one = socket.socket(socket.AF_INET6 if family == 6 else socket.AF_INET, socket.SOCK_DGRAM)
        one.bind((LOOPBACK[family], 0))
        if family == 6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVTCLASS, 1)
        else:
            one.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
        self.closing.append(one.close)
        return one

    def sockets(self, pair: UdpPair | None = None) -> Sockets:
        """Return the command that hands over duplicates of a pair's descriptors."""
        pair = pair or self.pair
        v4 = os.dup(pair.v4.fileno()) if pair.v4 else None
        v6 = os.dup(pair.v6.fileno()) if pair.v6 else None
        return Sockets(v4, v6)

    def apply(self, *commands: AnyCommand) -> None:
        self.plane.apply(commands)
        self.calm()

    def add(self, peer: int = 1, family: int = 4, *, located: bool = True) -> Far:
        """Add a far peer that owns one inner address of each family."""
        far = Far(self, peer, family)
        prefixes = tuple(
            Prefix.parse(FAR[each] if peer == 1 else f"{FAR[each]}{peer}") for each in (4, 6)
        )
        self.apply(Add(peer), Route(peer, prefixes))
        if located:
            self.apply(SetEndpoint(peer, far.endpoint))
        return far

    def up(self, public: bytes | None = None) -> None:
        self.apply(self.sockets(), Identity(public))

    def session(self, *, initiator: bool = True, age: float = 0.0, **changes: object) -> FarSession:
        """Return a new session, ``age`` seconds old."""
        self._index += 2
        born = boottime() - age
        fields: dict[str, object] = {
            "local_index": self._index,
            "remote_index": self._index + 1,
            "send_key": os.urandom(32),
            "receive_key": os.urandom(32),
            "initiator": initiator,
            "born": born,
            "renew_on_send_at": born + REKEY_AFTER_TIME if initiator else NEVER,
            "renew_on_receive_at": born + 165.0 if initiator else NEVER,
            "dies_at": born + REJECT_AFTER_TIME,
        }
        return FarSession(Session(**{**fields, **changes}))  # type: ignore[arg-type]

    def install(self, far: Far, **options: object) -> FarSession:
        """Install a new session; the keepalive an initiator sends at once is taken away."""
        session = self.session(**options)  # type: ignore[arg-type]
        self.apply(Install(far.peer, session.ours))
        return session

    def ready(self, **options: object) -> tuple[Far, FarSession]:
        """Bring the plane up with one peer and a session that has said its first word."""
        self.up()
        far = self.add()
        session = self.install(far, **options)
        far.received()
        self.notices()
        return far, session

    def put(self, packet: bytes) -> None:
        """Hand a packet to the inner side, which takes a few before the plane must read."""
        while True:
            try:
                self.host.send(packet)
            except BlockingIOError:
                self.calm()
            else:
                return

    def send_inside(self, *packets: bytes) -> None:
        for packet in packets:
            self.put(packet)
        self.calm()

    def delivered(self) -> list[bytes]:
        """Return the packets that have come out at the inner side."""
        self.calm()
        packets = []
        while select.select([self.host], [], [], 0)[0]:
            packets.append(self.host.recv(65536))
        return packets

    def notices(self) -> list[AnyNotice]:
        self.calm()
        return self.plane.drain()

    def observe(self, peer: int = 1) -> Observed:
        [observed] = self.plane.observe([peer])
        return observed

    def count(self, counter: str) -> int:
        self.calm()
        return self.plane.counters()[counter]

    def path_from(self, far: Far, at: float | None = None) -> Path:
        local = pack_address(LOOPBACK[far.family])
        return Path(far.endpoint, local, 0, boottime() if at is None else at)

    def calm(self) -> None:
        """Return when all that was given to the plane before has been dealt with."""
        step = getattr(self.plane, "step", None)
        if step is None:
            # A plane that runs by itself has read what its ends, which are ours too, hold no
            # longer. It answers when it has dealt with that, or says that threads are at it.
            while select.select(self._ends(), [], [], 0)[0] or self._threads_at_work():
                self.plane.counters()
            return
        while step(0.0):
            pass

    def _threads_at_work(self) -> int:
        return self.plane.counters().get("threads_at_work", 0)

    def _ends(self) -> list[socket.socket]:
        return [self.theirs, *self.pair.sockets()]

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something to come true."""
        deadline = time.monotonic() + LIMIT
        while not condition():
            assert time.monotonic() < deadline, "waited in vain"
            self.calm()


@pytest.fixture(params=["portable", "process", pytest.param("native", marks=pytest.mark.native)])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """Give a plane that is down and knows nobody."""
    closing: list[Callable[[], None]] = []
    try:
        yield World(PLANES[request.param], closing)
    finally:
        for close in reversed(closing):
            close()


@pytest.fixture
def packet() -> Callable[..., bytes]:
    """Make an IP packet: ``packet(source, destination, payload, tos)``."""
    return ip_packet


@pytest.fixture
def outward() -> bytes:
    """Give a packet from this host to the inner address of peer 1."""
    return ip_packet(INSIDE[4], FAR[4])


@pytest.fixture
def inward() -> bytes:
    """Give a packet from the inner address of peer 1 to this host."""
    return ip_packet(FAR[4], INSIDE[4])
