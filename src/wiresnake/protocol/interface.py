"""One WireGuard interface, as control knows it: a few verbs with the time as an argument.

Each verb returns the commands that the data plane is to carry out, in order. Nothing here reads a
clock, opens a socket or draws randomness of its own, so a whole tunnel runs in a test.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from wiresnake.config.model import Edit
from wiresnake.door.commands import AnyCommand, PeerNumber, SessionIndex
from wiresnake.door.notices import (
    AnyNotice,
    Handshake,
    PlaneFailed,
    SessionConfirmed,
    SessionUnknown,
    SessionWanted,
    TrafficWoke,
)
from wiresnake.door.path import Path
from wiresnake.door.snapshots import Observed
from wiresnake.protocol.errors import HandshakeRejected, MalformedDatagram
from wiresnake.protocol.exchange import Exchange, KeyLog
from wiresnake.protocol.messages import (
    CookieReply,
    Initiation,
    Response,
    decode_handshake_untrusted,
)
from wiresnake.protocol.peer import Peer
from wiresnake.protocol.reconfigure import Reconfiguration
from wiresnake.protocol.roster import Roster
from wiresnake.protocol.schedule import Schedule
from wiresnake.values.instants import Instant, Now
from wiresnake.values.keys import PublicKey


class Interface:
    """The verbs. ``random(n)`` gives n random bytes, fit for keys; ``key_log`` shows secrets.

    The caller drains the plane and hands on what it drained before it calls `expire`, with fresh
    snapshots of the peers that `due` named.
    """

    def __init__(self, random: Callable[[int], bytes], key_log: KeyLog | None = None) -> None:
        self._counters: Counter[str] = Counter()
        self._roster = Roster()
        self._exchange = Exchange(random, self._roster, key_log)
        self._schedule = Schedule(random, self._roster, self._exchange, self._counters)
        self._reconfiguration = Reconfiguration(self._roster, self._exchange, self._schedule)

    def reconfigure(self, edits: Iterable[Edit], now: Now) -> list[AnyCommand]:
        """Alter the interface. Raises ImpossibleEdit, a ValueError, before the first effect."""
        return self._reconfiguration.apply(list(edits), now)

    def link(self, up: bool, now: Now) -> list[AnyCommand]:
        """Go up or down. Down ends handshakes, sessions and timers; the rest of a peer stays."""
        if up == self._schedule.up:
            return []
        if not up:
            return self._schedule.link_down()
        self._schedule.link_up(now)
        return []

    def resumed(self, now: Now) -> list[AnyCommand]:
        """Take up again after the machine slept: see `Schedule.resumed`."""
        return self._schedule.resumed(now)

    def receive(self, datagram: bytes, path: Path, now: Now) -> list[AnyCommand]:
        """Take in a handshake message or cookie reply that the plane's doorman let pass.

        What is not acceptable is counted and dropped without a word.
        """
        if not self._schedule.up:
            return []
        try:
            return self._receive_untrusted(datagram, path, now)
        except MalformedDatagram:
            self._counters["malformed"] += 1
        except HandshakeRejected as rejected:
            self._counters[rejected.why.name.lower()] += 1
        return []

    def notice(self, notice: AnyNotice, now: Now) -> list[AnyCommand]:
        """Take in a notice of the plane; one about a peer that has ended says nothing.

        Raises TypeError for PlaneFailed, which is for the caller to act on.
        """
        if isinstance(notice, PlaneFailed):
            raise TypeError("a plane that failed is no matter of the protocol")
        if isinstance(notice, Handshake):
            return self.receive(notice.datagram, notice.path, now)
        peer = self._roster.numbered(notice.peer)
        if peer is None:
            return []
        match notice:
            case TrafficWoke():
                # Also while down: the plane says it once, and keeps it in mind over down and up.
                self._schedule.woken(peer, now)
            case SessionWanted() if self._schedule.up:
                return self._schedule.session_wanted(peer, now)
            case SessionConfirmed(_, index, _) if self._exchange.holds(peer, index):
                return self._confirmed(peer, index, now)
            case SessionUnknown() if self._schedule.up:
                return self._schedule.answer_unknown(peer, now)
        return []

    def deadline(self) -> Instant | None:
        """Return the exact instant at which `due` has something; None if never."""
        return self._schedule.deadline()

    def due(self, now: Now) -> list[PeerNumber]:
        """Return the peers to observe and hand to `expire`, earliest first.

        If there are very many, some now and the rest when asked again.
        """
        return self._schedule.due(now.boottime)

    def expire(self, now: Now, seen: Sequence[Observed]) -> list[AnyCommand]:
        """Do what has fallen due, by these snapshots."""
        return self._schedule.expire(now, seen)

    @property
    def counters(self) -> dict[str, int]:
        """How often what happened: initiations sent, handshakes ended, each kind of rejection."""
        return dict(self._counters)

    def number_of(self, public_key: PublicKey) -> PeerNumber | None:
        """Return the number under which the plane knows this peer."""
        peer = self._roster.named(public_key)
        return None if peer is None else peer.number

    def key_of(self, number: PeerNumber) -> PublicKey | None:
        """Return the static key of the peer with this number; None when it has ended."""
        peer = self._roster.numbered(number)
        return None if peer is None else peer.remote.public

    def last_handshake(self, public_key: PublicKey) -> int | None:
        """Return when a handshake with this peer last completed, in wall clock nanoseconds."""
        peer = self._roster.named(public_key)
        return None if peer is None else peer.last_handshake

    def _receive_untrusted(self, datagram: bytes, path: Path, now: Now) -> list[AnyCommand]:
        match decode_handshake_untrusted(datagram):
            case Initiation() as initiation:
                peer, commands = self._exchange.consume_initiation(initiation, path, now)
                self._schedule.response_sent(peer, now)
                self._counters["responses_sent"] += 1
                return commands
            case Response() as response:
                peer, commands = self._exchange.consume_response(response, path, now)
                peer.activity.keys_from = now.boottime
                self._schedule.completed(peer)
                return commands
            case CookieReply() as reply:
                self._exchange.consume_cookie(reply, now)
                self._counters["cookies_received"] += 1
        return []

    def _confirmed(self, peer: Peer, index: SessionIndex, now: Now) -> list[AnyCommand]:
        commands = self._exchange.confirm(peer, index, now)
        self._schedule.completed(peer)
        return commands
