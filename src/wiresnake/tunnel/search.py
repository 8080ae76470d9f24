"""The search for a peer that is lost: when its names are looked up again, and which of the
endpoints they lead to is tried next. Pure: events and the time in, a decision out.

A search is driven by the initiations that the protocol sends, which is to say by traffic or a
keepalive that wants a session: it never looks more often than the protocol calls, and a peer that
nobody wants to reach is not looked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from wiresnake.protocol.activity import LONG_AGO
from wiresnake.values.addresses import Endpoint, NamedEndpoint
from wiresnake.values.instants import Instant

LOST_AFTER: Final = 135.0
"""Seconds since the last handshake. An end that still sends has begun to renew its session, by
REKEY_AFTER_TIME, and has failed three times."""
ROUND: Final = 3
"""Initiations to one endpoint before another is tried, so about 15 s."""
ALIVE_WITHIN: Final = 15.0
"""Seconds (KEEPALIVE_TIMEOUT and REKEY_TIMEOUT) within which a peer that lives is heard."""


@dataclass(slots=True)
class Search:
    """The search for one peer.

    ``names`` are tried in their order. ``heard_at`` is when a handshake last completed,
    ``unanswered`` the initiations since then or since the last decision. ``asked`` is the endpoint
    that was last asked for, by us or by whoever handed the names over. ``looking`` from the start
    of a lookup until what came of it is in force: no other begins in that time.
    """

    names: tuple[NamedEndpoint, ...]
    asked: Endpoint | None
    heard_at: Instant = LONG_AGO
    unanswered: int = 0
    looking: bool = field(default=False, init=False)

    def initiated(self, now: Instant) -> bool:
        """Count an initiation; return whether the names should be looked up now."""
        self.unanswered += 1
        lost = self.unanswered >= ROUND and now >= self.heard_at + LOST_AFTER
        return lost and not self.looking

    def heard(self, now: Instant) -> None:
        """Take note that a handshake completed: the peer is where its endpoint is."""
        self.heard_at = now
        self.unanswered = 0

    def found(
        self,
        endpoints: Sequence[Endpoint],
        current: Endpoint | None,
        last_received: Instant | None,
        now: Instant,
    ) -> Endpoint | None:
        """Decide on what a lookup brought: return the endpoint to go to, None to stay.

        ``endpoints`` are what the names lead to, none if the lookup failed; then the next
        initiation brings another. ``current`` is where the peer is taken to be, ``last_received``
        when something authentic came from there: a peer that roamed, or answered meanwhile, is left
        alone.
        """
        alive = last_received is not None and now < last_received + ALIVE_WITHIN
        if not endpoints or alive or (self.unanswered < ROUND and current is not None):
            return None
        self.unanswered = 0
        following = 0
        if current in endpoints:
            following = (endpoints.index(current) + 1) % len(endpoints)
        if endpoints[following] == current:
            return None
        self.asked = endpoints[following]
        return self.asked
