"""What a plane's process and control say to each other: one request, one reply, by turns.

A frame is a 32-bit length and that many bytes of msgpack. Descriptors travel beside the first bytes
of a frame (SCM_RIGHTS), in the order in which its commands name them.
"""

import os
import stat
from collections.abc import Iterable, Sequence
from struct import Struct as Layout
from typing import Final, TypeAlias

from msgspec import Struct

from wiresnake.door.commands import AnyCommand, PeerNumber, Sockets
from wiresnake.door.notices import AnyNotice
from wiresnake.door.snapshots import Observed
from wiresnake.plane.contract import RejectedBatch

LENGTH: Final = Layout("=I")
MAX_FRAME: Final = 1 << 30
MAX_DESCRIPTORS: Final = 250
"""As many as one message may bring along (SCM_MAX_FD is 253)."""
OBSERVED_AT_ONCE: Final = 512
"""Peers in one request, so that packets move between two of them."""


class Frame(Struct, frozen=True, array_like=True, tag=True):
    """The base of all frames."""


class Apply(Frame, frozen=True):
    """Carry out these commands. Answered by `Done` or `Rejected`."""

    commands: list[AnyCommand]


class Drain(Frame, frozen=True):
    """Answered by `Drained`."""


class Observe(Frame, frozen=True):
    """Answered by `Seen`."""

    peers: list[PeerNumber]


class Count(Frame, frozen=True):
    """Answered by `Counted`."""


class Done(Frame, frozen=True):
    """A batch was carried out."""


class Rejected(Frame, frozen=True):
    """A batch was not valid, and nothing of it was carried out."""

    why: str


class Drained(Frame, frozen=True):
    """The notices since the last drain."""

    notices: list[AnyNotice]


class Seen(Frame, frozen=True):
    """Snapshots of the peers asked for."""

    observed: list[Observed]


class Counted(Frame, frozen=True):
    """All counters."""

    counters: dict[str, int]


Request: TypeAlias = Apply | Drain | Observe | Count
Reply: TypeAlias = Done | Rejected | Drained | Seen | Counted


def descriptors_of(command: Sockets) -> list[int]:
    """Return the descriptors that a command names, IPv4 first."""
    return [fd for fd in (command.v4, command.v6) if fd is not None]


def descriptors_in(commands: Sequence[AnyCommand]) -> list[int]:
    """Return the descriptors that a batch names, in the order of its commands."""
    return [
        fd for command in commands if isinstance(command, Sockets) for fd in descriptors_of(command)
    ]


def check_sockets(descriptors: Iterable[int]) -> None:
    """Raise RejectedBatch unless all of these are open sockets."""
    for fd in descriptors:
        try:
            is_socket = stat.S_ISSOCK(os.fstat(fd).st_mode)
        except (OSError, OverflowError):
            is_socket = False
        if not is_socket:
            raise RejectedBatch(f"descriptor {fd} is no open socket")
