"""Two ends of a tunnel without packets: each a real `Interface` over a plane of stamps alone.

Messages are carried by hand, so a test says exactly what arrives when.
"""

import random
from collections import defaultdict
from dataclasses import dataclass, field

import pytest

from wiresnake.config.model import (
    BlockEnded,
    EndpointSet,
    IdentitySet,
    PeerAdded,
    RequestEnded,
)
from wiresnake.door import commands as c
from wiresnake.door.notices import SessionConfirmed, SessionWanted, TrafficWoke, Why
from wiresnake.door.path import Path
from wiresnake.door.snapshots import Observed
from wiresnake.protocol.interface import Interface
from wiresnake.values.addresses import Endpoint
from wiresnake.values.instants import NEVER, Now
from wiresnake.values.keys import PrivateKey

START = 1000.0
WALL = 1_700_000_000_000_000_000


@dataclass
class Clock:
    boottime: float = START
    wall_offset: int = WALL - int(START * 1e9)

    @property
    def now(self):
        return Now(self.boottime, self.wall_offset + int(self.boottime * 1e9))


@dataclass
class PlanePeer:
    """The stamps of one peer, as HOUSE 2 defines them."""

    activity: int = 0
    unanswered: float | None = None
    unacknowledged: float | None = None
    more: bool = False
    sent: float | None = None
    received: float | None = None
    staged_at: float | None = None
    staged: list = field(default_factory=list)  # True for each data packet, False for an empty one
    resting: bool = True
    endpoint: Endpoint | None = None
    current: c.Session | None = None
    next: c.Session | None = None

    def stamp_sent(self, now):
        self.sent = now
        self.unacknowledged = None
        self.more = False

    def stamp_received(self, now):
        self.received = now
        self.unanswered = None


class StampPlane:
    """A plane that carries no packet, but stamps and asks as one that did."""

    def __init__(self, clock):
        self.clock = clock
        self.peers = {}
        self.expected = set()
        self.notices = []
        self.handshakes = []
        self.keepalives = defaultdict(list)

    def observe(self, numbers):
        return [
            Observed(
                number,
                peer.activity,
                peer.unanswered,
                peer.unacknowledged,
                peer.more,
                peer.sent,
                peer.received,
                peer.staged_at,
                0,
                0,
                peer.endpoint,
            )
            for number in numbers
            for peer in [self.peers[number]]
        ]

    def apply(self, commands):
        for command in commands:
            match command:
                case c.Add(peer):
                    self.peers[peer] = PlanePeer()
                case c.Forget(peer):
                    del self.peers[peer]
                case c.Expect(index):
                    self.expected.add(index)
                case c.Unexpect(index):
                    self.expected.remove(index)
                case _ if getattr(command, "peer", None) is not None:
                    self._talk(self.peers[command.peer], command)
                    self._hold(self.peers[command.peer], command)

    def _talk(self, peer, command):
        now = self.clock.boottime
        match command:
            case c.SetEndpoint(_, endpoint):
                peer.endpoint = endpoint
            case c.Follow(_, path, _):
                peer.endpoint = path.source
                peer.stamp_received(now)
            case c.Send(_, datagram, path):
                peer.stamp_sent(now)
                self.handshakes.append((now, command.peer, datagram, path))
            case c.Keepalive(_, rearm):
                peer.staged = peer.staged or [False]
                self.flush(command.peer)
                if rearm:
                    peer.unacknowledged = now
            case c.Flush() if peer.staged:
                self.flush(command.peer)

    def _hold(self, peer, command):
        match command:
            case c.Abandon():
                peer.staged = []
            case c.Install(_, session) if session.initiator:
                peer.current, peer.next = session, None
                if peer.staged:
                    self.flush(command.peer)
                else:
                    self._empty(command.peer)
            case c.Install(_, session):
                peer.next = session
            case c.DropSessions():
                self.peers[command.peer] = PlanePeer(
                    endpoint=peer.endpoint, activity=peer.activity, resting=peer.resting
                )
            case c.EraseSessions() | c.StopSending():
                peer.current = peer.next = None
            case c.Rest(_, seen):
                peer.resting = seen == peer.activity
                if not peer.resting:
                    self.notices.append(TrafficWoke(command.peer))

    def usable(self, peer):
        return peer.current is not None and self.clock.boottime < peer.current.dies_at

    def flush(self, number):
        peer = self.peers[number]
        if not self.usable(peer):
            self._want(number)
            return
        staged, peer.staged = peer.staged, []
        for data in staged:
            self.send_data(number) if data else self._empty(number)

    def send_data(self, number=1):
        peer = self.peers[number]
        if not self.usable(peer):
            peer.staged.append(True)
            self._want(number)
            return
        peer.stamp_sent(self.clock.boottime)
        if peer.unanswered is None:
            peer.unanswered = self.clock.boottime
        self._moved(number)

    def receive_data(self, number=1):
        peer = self.peers[number]
        self.receive_empty(number)
        if peer.unacknowledged is None:
            peer.unacknowledged = self.clock.boottime
        else:
            peer.more = True
        self._moved(number)

    def receive_empty(self, number=1):
        peer = self.peers[number]
        peer.stamp_received(self.clock.boottime)
        if peer.next is not None:
            peer.current, peer.next = peer.next, None
            at = self.clock.boottime
            self.notices.append(SessionConfirmed(number, peer.current.local_index, at))
            if peer.staged:
                self.flush(number)

    def _empty(self, number):
        self.peers[number].stamp_sent(self.clock.boottime)
        self.keepalives[number].append(self.clock.boottime)

    def _want(self, number):
        self.peers[number].staged_at = self.clock.boottime
        self.notices.append(SessionWanted(number, Why.STAGED))

    def _moved(self, number):
        peer = self.peers[number]
        peer.activity += 1
        if peer.resting:
            peer.resting = False
            self.notices.append(TrafficWoke(number))


@dataclass
class End:
    """One end: verbs in, commands out and applied; ``log`` has each with its instant."""

    name: str
    clock: Clock
    key: PrivateKey
    random: random.Random
    home: Endpoint
    log: list = field(default_factory=list)
    key_log: object = None

    def __post_init__(self):
        self.interface = Interface(self.random.randbytes, self.key_log)
        self.plane = StampPlane(self.clock)

    def carry_out(self, commands):
        self.log += [(self.clock.boottime, command) for command in commands]
        self.plane.apply(commands)
        return commands

    def reconfigure(self, *edits):
        return self.carry_out(self.interface.reconfigure(edits, self.clock.now))

    def know(self, other, keepalive=0, preshared=None, endpoint=True):
        public = other.key.public
        edits = [PeerAdded(public, preshared, keepalive)]
        if endpoint:
            edits.append(EndpointSet(public, other.home))
        return self.reconfigure(*edits, BlockEnded(public), RequestEnded())

    def link(self, up):
        return self.carry_out(self.interface.link(up, self.clock.now))

    def notice(self, notice):
        return self.carry_out(self.interface.notice(notice, self.clock.now))

    def settle(self):
        """Hand on notices until there are none."""
        while self.plane.notices:
            notices, self.plane.notices = self.plane.notices, []
            for notice in notices:
                self.notice(notice)

    def look(self):
        """Do what is due now, as the runtime does: drain, observe, expire."""
        self.settle()
        seen = self.plane.observe(self.interface.due(self.clock.now))
        self.carry_out(self.interface.expire(self.clock.now, seen))
        self.settle()

    def deadline(self):
        at = self.interface.deadline()
        return NEVER if at is None else at

    def receive(self, datagram, source=None, at=None):
        arrived = self.clock.boottime if at is None else at
        path = Path(source or Endpoint(b"\x0a\x00\x00\x09", 9), b"", 0, arrived)
        commands = self.carry_out(self.interface.receive(datagram, path, self.clock.now))
        self.settle()
        return commands

    def take_handshakes(self):
        taken, self.plane.handshakes = self.plane.handshakes, []
        return [datagram for _, _, datagram, _ in taken]

    def commands(self, kind, since=0.0):
        return [(at, command) for at, command in self.log if type(command) is kind and at >= since]

    def times(self, kind, since=0.0):
        return [at for at, _ in self.commands(kind, since)]

    def peer(self, number=1):
        return self.plane.peers[number]


class Ends:
    """Ends that share one clock, which jumps from deadline to deadline."""

    def __init__(self, seed=0):
        self.random = random.Random(seed)
        self.clock = Clock()
        self.all = []

    def end(self, name, *, up=True, key_log=None):
        host = bytes([192, 0, 2, len(self.all) + 1])
        key = PrivateKey.generate(self.random.randbytes(32))
        home = Endpoint(host, 51820)
        end = End(name, self.clock, key, self.random, home, key_log=key_log)
        end.reconfigure(IdentitySet(key))
        if up:
            end.link(True)
        self.all.append(end)
        return end

    def pair(self, **options):
        alice, bob = self.end("alice"), self.end("bob")
        alice.know(bob, **options)
        bob.know(alice)
        return alice, bob

    def run_until(self, instant):
        """Let time pass, every deadline met at its instant; nothing arrives meanwhile."""
        for end in self.all:
            end.settle()
        for _ in range(200_000):
            soonest = min(end.deadline() for end in self.all)
            if soonest > instant:
                self.clock.boottime = instant
                return
            self.clock.boottime = max(self.clock.boottime, soonest)
            for end in self.all:
                end.look()
        raise AssertionError("a deadline that is never met")

    def run_for(self, seconds):
        self.run_until(self.clock.boottime + seconds)

    def wait(self, seconds):
        """Let time pass and let no one look."""
        self.clock.boottime += seconds

    def shake_hands(self, initiator, responder):
        """Join the two: the initiator has a packet for the other."""
        initiator.plane.send_data()
        initiator.settle()
        (initiation,) = initiator.take_handshakes()
        responder.receive(initiation, initiator.home)
        (response,) = responder.take_handshakes()
        initiator.receive(response, responder.home)
        responder.plane.receive_data()
        responder.settle()


@pytest.fixture
def ends():
    return Ends()


@pytest.fixture
def ends_of():
    """Make ends of another seed: ``ends_of(7)``."""
    return Ends


@pytest.fixture
def joined(ends):
    """Alice and Bob with a fresh session, Alice its initiator, nothing unanswered."""
    alice, bob = ends.pair()
    ends.shake_hands(alice, bob)
    bob.plane.send_data()
    alice.plane.receive_data()
    for end in (alice, bob):
        end.settle()
        end.log.clear()
    return alice, bob
