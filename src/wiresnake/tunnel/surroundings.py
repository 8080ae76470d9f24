"""What one tunnel needs of the world around it: clocks, randomness, sockets, the link.

`Tunnel` is given these rather than taking them, so that it runs in a test without any of them and
so that several tunnels fit in one process.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from wiresnake.host import clock, udp
from wiresnake.host.links import LinkEvent, LinkState, LinkWatch
from wiresnake.host.sources import Sources as HostSources
from wiresnake.host.tun import Tun
from wiresnake.host.udp import UdpPair
from wiresnake.values.instants import Instant, Now


class Timer(Protocol):
    """One deadline on CLOCK_BOOTTIME, readable when it has passed."""

    def fileno(self) -> int:
        """Return the descriptor to wait on."""

    def set(self, at: Instant | None) -> None:
        """Fire at ``at``; None fires never."""

    def clear(self) -> None:
        """Take note that it fired: it is readable no longer."""

    def close(self) -> None:
        """Give the descriptor back."""


class Sleep(Protocol):
    """Tells how long the machine was suspended."""

    def fileno(self) -> int:
        """Return the descriptor that is readable after a resume."""

    def slept(self) -> float:
        """Return the seconds of suspend since the last call."""

    def close(self) -> None:
        """Give the descriptor back."""


class Link(Protocol):
    """The inner interface as the kernel speaks of it."""

    def fileno(self) -> int:
        """Return the descriptor that is readable while there are events."""

    def read(self) -> Sequence[LinkEvent]:
        """Return what happened since the last call."""

    def state(self) -> LinkState:
        """Return how it stands."""

    def close(self) -> None:
        """Give the descriptor back."""


class Sources(Protocol):
    """Tells which local addresses still serve."""

    def serves(self, local: bytes, interface: int, destination: bytes, mark: int) -> bool:
        """Whether packets from ``local`` to ``destination`` still leave by this interface."""

    def close(self) -> None:
        """Give the descriptor back."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The world of one tunnel. `on_linux` builds the real one.

    ``open_pair(port, mark)`` opens both UDP sockets or raises OSError; ``set_mark(pair, mark)``
    changes the mark of open ones or raises OSError.
    """

    now: Callable[[], Now]
    random: Callable[[int], bytes]
    timer: Timer
    sleep: Sleep
    link: Link
    sources: Sources
    open_pair: Callable[[int, int], UdpPair]
    set_mark: Callable[[UdpPair, int], None]


def on_linux(tun: Tun) -> Surroundings:
    """Return the surroundings of a tunnel whose inner interface is ``tun``."""
    return Surroundings(
        now=clock.now,
        random=os.urandom,
        timer=clock.BoottimeTimer(),
        sleep=clock.SuspendWatch(),
        link=LinkWatch(tun),
        sources=HostSources(),
        open_pair=udp.open_pair,
        set_mark=udp.set_mark,
    )
