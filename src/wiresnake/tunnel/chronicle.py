"""What a tunnel does, in words for its log. Keys and addresses of peers are never whole."""

from collections.abc import Callable, Iterable, Iterator

from wiresnake.door.commands import (
    Abandon,
    Add,
    AnyCommand,
    Forget,
    Install,
    PeerNumber,
    Send,
    Sockets,
)
from wiresnake.protocol.messages import MessageType
from wiresnake.values.keys import PublicKey


def told(
    commands: Iterable[AnyCommand], key_of: Callable[[PeerNumber], PublicKey | None]
) -> Iterator[str]:
    """Yield one line for each command that a reader of the log wants to know of."""
    for command in commands:
        match command:
            case Sockets(v4=None, v6=None):
                yield "sockets closed"
            case Sockets():
                yield "sockets opened"
            case Add(peer=peer):
                yield f"{named(peer, key_of)} - created"
            case Forget(peer=peer):
                yield f"peer {peer} - removed"
            case Send(peer=peer, datagram=datagram):
                yield f"{named(peer, key_of)} - sending handshake {_kind(datagram)}"
            case Install(peer=peer, session=session):
                role = "initiator" if session.initiator else "responder"
                yield f"{named(peer, key_of)} - session {session.local_index:08x} as {role}"
            case Abandon(peer=peer):
                yield f"{named(peer, key_of)} - no answer, giving up for now"
            case _:
                continue


def named(peer: PeerNumber, key_of: Callable[[PeerNumber], PublicKey | None]) -> str:
    """Return how a log calls a peer: ``peer(abcd…wxyz)``, by the ends of its key in base64."""
    key = key_of(peer)
    if key is None:
        return f"peer {peer}"
    text = str(key)
    return f"peer({text[:4]}…{text[39:43]})"


def _kind(datagram: bytes) -> str:
    return MessageType(datagram[0]).name.lower()
