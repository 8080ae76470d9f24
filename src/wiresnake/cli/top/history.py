"""What two and more readings of an interface say together: rates, and how they went lately."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from wiresnake.config.reply import Report, ReportedPeer
from wiresnake.values.keys import PublicKey

REMEMBERED: Final = 60
"""Rates that are kept of each peer and interface."""
LIVE_WITHIN: Final = 180
"""Seconds since a handshake in which a session can be used (REJECT_AFTER_TIME)."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One look at an interface: at ``at`` (seconds that never jump) and ``wall`` (since 1970).

    ``statistics`` is what the daemon's control socket says, empty where there is none.
    """

    at: float
    wall: float
    report: Report
    statistics: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Flow:
    """Bytes that go in and out: now, in bytes a second, and both together lately."""

    received: float = 0.0
    sent: float = 0.0
    lately: deque[float] = field(default_factory=lambda: deque(maxlen=REMEMBERED))

    def note(self, received: float, sent: float) -> None:
        """Take in the rates since the last reading."""
        self.received, self.sent = received, sent
        self.lately.append(received + sent)


class History:
    """The flows of one interface and of its peers, from reading to reading."""

    def __init__(self) -> None:
        self.total = Flow()
        self._last: Reading | None = None
        self._counts: dict[PublicKey, tuple[int, int]] = {}
        self._flows: dict[PublicKey, Flow] = {}

    def note(self, reading: Reading) -> None:
        """Take in a reading. The first one of a peer gives no rate, nor one that counts anew."""
        before, self._last = self._last, reading
        peers = {peer.public_key: peer for peer in reading.report.peers}
        self._flows = {key: self._flows.get(key) or Flow() for key in peers}
        if before is not None and reading.at > before.at:
            seconds = reading.at - before.at
            for key, peer in peers.items():
                self._flows[key].note(*self._grown(key, peer, seconds))
            flows = self._flows.values()
            self.total.note(sum(it.received for it in flows), sum(it.sent for it in flows))
        self._counts = {key: (peer.rx_bytes, peer.tx_bytes) for key, peer in peers.items()}

    def flow(self, key: PublicKey) -> Flow:
        """Return how much goes between us and this peer of the last reading."""
        return self._flows[key]

    def busiest_first(self) -> list[ReportedPeer]:
        """Return the peers of the last reading: those with traffic first, then the latest heard."""
        if self._last is None:
            return []

        def rank(peer: ReportedPeer) -> tuple[float, int]:
            flow = self._flows[peer.public_key]
            return -(flow.received + flow.sent), -peer.last_handshake_ns

        return sorted(self._last.report.peers, key=rank)

    def _grown(self, key: PublicKey, peer: ReportedPeer, seconds: float) -> tuple[float, float]:
        received, sent = self._counts.get(key, (peer.rx_bytes, peer.tx_bytes))
        return (
            max(0, peer.rx_bytes - received) / seconds,
            max(0, peer.tx_bytes - sent) / seconds,
        )
