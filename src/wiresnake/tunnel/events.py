"""What happens to a tunnel, for whoever wants to follow it as it runs."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from wiresnake.door.commands import (
    Abandon,
    AnyCommand,
    Follow,
    Forget,
    Install,
    PeerNumber,
    Send,
    SetEndpoint,
)
from wiresnake.door.snapshots import Observed
from wiresnake.protocol.messages import MessageType
from wiresnake.values.addresses import Endpoint, NamedEndpoint
from wiresnake.values.keys import PublicKey


@dataclass(frozen=True, slots=True)
class Initiated:
    """An initiation was sent, the first one or a retry."""

    peer: PublicKey


@dataclass(frozen=True, slots=True)
class Completed:
    """A handshake completed, of which we were the initiator or not. ``endpoint`` if known."""

    peer: PublicKey
    initiator: bool
    endpoint: Endpoint | None


@dataclass(frozen=True, slots=True)
class GaveUp:
    """No initiation was answered; there will be no more until somebody wants the peer again."""

    peer: PublicKey


@dataclass(frozen=True, slots=True)
class Moved:
    """The peer's endpoint is another: it roamed, or somebody asked for it.

    When it roams without a handshake this is told at the next look at the peer, within seconds.
    """

    peer: PublicKey
    endpoint: Endpoint
    before: Endpoint


@dataclass(frozen=True, slots=True)
class Resolved:
    """A peer that was lost is looked for where one of its names leads."""

    peer: PublicKey
    name: NamedEndpoint
    endpoint: Endpoint


@dataclass(frozen=True, slots=True)
class Unresolved:
    """A name of a lost peer leads nowhere, for the resolver's reason ``why``."""

    peer: PublicKey
    name: NamedEndpoint
    why: str


@dataclass(frozen=True, slots=True)
class LinkChanged:
    """The interface went up or down. ``port`` is the UDP port, 0 if there are no sockets."""

    up: bool
    port: int


@dataclass(frozen=True, slots=True)
class Ended:
    """The tunnel ended; ``failed`` says that it should not have, as when the plane is lost."""

    why: str
    failed: bool


Event: TypeAlias = (
    Initiated | Completed | GaveUp | Moved | Resolved | Unresolved | LinkChanged | Ended
)
Listener: TypeAlias = Callable[[Event], None]
"""Is told in the midst of things: it takes note, raises nothing and calls nothing of the tunnel."""


class Events:
    """Tells listeners what commands and snapshots mean. Costs nothing while nobody listens."""

    def __init__(self, key_of: Callable[[PeerNumber], PublicKey | None]) -> None:
        self._key_of = key_of
        self._listeners: list[Listener] = []
        self._endpoints: dict[PeerNumber, Endpoint] = {}

    def follow(self, listener: Listener) -> Callable[[], None]:
        """Tell ``listener`` from now on; return what ends that."""
        self._listeners.append(listener)

        def leave() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)
            if not self._listeners:
                self._endpoints.clear()

        return leave

    def tell(self, event: Event) -> None:
        """Tell everybody."""
        for listener in tuple(self._listeners):
            listener(event)

    def carried_out(self, commands: Iterable[AnyCommand]) -> None:
        """Tell what these commands, which the plane has carried out, mean."""
        for command in commands if self._listeners else ():
            match command:
                case SetEndpoint(peer=peer, endpoint=endpoint):
                    self._is_at(peer, endpoint)
                case Follow(peer=peer, path=path):
                    self._is_at(peer, path.source)
                case Send(peer=peer, datagram=datagram):
                    if datagram[0] == MessageType.INITIATION:
                        self._tell_of(peer, Initiated)
                case Install(peer=peer, session=session) if session.initiator:
                    self.completed(peer, initiator=True)
                case Abandon(peer=peer):
                    self._tell_of(peer, GaveUp)
                case Forget(peer=peer):
                    self._endpoints.pop(peer, None)

    def completed(self, peer: PeerNumber, *, initiator: bool) -> None:
        """Tell that a handshake completed."""
        endpoint = self._endpoints.get(peer)
        self._tell_of(peer, lambda key: Completed(key, initiator, endpoint))

    def observed(self, seen: Sequence[Observed]) -> None:
        """Tell which of these peers have moved since they were last heard of here."""
        for snapshot in seen if self._listeners else ():
            if snapshot.endpoint is not None:
                self._is_at(snapshot.peer, snapshot.endpoint)

    def _is_at(self, peer: PeerNumber, endpoint: Endpoint) -> None:
        before = self._endpoints.get(peer)
        self._endpoints[peer] = endpoint
        if before is not None and before != endpoint:
            self._tell_of(peer, lambda key: Moved(key, endpoint, before))

    def _tell_of(self, peer: PeerNumber, event: Callable[[PublicKey], Event]) -> None:
        key = self._key_of(peer)
        if key is not None:
            self.tell(event(key))
