"""What control knows of one peer."""

from dataclasses import dataclass, field

from wiresnake.door.commands import PeerNumber, SessionIndex
from wiresnake.protocol.activity import LONG_AGO, Activity
from wiresnake.protocol.constants import MIN_INITIATION_INTERVAL
from wiresnake.protocol.cookies import CookieJar
from wiresnake.protocol.errors import HandshakeRejected, Rejection
from wiresnake.protocol.handshake import AwaitingResponse, Remote
from wiresnake.protocol.slots import Slots
from wiresnake.protocol.tai64n import whitened
from wiresnake.values.instants import Instant, Now

_TIMESTAMP_STEP = 1 << 24
"""Nanoseconds; the least by which a whitened timestamp can grow."""


@dataclass(slots=True, eq=False)
class Peer:
    """One peer. Where it is and what was sent to it is the plane's to know.

    ``awaiting`` is our initiation whose response may come, ``announced`` the index of our latest
    handshake message, to which a response or a cookie reply may come. ``slots`` names the indices
    of the sessions that the plane may hold; None if it holds none. ``retries`` counts since the
    last request that was not a retry, ``crossings`` the initiations accepted while our own was out,
    since a handshake last completed. ``last_handshake`` is a wall clock reading in nanoseconds.
    """

    number: PeerNumber
    remote: Remote
    activity: Activity = field(default_factory=Activity)
    awaiting: AwaitingResponse | None = None
    announced: SessionIndex | None = None
    slots: Slots | None = None
    retries: int = 0
    crossings: int = 0
    greatest_timestamp: bytes = b""
    accepted_at: Instant = LONG_AGO
    last_handshake: int | None = None
    _jar: CookieJar | None = None
    _wall_sent: int = 0

    @property
    def jar(self) -> CookieJar:
        """The cookie this peer gave us; made when first needed, for most peers are idle."""
        if self._jar is None:
            self._jar = CookieJar(self.remote.public.raw)
        return self._jar

    def next_timestamp(self, now: Now) -> bytes:
        """Return the timestamp of the next initiation, greater than all before it.

        A wall clock that was set back would make the peer take our initiations for replays until
        the clock catches up, so then we go on from where we were.
        """
        self._wall_sent = max(now.wall, self._wall_sent + _TIMESTAMP_STEP)
        return whitened(self._wall_sent)

    def check_fresh(self, timestamp: bytes, now: Instant) -> None:
        """Refuse an initiation that is a replay or comes too soon (paper 5.1).

        Raises HandshakeRejected (REPLAYED, TOO_SOON).
        """
        if timestamp <= self.greatest_timestamp:
            raise HandshakeRejected(Rejection.REPLAYED)
        if now < self.accepted_at + MIN_INITIATION_INTERVAL:
            raise HandshakeRejected(Rejection.TOO_SOON)
