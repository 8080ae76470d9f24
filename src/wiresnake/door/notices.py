"""Notices: what a data plane tells control when control drains it.

All but `Handshake` are edges: one bit on a peer in a ready list, raised once however often the
cause recurs until drained, and never dropped. Handshake messages sit in a bounded queue.
"""

from enum import IntEnum
from typing import TypeAlias

from msgspec import Struct

from wiresnake.door.commands import PeerNumber, SessionIndex
from wiresnake.door.path import Path
from wiresnake.values.instants import Instant


class Why(IntEnum):
    """Why a session is wanted."""

    STAGED = 1  # data or a keepalive waits and no session can send it
    SENT_LATE = 2  # the current session sent past renew_on_send_at or REKEY_AFTER_MESSAGES
    RECEIVED_LATE = 3  # the current session received past renew_on_receive_at


class Notice(Struct, frozen=True, array_like=True, tag=True):
    """The base of all notices."""


class Handshake(Notice, frozen=True):
    """A handshake message or cookie reply that the doorman let pass."""

    datagram: bytes
    path: Path


class SessionWanted(Notice, frozen=True):
    """The peer needs a handshake; once per staging, and once per session for a late one."""

    peer: PeerNumber
    why: Why


class SessionConfirmed(Notice, frozen=True):
    """The first good packet under the next session made it current, at this instant."""

    peer: PeerNumber
    index: SessionIndex
    at: Instant


class TrafficWoke(Notice, frozen=True):
    """A resting peer sent or received data: its timers matter again."""

    peer: PeerNumber


class SessionUnknown(Notice, frozen=True):
    """From the peer's own endpoint came a transport message with an index nobody knows, while the
    peer has no live session: it seems to remember one that we lost.
    """

    peer: PeerNumber


class PlaneFailed(Notice, frozen=True):
    """The plane cannot go on; ``why`` is one line for the log."""

    why: str


AnyNotice: TypeAlias = (
    Handshake | SessionWanted | SessionConfirmed | TrafficWoke | SessionUnknown | PlaneFailed
)
