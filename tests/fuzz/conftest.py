"""A tunnel that stands, and whoever shakes it."""

import random
import struct

import pytest

from wiresnake.config.model import (
    BlockEnded,
    Edit,
    EndpointSet,
    IdentitySet,
    PeerAdded,
    PrefixesAdded,
    RequestEnded,
)
from wiresnake.door.commands import AnyCommand, Install, Session, Sockets
from wiresnake.door.path import Path
from wiresnake.plane.portable.core import Core
from wiresnake.protocol.interface import Interface
from wiresnake.protocol.messages import TRANSPORT_HEADER, MessageType
from wiresnake.protocol.primitives import aead_seal
from wiresnake.values.addresses import Endpoint, Prefix
from wiresnake.values.instants import Now
from wiresnake.values.keys import PrivateKey

WALL = 1_700_000_000_000_000_000


class End:
    """Control and plane of one end, and every datagram it ever sent."""

    def __init__(self, number: int) -> None:
        self.random = random.Random(number)
        self.key = PrivateKey.generate(self.random.randbytes(32))
        self.home = Endpoint(bytes([192, 0, 2, number]), 51820)
        self.prefixes = (
            Prefix.of(bytes([10, 0, number, 0]), 24),
            Prefix.of(bytes.fromhex("20010db8") + bytes([number]) + bytes(11), 40),
        )
        self.interface = Interface(self.random.randbytes)
        self.core = Core(self.random.randbytes)
        self.sessions: list[Session] = []
        self.sent: list[bytes] = []
        self.received: list[bytes] = []
        self.counter = 1 << 32
        self.now = Now(1000.0, WALL)
        self.apply(self.interface.reconfigure([IdentitySet(self.key)], self.now))
        self.apply([Sockets(1, 1), *self.interface.link(True, self.now)])

    def know(self, other: "End") -> None:
        public = other.key.public
        edits: list[Edit] = [
            PeerAdded(public, None, 0),
            EndpointSet(public, other.home),
            PrefixesAdded(public, other.prefixes),
            BlockEnded(public),
            RequestEnded(),
        ]
        self.apply(self.interface.reconfigure(edits, self.now))

    def apply(self, commands: list[AnyCommand]) -> None:
        self.sessions += [each.session for each in commands if isinstance(each, Install)]
        self.core.apply(commands, self.now.boottime)

    def settle(self) -> list[bytes]:
        """Carry out all that follows, keep what comes in, return what goes out."""
        for _ in range(100):
            notices = self.core.drain()
            if not notices:
                break
            for notice in notices:
                self.apply(self.interface.notice(notice, self.now))
        else:
            pytest.fail("notices without end")
        out = [datagram for _, datagram in self.core.take_datagrams()]
        self.sent += out
        self.received += self.core.take_packets()
        return out

    def hear(self, datagram: bytes, source: Endpoint) -> list[bytes]:
        path = Path(source, b"", 0, self.now.boottime)
        self.core.outer(datagram, path, self.now.boottime, tos=3)
        return self.settle()

    def send(self, packet: bytes) -> list[bytes]:
        self.core.inner(packet, self.now.boottime)
        return self.settle()

    def seal(self, plain: bytes) -> bytes:
        """Make a transport message of any plaintext under the newest session."""
        session = self.sessions[-1]
        self.counter += 1
        header = TRANSPORT_HEADER.pack(MessageType.TRANSPORT, session.remote_index, self.counter)
        return header + aead_seal(session.send_key, self.counter, plain, b"")


def packet_v4(source: bytes, destination: bytes, body: bytes) -> bytes:
    return (
        struct.pack("!BBHHHBBH", 0x45, 2, 20 + len(body), 1, 0, 64, 17, 0)
        + source
        + destination
        + body
    )


def packet_v6(source: bytes, destination: bytes, body: bytes) -> bytes:
    return struct.pack("!IHBB", 0x60200000, len(body), 17, 64) + source + destination + body


class Tunnel:
    """Alice, whose every key is known, and Bob, who must not be harmed by her."""

    def __init__(self) -> None:
        self.alice, self.bob = End(1), End(2)
        self.alice.know(self.bob)
        self.bob.know(self.alice)
        a4, a6 = (prefix.network for prefix in self.alice.prefixes)
        b4, b6 = (prefix.network for prefix in self.bob.prefixes)
        body = struct.pack("!HHHH", 7, 7, 12, 0) + b"ping"
        self.packets = [packet_v4(a4, b4, body), packet_v6(a6, b6, body)]
        self.exchange(self.packets[0])
        assert len(self.bob.received) == 1
        self.datagrams = [*self.alice.sent, *self.bob.sent]

    def exchange(self, packet: bytes) -> None:
        """Send a packet from Alice to Bob, with whatever that needs."""
        flying = [(self.bob, self.alice, each) for each in self.alice.send(packet)]
        while flying:
            there, here, datagram = flying.pop(0)
            flying += [(here, there, each) for each in there.hear(datagram, here.home)]


@pytest.fixture(scope="module")
def tunnel() -> Tunnel:
    return Tunnel()
