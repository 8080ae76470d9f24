"""When things happen: requests, retries, looks and their deadlines (paper 6).

Data moves the plane's stamps, not our timers. A peer with traffic is looked at about once in
KEEPALIVE_TIMEOUT, however much there is of it; one without is at rest and has no deadline.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from wiresnake.door.commands import (
    Abandon,
    AnyCommand,
    ClearSource,
    DropSessions,
    EraseSessions,
    Keepalive,
    PeerNumber,
    Rest,
)
from wiresnake.door.snapshots import Observed
from wiresnake.protocol import timers
from wiresnake.protocol.constants import MAX_INITIATIONS, REKEY_TIMEOUT
from wiresnake.protocol.deadlines import Deadlines
from wiresnake.protocol.errors import HandshakeRejected
from wiresnake.protocol.exchange import Exchange
from wiresnake.protocol.pacing import Pacer
from wiresnake.protocol.peer import Peer
from wiresnake.protocol.roster import Roster
from wiresnake.values.instants import NEVER, Instant, Now

MAX_DUE: Final = 512
"""Peers looked at in one go, so that ten thousand that are due together block nothing for long."""


class Schedule:
    """The timers of all peers of one interface. They run while the link is up."""

    __slots__ = ("_counters", "_deadlines", "_exchange", "_pacer", "_random", "_roster", "up")

    def __init__(
        self,
        random: Callable[[int], bytes],
        roster: Roster,
        exchange: Exchange,
        counters: Counter[str],
    ) -> None:
        self._random = random
        self._roster = roster
        self._exchange = exchange
        self._counters = counters
        self._deadlines = Deadlines()
        self._pacer = Pacer()
        self.up = False

    def deadline(self) -> Instant | None:
        """Return the exact instant at which some peer must be looked at; None if none must."""
        return self._deadlines.next()

    def due(self, now: Instant) -> list[PeerNumber]:
        """Return the peers to look at, at most MAX_DUE; they stay due until `expire` saw them."""
        return self._deadlines.due(now, MAX_DUE)

    def arm(self, peer: Peer) -> None:
        """Move the deadline of a peer to where its activity says."""
        self._deadlines.set(peer.number, timers.next_due(peer.activity) if self.up else NEVER)

    def drop(self, peer: Peer) -> None:
        """Forget the deadline of a peer that ends."""
        self._deadlines.set(peer.number, NEVER)

    def link_up(self, now: Now) -> None:
        """Start: persistent keepalives are due, and look again at peers that had traffic."""
        self.up = True
        for peer in self._roster:
            peer.activity.looked_at = now.boottime
            peer.activity.owe_keepalive(now.boottime)
            self.arm(peer)

    def link_down(self) -> list[AnyCommand]:
        """Stop every timer; handshakes, sessions and the limits' clocks are gone."""
        self.up = False
        self._deadlines.clear()
        self._pacer.reset()
        commands: list[AnyCommand] = []
        for peer in self._roster:
            commands += self._exchange.clear_handshake(peer)
            self._exchange.release_sessions(peer)
            peer.activity.link_lost()
            peer.retries = peer.crossings = 0
            commands.append(DropSessions(peer.number))
        return commands

    def resumed(self, now: Now) -> list[AnyCommand]:
        """Erase the keys with which the machine slept, and shake hands at once.

        The keys lay in memory while nobody watched the machine, so they go, whatever their age. The
        other ends may have erased theirs, or be replaced, and their way to us through a NAT is
        probably forgotten; the first packet should not be what finds out. Only peers that had
        traffic, or whose persistent keepalive says that they want to be reachable, are worth it.
        """
        commands: list[AnyCommand] = []
        for peer in self._roster if self.up else ():
            activity = peer.activity
            wanted = activity.awake or activity.shaking
            commands += self.erase(peer)
            activity.handshake_ended()
            if activity.every < NEVER:
                activity.owe_keepalive(now.boottime)
            elif wanted:
                commands += self.request(peer, now)
            self.arm(peer)
        return commands

    def request(self, peer: Peer, now: Now) -> list[AnyCommand]:
        """Begin a handshake, when limit and pace allow; whoever asks, it is not a retry.

        The count of retries begins anew, even if one is under way (PROTOCOL: rule 1).
        """
        peer.retries = 0
        if self._exchange.private_key is None or peer.activity.shaking:
            return []
        peer.activity.wanted_at = self._pacer.reserve(now.boottime)
        return self._start(peer, now)

    def answer_unknown(self, peer: Peer, now: Now) -> list[AnyCommand]:
        """Begin anew with a peer that uses a session we lost, at most once in REKEY_TIMEOUT.

        Within the limit the request is dropped: if it mattered, the peer will send again.
        """
        if peer.activity.shaking or now.boottime < timers.limit_end(peer.activity):
            return []
        commands = self.request(peer, now)
        self.arm(peer)
        return commands

    def session_wanted(self, peer: Peer, now: Now) -> list[AnyCommand]:
        """Answer the plane: something waits for a session, or the one there is grows old."""
        commands = self.request(peer, now)
        self.arm(peer)
        return commands

    def woken(self, peer: Peer, now: Now) -> None:
        """Watch a peer that was at rest: data flows."""
        peer.activity.woken(now.boottime)
        self.arm(peer)

    def response_sent(self, peer: Peer, now: Now) -> None:
        """We answered an initiation: a session was derived, and the limit begins again.

        If our own initiation was out, the two crossed. Each end has given its own up, drops the
        response to it, and holds a session that nobody will confirm; the one that begins again
        alone mends it. Jitter is too short for that when packets take longer, so one end waits
        REKEY_TIMEOUT more: that with the lesser key, which both ends know. Should they cross again,
        as with an end that keeps no such rule, a coin decides.
        """
        crossed = peer.activity.initiated_at < NEVER
        courtesy = timers.RESPONDER_COURTESY
        if crossed:
            courtesy = REKEY_TIMEOUT if self._yields(peer) else 0.0
            peer.crossings += 1
        peer.activity.response_sent(now.boottime, courtesy, timers.jitter(self._random))
        peer.activity.reachable = True
        self.arm(peer)

    def completed(self, peer: Peer) -> None:
        """End a handshake, in either role: a session is in use."""
        peer.retries = peer.crossings = 0
        peer.activity.handshake_ended()
        peer.activity.reachable = True
        self._counters["handshakes_completed"] += 1
        self.arm(peer)

    def erase(self, peer: Peer) -> list[AnyCommand]:
        """Erase every key of the peer, ephemerals included (rule 6)."""
        had_none = peer.announced is None and peer.slots is None
        commands = self._exchange.clear_handshake(peer)
        self._exchange.release_sessions(peer)
        peer.activity.keys_from = NEVER
        return commands if had_none else [*commands, EraseSessions(peer.number)]

    def expire(self, now: Now, seen: Sequence[Observed]) -> list[AnyCommand]:
        """Look at peers: do what is due, and reckon when to look again."""
        commands: list[AnyCommand] = []
        for snapshot in seen:
            peer = self._roster.numbered(snapshot.peer)
            if peer is not None and self.up:
                commands += self._look(peer, snapshot, now)
                self.arm(peer)
        return commands

    def _look(self, peer: Peer, seen: Observed, now: Now) -> list[AnyCommand]:
        known, at = peer.activity, now.boottime
        moved = known.observe(seen, at, lambda: timers.jitter(self._random))
        commands: list[AnyCommand] = []
        if timers.erase_due(known) <= at:
            commands += self.erase(peer)
        if timers.retransmit_due(known) <= at:
            commands += self._retry(peer, seen, now)
        if timers.start_due(known) <= at:
            commands += self._start(peer, now)
        if timers.new_handshake_due(known) <= at:
            known.spend_unanswered(seen)
            commands += [ClearSource(peer.number), *self.request(peer, now)]
        commands += self._keepalive(peer, seen, at)
        if known.awake and known.quiet and not moved:
            known.awake = False
            commands.append(Rest(peer.number, seen.activity))
        return commands

    def _keepalive(self, peer: Peer, seen: Observed, now: Instant) -> list[AnyCommand]:
        known = peer.activity
        passive = timers.passive_keepalive_due(known) <= now
        persistent = timers.persistent_keepalive_due(known) <= now
        if not passive and not persistent:
            return []
        rearm = passive and seen.more_unacknowledged
        if passive:
            known.spend_unacknowledged(seen, now if rearm else NEVER)
        known.keepalive_sent(now)
        return [Keepalive(peer.number, rearm=rearm)]

    def _retry(self, peer: Peer, seen: Observed, now: Now) -> list[AnyCommand]:
        known = peer.activity
        # The kernel counts every packet that has to wait as a request of its own.
        if seen.last_staged is not None and seen.last_staged > known.initiated_at:
            peer.retries = 0
        if peer.retries >= MAX_INITIATIONS - 1:
            return self._give_up(peer, seen, now)
        peer.retries += 1
        return [ClearSource(peer.number), *self._initiate(peer, now)]

    def _start(self, peer: Peer, now: Now) -> list[AnyCommand]:
        if timers.start_due(peer.activity) > now.boottime:
            return []
        return self._initiate(peer, now)

    def _initiate(self, peer: Peer, now: Now) -> list[AnyCommand]:
        known = peer.activity
        try:
            commands = self._exchange.create_initiation(peer, now)
        except HandshakeRejected as rejected:
            # No retry can mend it: without a key, or toward a low-order one, there is no way.
            self._counters[rejected.why.name.lower()] += 1
            known.handshake_ended()
            known.limited_from = now.boottime
            return [Abandon(peer.number)]
        known.initiation_sent(now.boottime, timers.jitter(self._random))
        self._counters["initiations_sent"] += 1
        return commands

    def _give_up(self, peer: Peer, seen: Observed, now: Now) -> list[AnyCommand]:
        known = peer.activity
        known.handshake_ended()
        known.spend_unacknowledged(seen)
        known.keys_from = min(known.keys_from, now.boottime)
        peer.crossings = 0
        self._counters["handshakes_given_up"] += 1
        return [Abandon(peer.number)]

    def _yields(self, peer: Peer) -> bool:
        ours = self._exchange.private_key
        assert ours is not None  # it has just answered
        if peer.crossings == 0:
            return ours.public.raw < peer.remote.public.raw
        return bool(self._random(1)[0] & 1)
