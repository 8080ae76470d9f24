"""What the timers of one peer depend on (paper 6).

Control keeps one `Activity` of each peer, made of its own doings and of the plane's stamps when it
last looked; `timers` holds the rules that read it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from wiresnake.door.snapshots import Observed
from wiresnake.values.instants import NEVER, Instant

LONG_AGO: Final[Instant] = -NEVER
"""Earlier than every instant."""


@dataclass(slots=True, eq=False)
class Activity:
    """What the timers of one peer depend on.

    Handshakes: ``limited_from`` is the last initiation or response sent; ``courtesy`` the seconds
    beyond the limit in which the other end goes first; ``initiated_at`` the last initiation while a
    retry of it is due; ``wanted_at`` the instant at which a handshake may begin, its pace allowing;
    ``keys_from`` the last session derived.

    Traffic, as of the last look at ``looked_at``: ``unanswered_since`` and ``unacknowledged_since``
    are the stamps of the plane, less those that were acted on (kept in the ``spent`` pair: data
    after that counts from the look that sees it); ``last_traffic`` the last authenticated packet
    either way. ``awake`` says that the plane was not told to `Rest`.

    Persistent keepalive: ``every`` seconds (NEVER is off) counts from a packet after
    ``every_from``, ``every_before`` from one before it; ``owed_at`` is when one is due whatever
    the traffic. ``reachable``: the peer has an endpoint, as far as is known.
    """

    limited_from: Instant = LONG_AGO
    courtesy: float = 0.0
    initiated_at: Instant = NEVER
    retry_jitter: float = 0.0
    wanted_at: Instant = NEVER
    keys_from: Instant = NEVER

    awake: bool = False
    looked_at: Instant = 0.0
    activity: int = -1
    unanswered_since: Instant = NEVER
    unanswered_jitter: float = 0.0
    unanswered_spent: Instant = NEVER
    unacknowledged_since: Instant = NEVER
    unacknowledged_spent: Instant = NEVER
    last_traffic: Instant = NEVER

    every: float = NEVER
    every_before: float = NEVER
    every_from: Instant = LONG_AGO
    owed_at: Instant = NEVER
    reachable: bool = False

    @property
    def shaking(self) -> bool:
        """Whether a handshake is under way or about to begin, so that another need not be."""
        return self.initiated_at < NEVER or self.wanted_at < NEVER

    def initiation_sent(self, now: Instant, fresh_jitter: float) -> None:
        """Arm the retransmit timer and the limit; a handshake that was wanted has begun."""
        self.initiated_at = self.limited_from = now
        self.retry_jitter = fresh_jitter
        self.courtesy = 0.0
        self.wanted_at = NEVER

    def response_sent(self, now: Instant, courtesy: float, fresh_jitter: float) -> None:
        """Move the limit, which an initiation of our own that is due must wait for."""
        self.limited_from = self.keys_from = now
        self.courtesy = courtesy
        self.retry_jitter = fresh_jitter

    def handshake_ended(self) -> None:
        """Cancel retry and wish: a session came to be, or it was given up."""
        self.initiated_at = self.wanted_at = NEVER
        self.courtesy = 0.0

    def limit_lifted(self) -> None:
        """Forget when a handshake message was last sent."""
        self.limited_from = LONG_AGO
        self.courtesy = 0.0

    def link_lost(self) -> None:
        """Stop every timer (PROTOCOL: down). What the plane was told of rest stays true."""
        self.handshake_ended()
        self.limit_lifted()
        self.keys_from = self.owed_at = NEVER
        self.unanswered_since = self.unacknowledged_since = NEVER

    def woken(self, now: Instant) -> None:
        """Count from here: no stamp that the data made is due sooner than KEEPALIVE_TIMEOUT."""
        self.awake = True
        self.looked_at = now

    def keepalive_set(self, seconds: int, now: Instant, *, up: bool) -> None:
        """Take another persistent keepalive interval, 0 for none.

        From none to some while up, one is sent at once. A change among others counts from the next
        packet, so that the timer which runs is left alone.
        """
        every = float(seconds) if seconds else NEVER
        if every == NEVER or self.every == NEVER:
            self.every_before, self.every_from = every, LONG_AGO
            self.owed_at = NEVER
        elif every != self.every:
            if self.last_traffic > self.every_from:
                self.every_before = self.every
            self.every_from = self.looked_at = now
        fresh = self.every == NEVER
        self.every = every
        if fresh and up:
            self.owe_keepalive(now)

    def owe_keepalive(self, now: Instant) -> None:
        """Make a persistent keepalive due, if any is wanted; the look tells if there is a way."""
        if self.every < NEVER:
            self.owed_at = now
            self.reachable = True

    def observe(self, seen: Observed, now: Instant, draw: Callable[[], float]) -> bool:
        """Take in a snapshot; return whether data has flowed since the last one.

        ``draw`` gives a fresh jitter; it is asked once for each beginning of unanswered data.
        """
        moved = seen.activity != self.activity
        before = self.unanswered_since
        self.unanswered_since, self.unanswered_spent = _since(
            seen.unanswered_since, before, self.unanswered_spent, now if moved else NEVER
        )
        if self.unanswered_since != before and self.unanswered_since < NEVER:
            self.unanswered_jitter = draw()
        self.unacknowledged_since, self.unacknowledged_spent = _since(
            seen.unacknowledged_since,
            self.unacknowledged_since,
            self.unacknowledged_spent,
            now if moved else NEVER,
        )
        for stamp in (seen.last_sent, seen.last_received):
            if stamp is not None and (self.last_traffic == NEVER or stamp > self.last_traffic):
                self.last_traffic = stamp
        self.reachable = seen.endpoint is not None
        self.activity = seen.activity
        self.looked_at = now
        return moved

    def spend_unanswered(self, seen: Observed) -> None:
        """Count the data that the snapshot shows unanswered no more: it was acted on."""
        self.unanswered_since = NEVER
        self.unanswered_spent = _instant(seen.unanswered_since)

    def spend_unacknowledged(self, seen: Observed, anew_from: Instant = NEVER) -> None:
        """Count the data that the snapshot shows unacknowledged no more, or ``anew_from``."""
        self.unacknowledged_since = anew_from
        self.unacknowledged_spent = _instant(seen.unacknowledged_since)

    def keepalive_sent(self, now: Instant) -> None:
        """Count the persistent keepalive from here: the plane is told to send an empty packet."""
        self.last_traffic = now
        self.owed_at = NEVER

    @property
    def quiet(self) -> bool:
        """Whether no timer depends on data seen so far."""
        return self.unanswered_since == self.unacknowledged_since == NEVER


def _instant(stamp: Instant | None) -> Instant:
    return NEVER if stamp is None else stamp


def _since(
    stamp: Instant | None, since: Instant, spent: Instant, moved_at: Instant
) -> tuple[Instant, Instant]:
    """Return since when data waits, and the stamp that was acted on.

    A stamp that was acted on does not count twice; data that followed it counts from ``moved_at``,
    the look that sees it, because the plane stamps only the first.
    """
    if stamp is None:
        return NEVER, NEVER
    if stamp != spent:
        return stamp, NEVER
    return min(since, moved_at), spent
