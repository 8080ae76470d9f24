"""The I/O shell: one thread and one epoll between the inner side, the network and control."""

import os
import select
from collections.abc import Callable
from typing import Final

from wiresnake.plane.contract import Inner
from wiresnake.plane.portable.counters import fresh_counters
from wiresnake.plane.portable.engine import Engine
from wiresnake.plane.portable.inner import InnerSide
from wiresnake.plane.portable.rehearsal import Rehearsal
from wiresnake.plane.portable.wire import UdpWire
from wiresnake.values.instants import Instant

MAX_ARRIVALS: Final = 16
"""Trains taken from a socket before the inner side gets its turn."""
_MAX_EVENTS: Final = 8


class Shell:
    """Moves packets between descriptors with the engine in between; ``engine`` takes commands."""

    def __init__(self, inner: Inner, clock: Callable[[], Instant]) -> None:
        counters = fresh_counters()
        self._clock = clock
        self._poller = select.epoll()
        self._wire = UdpWire(counters, self._poller)
        self._inner = InnerSide(inner, counters)
        self.engine = Engine(self._wire, self._inner, os.urandom, counters)
        self._rehearsal = Rehearsal(self._wire.probe, os.urandom)
        self._buffers = [self.engine.inbound.buffer]
        self._inner_fd = inner.fd
        self._expected = 1
        self._watchers: dict[int, Callable[[], None]] = {}
        self._reads_inner = True
        self._poller.register(inner.fd, select.EPOLLIN)

    def watch(self, fd: int, on_readable: Callable[[], None]) -> None:
        """Call ``on_readable`` whenever ``fd`` is readable or at its end."""
        self._watchers[fd] = on_readable
        self._poller.register(fd, select.EPOLLIN)

    def step(self, timeout: float = -1.0) -> bool:
        """Wait for events, at most ``timeout`` seconds (below 0: for ever), and handle them.

        False if there was none.
        """
        events = self._poller.poll(timeout, _MAX_EVENTS)
        for fd, event in events:
            if fd == self._inner_fd:
                self._inner.read(self.engine.inside, self._clock())
            elif fd in self._watchers:
                self._watchers[fd]()
            else:
                self._serve_socket(fd, event)
        self._read_inner_or_not()
        return bool(events)

    def rehearse(self) -> None:
        """Go through what a packet each way takes, though none came (see `rehearsal`).

        The inner side is looked at in earnest: what came meanwhile is sent on.
        """
        now = self._clock()
        if self._reads_inner:
            self._inner.read(self.engine.inside, now)
        self._rehearsal.run(now)
        self._read_inner_or_not()

    def _serve_socket(self, fd: int, event: int) -> None:
        one = self._wire.by_fileno.get(fd)
        if one is None:
            return  # replaced by a command that came in the same round
        if event & select.EPOLLOUT:
            self._wire.resume()
        if event == select.EPOLLOUT:
            return
        now = self._clock()
        for number in range(self._expected):
            arrival = self._wire.receive(one, self._buffers)
            if arrival is None:
                self._expected = number or 1
                return
            self.engine.inbound.receive_untrusted(*arrival, now)
        # To find a socket empty costs an exception, so a lone datagram is not followed by another
        # look; the poller says if there is more.
        self._expected = min(2 * self._expected, MAX_ARRIVALS)

    def _read_inner_or_not(self) -> None:
        """Heed the inner side or not: a full socket stops that, and so does its end."""
        wanted = self._inner.is_open and not self._wire.is_blocked
        if wanted is self._reads_inner:
            return
        self._reads_inner = wanted
        if wanted:
            self._poller.register(self._inner_fd, select.EPOLLIN)
        else:
            self._poller.unregister(self._inner_fd)

    def close(self) -> None:
        """Close the sockets and the poller; the inner descriptor stays its owner's."""
        self._wire.replace(None, None)
        self._poller.close()
