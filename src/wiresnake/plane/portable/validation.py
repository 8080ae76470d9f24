"""The check of a whole batch of commands before the first of them has an effect."""

from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from wiresnake.door.commands import (
    Abandon,
    Add,
    AnyCommand,
    ClearSource,
    DropSessions,
    EraseSessions,
    Expect,
    Flush,
    Follow,
    Forget,
    Identity,
    Install,
    Keepalive,
    Mtu,
    PeerNumber,
    Rest,
    Route,
    Send,
    Session,
    SessionIndex,
    SetEndpoint,
    Sockets,
    StopSending,
    Unexpect,
    Unroute,
)
from wiresnake.door.path import Path
from wiresnake.plane.contract import RejectedBatch
from wiresnake.plane.portable.peers import Peers
from wiresnake.plane.portable.sessions import Sessions
from wiresnake.plane.portable.transport import KEY_SIZE
from wiresnake.protocol.constants import MAX_PEERS, REJECT_AFTER_MESSAGES
from wiresnake.protocol.messages import INITIATION_SIZE
from wiresnake.values.addresses import InvalidAddress, Prefix

MAX_MTU: Final = 65535
_MAX_INDEX: Final = (1 << 32) - 1
_ADDRESS_SIZES: Final = frozenset({4, 16})


class _OfPeer(Protocol):
    """A command about one peer."""

    @property
    def peer(self) -> PeerNumber: ...


class Batch:
    """One batch under examination: what exists at each of its commands, if all before it ran."""

    def __init__(self, peers: Peers, sessions: Sessions) -> None:
        self._peers = peers
        self._sessions = sessions
        self._added: set[PeerNumber] = set()
        self._forgotten: set[PeerNumber] = set()
        self._installed: dict[SessionIndex, PeerNumber] = {}

    def check(self, commands: Sequence[AnyCommand]) -> None:
        """Raise RejectedBatch, naming the first command that cannot be carried out."""
        for position, command in enumerate(commands):
            check = _CHECKS.get(type(command), _check_nothing)
            try:
                check(self, command)
            except Invalid as fault:
                name = type(command).__name__
                raise RejectedBatch(f"command {position}, {name}: {fault}") from None

    def _exists(self, number: PeerNumber) -> bool:
        if number in self._added:
            return True
        return number in self._peers.by_number and number not in self._forgotten

    def peer(self, command: _OfPeer) -> None:
        """Check that the peer exists."""
        if not self._exists(command.peer):
            raise Invalid(f"no peer {command.peer}")

    def add(self, command: Add) -> None:
        """Check that the number is free, and that there is room."""
        if not isinstance(command.peer, int) or command.peer < 0:
            raise Invalid("a peer has a number")
        if command.peer in self._added or command.peer in self._peers.by_number:
            raise Invalid(f"peer {command.peer} was there before")
        count = len(self._peers.by_number) + len(self._added) - len(self._forgotten)
        if count >= MAX_PEERS:
            raise Invalid("too many peers")
        self._added.add(command.peer)

    def forget(self, command: Forget) -> None:
        """Check that the peer exists; from here on it does not."""
        self.peer(command)
        if command.peer in self._added:
            self._added.remove(command.peer)
        self._forgotten.add(command.peer)

    def prefixes(self, command: Route | Unroute) -> None:
        """Check that the peer exists and the prefixes are whole."""
        self.peer(command)
        for prefix in command.prefixes:
            try:
                whole = Prefix.of(prefix.network, prefix.length) == prefix
            except InvalidAddress:
                whole = False
            if not whole:
                raise Invalid(f"{prefix!r} is not a prefix")

    def install(self, command: Install) -> None:
        """Check that the session is complete and its index free."""
        self.peer(command)
        session = command.session
        _check_session(session)
        if session.local_index in self._installed or (
            session.local_index in self._sessions.by_index
        ):
            raise Invalid(f"index {session.local_index:08x} is taken")
        self._installed[session.local_index] = command.peer

    def send(self, command: Send) -> None:
        """Check that the datagram is no longer than a handshake message."""
        self.peer(command)
        if not 0 < len(command.datagram) <= INITIATION_SIZE:
            raise Invalid(f"a handshake message of {len(command.datagram)} bytes")
        if command.path is not None:
            _check_path(command.path)

    def follow(self, command: Follow) -> None:
        """Check that the path could be one."""
        self.peer(command)
        _check_path(command.path)
        if command.size < 0:
            raise Invalid("a message of negative size")


class Invalid(Exception):
    """What is wrong with a command."""


def _check_session(session: Session) -> None:
    if len(session.send_key) != KEY_SIZE or len(session.receive_key) != KEY_SIZE:
        raise Invalid(f"a session has keys of {KEY_SIZE} bytes")
    for index in (session.local_index, session.remote_index):
        if not 0 <= index <= _MAX_INDEX:
            raise Invalid("an index has 32 bits")
    if not 0 <= session.first_counter <= REJECT_AFTER_MESSAGES:
        raise Invalid("a counter beyond REJECT_AFTER_MESSAGES")


def _check_path(path: Path) -> None:
    if path.local and len(path.local) != len(path.source.host):
        raise Invalid("a path with a local address of another family")


def _check_nothing(_: Batch, _command: object) -> None:
    raise Invalid("not a command")


def _check_sockets(_: Batch, command: Sockets) -> None:
    for descriptor in (command.v4, command.v6):
        if descriptor is not None and descriptor < 0:
            raise Invalid("a negative descriptor")


def _check_identity(_: Batch, command: Identity) -> None:
    if command.public is not None and len(command.public) != KEY_SIZE:
        raise Invalid(f"a public key of {len(command.public)} bytes")


def _check_mtu(_: Batch, command: Mtu) -> None:
    if not 0 <= command.mtu <= MAX_MTU:
        raise Invalid(f"an MTU of {command.mtu}")


def _check_index(_: Batch, command: Expect | Unexpect) -> None:
    if not 0 <= command.index <= _MAX_INDEX:
        raise Invalid("an index has 32 bits")


_CHECKS: Final[dict[type, Callable[[Batch, Any], None]]] = {
    Sockets: _check_sockets,
    Identity: _check_identity,
    Mtu: _check_mtu,
    Add: Batch.add,
    Forget: Batch.forget,
    Route: Batch.prefixes,
    Unroute: Batch.prefixes,
    SetEndpoint: Batch.peer,
    Follow: Batch.follow,
    ClearSource: Batch.peer,
    Expect: _check_index,
    Unexpect: _check_index,
    Install: Batch.install,
    StopSending: Batch.peer,
    DropSessions: Batch.peer,
    EraseSessions: Batch.peer,
    Send: Batch.send,
    Keepalive: Batch.peer,
    Flush: Batch.peer,
    Abandon: Batch.peer,
    Rest: Batch.peer,
}
