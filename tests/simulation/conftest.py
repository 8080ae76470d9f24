"""A world of its own time: whole tunnels over a bad network, without a socket and without sleeping.

Each host is a real `Interface` over the real core of a plane. Everything random comes from one
seed, so a test that fails fails again.
"""

import heapq
import itertools
import random
from collections import Counter
from dataclasses import dataclass, field

import pytest

from wiresnake.config.model import (
    BlockEnded,
    EndpointSet,
    IdentitySet,
    KeepaliveSet,
    PeerAdded,
    PeerRemoved,
    PrefixesAdded,
    RequestEnded,
)
from wiresnake.door.commands import Sockets
from wiresnake.door.path import Path
from wiresnake.plane.portable.core import Core
from wiresnake.protocol.interface import Interface
from wiresnake.protocol.messages import TRANSPORT_HEADER, MessageType
from wiresnake.values.addresses import Endpoint, Prefix
from wiresnake.values.instants import NEVER, Now
from wiresnake.values.keys import PrivateKey

START = 1000.0
WALL = 1_700_000_000_000_000_000
_PROTOCOL, _DESTINATION, _ICMP = 9, slice(16, 20), 1


@dataclass
class Weather:
    """What the network does to a datagram; ``delay`` in seconds is drawn for each copy."""

    loss: float = 0.0
    duplicate: float = 0.0
    delay: tuple[float, float] = (0.01, 0.01)


class Host:
    """One end: control, plane, clocks, and where it is at the moment."""

    def __init__(self, world, name, number):
        self.world = world
        self.name = name
        self.address = bytes([10, 0, 0, number])
        self.home = Endpoint(bytes([192, 0, 2, number]), 51820)
        self.key = PrivateKey.generate(world.random.randbytes(32))
        self.wall_offset = WALL - int(START * 1e9)
        self.knows = {}
        self.received = []
        self.looks = 0
        self.attention = 1.0
        self.start()

    @property
    def now(self):
        return Now(self.world.time, self.wall_offset + int(self.world.time * 1e9))

    def start(self):
        """Begin with nothing in memory; what was configured is configured again."""
        self.interface = Interface(self.world.random.randbytes)
        self.core = self.world.make_core(self.world.random.randbytes)
        self.up = False
        self.reconfigure(IdentitySet(self.key))
        for other, (endpoint, keepalive) in self.knows.items():
            self._add(other, other.key.public, endpoint, keepalive)
        self.link(True)

    def know(self, other, *, endpoint=True, keepalive=0):
        self.knows[other] = (endpoint, keepalive)
        self._add(other, other.key.public, endpoint, keepalive)

    def _add(self, other, public, endpoint, keepalive):
        edits = [PeerAdded(public, None, keepalive)]
        if endpoint:
            edits.append(EndpointSet(public, other.home))
        edits.append(PrefixesAdded(public, (Prefix.of(other.address, 32),)))
        self.reconfigure(*edits, BlockEnded(public), RequestEnded())

    def rename(self, other, old_public):
        """Learn that ``other`` has another key."""
        self.reconfigure(PeerRemoved(old_public))
        self._add(other, other.key.public, *self.knows[other])

    def new_key(self):
        old, self.key = self.key, PrivateKey.generate(self.world.random.randbytes(32))
        self.reconfigure(IdentitySet(self.key))
        return old.public

    def keep_alive(self, other, seconds):
        self.reconfigure(KeepaliveSet(other.key.public, seconds))

    def link(self, up):
        self.up = up
        commands = self.interface.link(up, self.now)
        if up:
            self.apply([Sockets(1, 1), *commands])
        else:
            self.apply([*commands, Sockets(None, None)])

    def sleep(self, seconds):
        """Be away: nothing is heard or done, while the clocks go on."""
        self.world.asleep[self] = self.world.time + seconds
        self.world.at(self.world.time + seconds, self._wake)

    def _wake(self):
        del self.world.asleep[self]
        self.apply(self.interface.resumed(self.now))

    def reconfigure(self, *edits):
        self.apply(self.interface.reconfigure(edits, self.now))

    def apply(self, commands):
        self.core.apply(commands, self.world.time)
        self.settle()

    def settle(self):
        """Do as the runtime: hear the plane, unless control is busy, and let out what was made."""
        if self.attention == 1.0 or self.world.random.random() < self.attention:
            self.listen()
        self.let_out()

    def listen(self):
        """Drain until nothing is left."""
        for _ in range(10_000):
            notices = self.core.drain()
            if not notices:
                break
            for notice in notices:
                self.core.apply(self.interface.notice(notice, self.now), self.world.time)
        else:
            raise AssertionError("notices without end")

    def let_out(self):
        """Take from the plane what is for the network and for the host."""
        for way, datagram, _ in self.core.take_sent():
            self.world.carry(self, way.endpoint, datagram)
        for packet in self.core.take_packets():
            self.received.append((self.world.time, packet))
            self.world.delivered(self, packet)

    def look(self):
        self.listen()
        self.let_out()
        due = self.interface.due(self.now)
        if due:
            self.looks += len(due)
            self.apply(self.interface.expire(self.now, self.core.observe(due)))

    def deadline(self):
        at = self.interface.deadline()
        return NEVER if at is None else at

    def hear(self, datagram, source):
        path = Path(source, b"", 0, self.world.time)
        self.core.outer(datagram, path, self.world.time)
        self.settle()

    def send(self, other, size=64):
        """Send a packet like no other; return it."""
        packet = self.world.packet(self, other, size)
        self.core.inner(packet, self.world.time)
        self.settle()
        return packet

    def send_every(self, seconds, other, until=NEVER):
        def again():
            if self.world.time <= until:
                if self not in self.world.asleep and self.up:
                    self.send(other)
                self.world.at(self.world.time + seconds, again)

        self.world.at(self.world.time, again)

    def has_received(self, packet):
        return lambda: any(packet == each for _, each in self.received)

    def received_since(self, instant):
        return lambda: any(at > instant for at, _ in self.received)


@dataclass(order=True)
class Event:
    at: float
    order: int
    act: object = field(compare=False)


class World:
    """Hosts, what flies between them, and the time. It checks at every step what must never be."""

    def __init__(self, seed, make_core=Core):
        self.make_core = make_core
        self.random = random.Random(seed)
        self.time = START
        self.weather = Weather()
        self.hosts = []
        self.asleep = {}
        self.sent = {}
        self.flown = set()
        self._events = []
        self._order = itertools.count()
        self._serial = itertools.count(1)

    def host(self, name):
        host = Host(self, name, len(self.hosts) + 1)
        self.hosts.append(host)
        return host

    def tunnel(self, **weather):
        """Two hosts that know each other, and the weather between them."""
        alice, bob = self.host("alice"), self.host("bob")
        alice.know(bob)
        bob.know(alice)
        self.weather = Weather(**weather)
        return alice, bob

    def at(self, instant, act):
        heapq.heappush(self._events, Event(instant, next(self._order), act))

    # The network

    def carry(self, sender, destination, datagram):
        self._check_counter(sender, datagram)
        if self.random.random() < self.weather.loss:
            return
        copies = 2 if self.random.random() < self.weather.duplicate else 1
        source = sender.home
        for _ in range(copies):
            delay = self.random.uniform(*self.weather.delay)
            self.at(self.time + delay, lambda: self._arrive(destination, datagram, source))

    def _arrive(self, destination, datagram, source):
        for host in self.hosts:
            if host.home == destination and host not in self.asleep:
                host.hear(datagram, source)

    # What must never be

    def _check_counter(self, sender, datagram):
        kind, receiver, counter = TRANSPORT_HEADER.unpack_from(datagram.ljust(16, b"\0"))
        if kind == MessageType.TRANSPORT:
            name = (sender.name, receiver, counter)
            assert name not in self.flown, f"{sender.name} used counter {counter} twice"
            self.flown.add(name)

    def packet(self, sender, other, size):
        serial = next(self._serial)
        body = serial.to_bytes(8) + random.Random(serial).randbytes(size - 28)
        header = bytes([0x45, 0]) + size.to_bytes(2) + bytes(8) + sender.address + other.address
        packet = header + body
        self.sent[packet] = self.time, other
        return packet

    def delivered(self, host, packet):
        if packet[_PROTOCOL] == _ICMP and packet[_DESTINATION] == host.address:
            return  # the host's own plane says that there is no way
        assert packet in self.sent, f"{host.name} got a packet that nobody sent, or twice"
        _, receiver = self.sent.pop(packet)
        assert receiver is host, f"{host.name} got another's packet"

    # Time

    def run_until(self, happened=lambda: False, *, limit):
        """Let time pass until something happened; say how long it took, or fail after ``limit``."""
        begun, end = self.time, self.time + limit
        while not happened():
            soonest = min([host.deadline() for host in self._awake()], default=NEVER)
            if self._events:
                soonest = min(soonest, self._events[0].at)
            if soonest > end:
                self.time = end
                if happened():
                    break
                raise AssertionError(f"it did not happen within {limit} s")
            self.time = max(self.time, soonest)
            self._step()
        return self.time - begun

    def run_for(self, seconds):
        end = self.time + seconds
        self.at(end, lambda: None)
        self.run_until(lambda: self.time >= end, limit=seconds)

    def _step(self):
        while self._events and self._events[0].at <= self.time:
            heapq.heappop(self._events).act()
        for host in self._awake():
            host.look()

    def _awake(self):
        return [host for host in self.hosts if host not in self.asleep]

    def calm(self):
        """Let the weather be fair, and what flies arrive."""
        self.weather = Weather()
        self.run_for(4)

    def assert_it_carries(self, sender, receiver, limit):
        """Send a packet a second; one sent from here on arrives within ``limit`` seconds."""
        begun = self.time
        end = self.time + limit
        sender.send_every(1.0, receiver, until=end)
        return self.run_until(receiver.received_since(begun), limit=limit)

    def counts(self):
        total = Counter()
        for host in self.hosts:
            total.update(host.interface.counters)
        return total


@pytest.fixture(params=["portable", pytest.param("native", marks=pytest.mark.native)])
def world_of(request):
    """Make a world of a seed: ``world_of(7)``."""
    if request.param == "native":
        from wiresnake.plane.stepped import NativeCore

        return lambda seed: World(seed, NativeCore)
    return World
