"""A world without a kernel for a tunnel: every part remembers what it was asked."""

import asyncio
import errno
import itertools
import os
from dataclasses import dataclass, field

import pytest

from wiresnake.config.model import PeerAdded, PeerRemoved
from wiresnake.door.commands import Add, Forget
from wiresnake.door.snapshots import Observed
from wiresnake.host.links import LinkState
from wiresnake.plane.contract import PlaneLost
from wiresnake.tunnel.runtime import Tunnel
from wiresnake.tunnel.surroundings import Surroundings
from wiresnake.values.addresses import Endpoint
from wiresnake.values.instants import Now

LIMIT = 10


class Bell:
    """A descriptor that is readable while it rings."""

    def __init__(self):
        self._fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self.closed = False

    def fileno(self):
        return self._fd

    def ring(self):
        os.eventfd_write(self._fd, 1)

    def still(self):
        try:
            os.eventfd_read(self._fd)
        except BlockingIOError:
            return

    def close(self):
        assert not self.closed
        self.closed = True
        os.close(self._fd)


class FakeTimer(Bell):
    at = None

    def set(self, at):
        self.at = at

    clear = Bell.still


class FakeSleep(Bell):
    seconds = 0.0

    def slept(self):
        self.still()
        seconds, self.seconds = self.seconds, 0.0
        return seconds


class FakeLink(Bell):
    def __init__(self):
        super().__init__()
        self.now = LinkState(up=False, mtu=1420)
        self.events = []

    def tell(self, *events):
        self.events += events
        self.ring()

    def read(self):
        self.still()
        events, self.events = self.events, []
        return events

    def state(self):
        return self.now


class FakeSources:
    """Local addresses that serve, but those learned by the interfaces in ``lost``."""

    def __init__(self):
        self.lost = set()
        self.closed = False

    def serves(self, local, interface, destination, mark):
        assert local == bytes([192, 0, 2, interface % 256])
        assert (destination, mark) == (bytes(4), 0)
        return interface not in self.lost

    def close(self):
        self.closed = True


@dataclass
class FakeSocket:
    fd: int
    closed: bool = False

    def fileno(self):
        assert not self.closed
        return self.fd


class FakePair:
    def __init__(self, port, mark):
        self.port, self.mark = port, mark
        self._null = os.open(os.devnull, os.O_RDONLY)
        self.v4 = self.v6 = FakeSocket(self._null)
        self.closed = False

    def close(self):
        if not self.closed:
            self.closed = True
            os.close(self._null)


class FakePlane(Bell):
    """``batches`` holds what was applied; a batch with sockets notes which pairs were closed."""

    kind = "fake"

    def __init__(self, log):
        super().__init__()
        self.log = log
        self.batches = []
        self.notices = []
        self.lost = None
        self.observed = []

    def _check(self):
        if self.lost is not None:
            raise PlaneLost(self.lost)

    def apply(self, commands):
        self._check()
        self.batches.append(list(commands))
        for command in commands:
            self.log.append(("plane", command))
            for descriptor in (getattr(command, "v4", None), getattr(command, "v6", None)):
                if descriptor is not None:
                    os.close(descriptor)

    @property
    def commands(self):
        return list(itertools.chain.from_iterable(self.batches))

    def tell(self, *notices):
        self.notices += notices
        self.ring()

    def drain(self):
        self._check()
        self.still()
        self.log.append(("drain",))
        notices, self.notices = self.notices, []
        return notices

    def observe(self, peers):
        self._check()
        self.observed.append(list(peers))
        return [
            Observed(
                n,
                0,
                None,
                None,
                False,
                None,
                None,
                None,
                n,
                2 * n,
                Endpoint(bytes(4), n),
                local=bytes([192, 0, 2, n % 256]),
                interface=n,
            )
            for n in peers
        ]

    def counters(self):
        return {}


class FakeInterface:
    """Numbers peers from 1; ``answers`` says what a verb returns, ``calls`` what was called."""

    instance = None

    def __init__(self, random, key_log=None):
        type(self).instance = self
        self.key_log = key_log
        self.numbers = {}
        self.calls = []
        self.answers = {}
        self.deadline_is = None
        self.due_are = []
        self._next = itertools.count(1)

    def _verb(self, name, *arguments):
        self.calls.append((name, *arguments))
        return list(self.answers.get(name, []))

    def receive(self, datagram, path, now):
        return self._verb("receive", datagram)

    def notice(self, notice, now):
        return self._verb("notice", notice)

    def link(self, up, now):
        return self._verb("link", up)

    def resumed(self, now):
        return self._verb("resumed")

    def deadline(self):
        return self.deadline_is

    def due(self, now):
        return self.due_are

    def expire(self, now, seen):
        self.deadline_is = None
        return self._verb("expire", [each.peer for each in seen])

    def reconfigure(self, edits, now):
        edits = list(edits)
        self._verb("reconfigure", edits)
        commands = []
        for edit in edits:
            if isinstance(edit, PeerAdded):
                self.numbers[edit.public_key] = next(self._next)
                commands.append(Add(self.numbers[edit.public_key]))
            if isinstance(edit, PeerRemoved):
                commands.append(Forget(self.numbers.pop(edit.public_key)))
        return commands

    def number_of(self, key):
        return self.numbers.get(key)

    def key_of(self, number):
        return next((key for key, its in self.numbers.items() if its == number), None)

    def last_handshake(self, key):
        return 7

    def said(self, verb):
        return [call[1:] for call in self.calls if call[0] == verb]


@dataclass
class World:
    """Everything around one tunnel. ``taken`` are ports that cannot be had."""

    log: list = field(default_factory=list)
    pairs: list = field(default_factory=list)
    taken: set = field(default_factory=set)
    marks_refused: bool = False
    chosen: int = 40000
    at_start: dict = field(default_factory=dict)

    def __post_init__(self):
        self.plane = FakePlane(self.log)
        self.timer, self.sleep, self.link = FakeTimer(), FakeSleep(), FakeLink()
        self.sources = FakeSources()
        self.host = Surroundings(
            now=lambda: Now(100.0, 10**18),
            random=os.urandom,
            timer=self.timer,
            sleep=self.sleep,
            link=self.link,
            sources=self.sources,
            open_pair=self.open_pair,
            set_mark=self.set_mark,
        )

    def open_pair(self, port, mark):
        if port in self.taken:
            raise OSError(errno.EADDRINUSE, "taken")
        if port == 0:
            self.chosen += 1
        pair = FakePair(port or self.chosen, mark)
        self.pairs.append(pair)
        self.log.append(("open", pair.port))
        return pair

    def set_mark(self, pair, mark):
        if self.marks_refused:
            raise OSError(errno.EPERM, "refused")
        pair.mark = mark

    @property
    def interface(self):
        return FakeInterface.instance

    def play(self, scene, *, up=True):
        """Run ``scene(tunnel)`` with a started tunnel and see that all of it is given back."""

        async def run():
            self.link.now = LinkState(up=up, mtu=1420)
            tunnel = Tunnel(self.plane, self.host)
            self.interface.answers.update(self.at_start)
            tunnel.start()
            self.interface.answers.clear()
            try:
                await asyncio.wait_for(scene(tunnel), LIMIT)
            finally:
                await tunnel.close()

        asyncio.run(run())
        assert all(pair.closed for pair in self.pairs)
        assert all(end.closed for end in (self.plane, self.timer, self.sleep, self.link))


async def until(condition):
    """Let the loop turn until ``condition()``."""
    while not condition():  # noqa: ASYNC110 (nothing in the world tells when)
        await asyncio.sleep(0)


@pytest.fixture
def world(monkeypatch):
    monkeypatch.setattr("wiresnake.tunnel.runtime.Interface", FakeInterface)
    monkeypatch.setattr("wiresnake.tunnel.runtime.PATHS_SETTLE", 0.01)
    return World()


@pytest.fixture(name="until")
def _until():
    return until
