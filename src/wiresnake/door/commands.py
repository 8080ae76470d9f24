"""Commands: what control asks of a data plane, in ordered batches.

Plain values only, so that a batch crosses to another process or another language as it is. Peers
are numbers that control hands out and never uses twice; sessions are named by the index this end
chose. Instants are seconds of CLOCK_BOOTTIME.
"""

from typing import TypeAlias

from msgspec import Struct

from wiresnake.door.path import Path
from wiresnake.values.addresses import Endpoint, Prefix
from wiresnake.values.instants import Instant

PeerNumber: TypeAlias = int
SessionIndex: TypeAlias = int


class Command(Struct, frozen=True, array_like=True, tag=True):
    """The base of all commands."""


class Sockets(Command, frozen=True):
    """Send and receive on these UDP descriptors from now on; none of either means down.

    The plane owns the descriptors it is given and closes those they replace.
    """

    v4: int | None
    v6: int | None


class Identity(Command, frozen=True):
    """Check mac1 and seal cookie replies under this public key (32 bytes); None admits nobody."""

    public: bytes | None


class Mtu(Command, frozen=True):
    """The inner interface carries packets of up to ``mtu`` bytes."""

    mtu: int


class Add(Command, frozen=True):
    """A peer begins to exist, at rest, without endpoint, routes or sessions."""

    peer: PeerNumber


class Forget(Command, frozen=True):
    """A peer ends, with its routes, sessions, staged packets and stamps."""

    peer: PeerNumber


class Route(Command, frozen=True):
    """These prefixes belong to the peer, whoever had them before."""

    peer: PeerNumber
    prefixes: tuple[Prefix, ...]


class Unroute(Command, frozen=True):
    """These prefixes belong to the peer no longer; one that is not its own is left alone."""

    peer: PeerNumber
    prefixes: tuple[Prefix, ...]


class SetEndpoint(Command, frozen=True):
    """The administrator named this endpoint: it wins over anything learned."""

    peer: PeerNumber
    endpoint: Endpoint


class Follow(Command, frozen=True):
    """An authenticated handshake message of ``size`` bytes came along ``path``: follow it there.

    Counts and stamps an authenticated receive. The endpoint stays if the plane has authenticated
    something of this peer since ``path.at``.
    """

    peer: PeerNumber
    path: Path
    size: int


class ClearSource(Command, frozen=True):
    """Let the host choose the source address toward this peer again."""

    peer: PeerNumber


class Expect(Command, frozen=True):
    """Admit a response, and one cookie reply, for this index; again one more when said again."""

    index: SessionIndex


class Unexpect(Command, frozen=True):
    """Drop responses and cookie replies for this index."""

    index: SessionIndex


class Session(Struct, frozen=True, array_like=True):
    """The two keys of a finished handshake, and its limits as instants (paper 5.4.5, 6).

    ``renew_on_send_at`` and ``renew_on_receive_at`` are NEVER for the responder: the first data
    sent, and the first packet received, past them raises `SessionWanted` once. Past ``dies_at``
    it neither sends nor receives. ``first_counter`` is other than 0 only in tests.
    """

    local_index: SessionIndex
    remote_index: SessionIndex
    send_key: bytes
    receive_key: bytes
    initiator: bool
    born: Instant
    renew_on_send_at: Instant
    renew_on_receive_at: Instant
    dies_at: Instant
    first_counter: int = 0

    def __repr__(self) -> str:
        return f"Session({self.local_index:08x}, keys hidden)"


class Install(Command, frozen=True):
    """Put a new session in its slot (PROTOCOL: sessions).

    As initiator it becomes current at once and flushes the staged packets, or sends one empty
    packet if there are none. As responder it becomes next and stays silent until the first good
    packet under it: then it is current, staged packets go out and `SessionConfirmed` is raised.
    """

    peer: PeerNumber
    session: Session


class StopSending(Command, frozen=True):
    """Current and next may receive but not send (our private key changed)."""

    peer: PeerNumber


class DropSessions(Command, frozen=True):
    """Erase all three sessions and the staged packets; stamps are cleared, byte counts stay."""

    peer: PeerNumber


class EraseSessions(Command, frozen=True):
    """Erase all three sessions; staged packets stay."""

    peer: PeerNumber


class Send(Command, frozen=True):
    """Send a handshake message with DSCP AF41: to ``path`` if given, else to the peer's endpoint.

    Counts and stamps an authenticated send of the peer.
    """

    peer: PeerNumber
    datagram: bytes
    path: Path | None = None


class Keepalive(Command, frozen=True):
    """Stage an empty packet if nothing is staged, then flush.

    Without a usable session that raises `SessionWanted`. With ``rearm`` the stamp of unacknowledged
    data begins anew at this instant (the kernel's need_another_keepalive).
    """

    peer: PeerNumber
    rearm: bool = False


class Flush(Command, frozen=True):
    """Send what is staged; with something staged and no usable session raise `SessionWanted`."""

    peer: PeerNumber


class Abandon(Command, frozen=True):
    """The handshake failed for good: drop the staged packets and re-arm `SessionWanted`."""

    peer: PeerNumber


class Rest(Command, frozen=True):
    """No timer depends on this peer's traffic: raise `TrafficWoke` at its next data.

    ``seen`` is the activity number of the snapshot on which control decided. The plane sets the
    flag and then compares; if activity has moved on, it clears the flag and raises the notice.
    """

    peer: PeerNumber
    seen: int


AnyCommand: TypeAlias = (
    Sockets | Identity | Mtu | Add | Forget | Route | Unroute | SetEndpoint | Follow | ClearSource
    | Expect | Unexpect | Install | StopSending | DropSessions | EraseSessions | Send | Keepalive
    | Flush | Abandon | Rest
)  # fmt: skip
