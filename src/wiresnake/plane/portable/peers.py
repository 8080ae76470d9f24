"""Peers as the plane knows them, and the table that finds them by number or by endpoint."""

from collections import deque
from collections.abc import Collection
from typing import TYPE_CHECKING

from wiresnake.door.commands import PeerNumber, SessionIndex
from wiresnake.door.snapshots import Observed
from wiresnake.plane.portable.ways import Way
from wiresnake.values.addresses import Endpoint
from wiresnake.values.instants import NEVER, Instant

if TYPE_CHECKING:
    from wiresnake.plane.portable.sessions import Keypair


class Peer:
    """One peer: where it is, its three sessions, its stamps and byte counts.

    An idle peer is this object and nothing else: ten thousand of them are usual.
    ``located_at`` is the arrival of the datagram that last told where it is. ``asked`` says that a
    session was asked for and none has come. ``edges`` are notices not yet drained.
    """

    __slots__ = (
        "activity",
        "asked",
        "confirmed",
        "current",
        "edges",
        "last_received",
        "last_sent",
        "last_staged",
        "located_at",
        "more_unacknowledged",
        "next",
        "number",
        "previous",
        "resting",
        "rx_bytes",
        "staged",
        "tx_bytes",
        "unacknowledged_since",
        "unanswered_since",
        "way",
    )

    def __init__(self, number: PeerNumber) -> None:
        self.number = number
        self.way: Way | None = None
        self.located_at: Instant = -NEVER
        self.current: Keypair | None = None
        self.previous: Keypair | None = None
        self.next: Keypair | None = None
        self.staged: deque[int] | None = None
        self.asked = False
        self.resting = True
        self.edges = 0
        self.confirmed: tuple[SessionIndex, Instant] | None = None
        self.activity = 0
        self.tx_bytes = 0
        self.rx_bytes = 0
        self.last_sent: Instant | None = None
        self.last_received: Instant | None = None
        self.last_staged: Instant | None = None
        self.unanswered_since: Instant | None = None
        self.unacknowledged_since: Instant | None = None
        self.more_unacknowledged = False

    def stamp_sent(self, now: Instant) -> None:
        """Something authenticated went out: the other end's data is acknowledged."""
        self.last_sent = now
        self.unacknowledged_since = None
        self.more_unacknowledged = False

    def stamp_received(self, now: Instant) -> None:
        """Something authenticated came in: our data is answered."""
        self.last_received = now
        self.unanswered_since = None

    def clear_stamps(self) -> None:
        """Forget every stamp; the byte counts and the activity number stay."""
        self.last_sent = self.last_received = self.last_staged = None
        self.unanswered_since = self.unacknowledged_since = None
        self.more_unacknowledged = False

    def observed(self) -> Observed:
        """Return what control may read of this peer."""
        return Observed(
            self.number,
            self.activity,
            self.unanswered_since,
            self.unacknowledged_since,
            self.more_unacknowledged,
            self.last_sent,
            self.last_received,
            self.last_staged,
            self.tx_bytes,
            self.rx_bytes,
            *(
                (way.endpoint, way.local, way.interface)
                if (way := self.way) is not None
                else (None,)
            ),
        )

    def __repr__(self) -> str:
        return f"Peer({self.number})"


class Peers:
    """All peers by number, and by the endpoint at which they are found."""

    __slots__ = ("_homes", "by_number")

    def __init__(self) -> None:
        self.by_number: dict[PeerNumber, Peer] = {}
        # An endpoint is nearly always one peer's, and then the peer itself is the value.
        self._homes: dict[Endpoint, Peer | dict[Peer, None]] = {}

    def add(self, number: PeerNumber) -> None:
        """Let a peer begin to exist."""
        self.by_number[number] = Peer(number)

    def forget(self, peer: Peer) -> None:
        """Let a peer end."""
        self._leave_home(peer)
        del self.by_number[peer.number]

    def locate(self, peer: Peer, way: Way) -> None:
        """Say by which way the peer is reached from now on."""
        old = peer.way
        if old is None or old.endpoint != way.endpoint:
            self._leave_home(peer)
            there = self._homes.get(way.endpoint)
            if there is None:
                self._homes[way.endpoint] = peer
            elif isinstance(there, dict):
                there[peer] = None
            else:
                self._homes[way.endpoint] = {there: None, peer: None}
        peer.way = way

    def at(self, endpoint: Endpoint) -> Collection[Peer]:
        """Return the peers whose endpoint this is."""
        there = self._homes.get(endpoint)
        if there is None:
            return ()
        return there if isinstance(there, dict) else (there,)

    def _leave_home(self, peer: Peer) -> None:
        if peer.way is None:
            return
        endpoint = peer.way.endpoint
        there = self._homes[endpoint]
        if isinstance(there, dict):
            del there[peer]
        if not isinstance(there, dict) or not there:
            del self._homes[endpoint]
