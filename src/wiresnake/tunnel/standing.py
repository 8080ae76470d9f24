"""How a tunnel stands: what the protocol and the plane can tell of peers and of themselves."""

from collections.abc import Callable, Sequence

from wiresnake.config.model import PeerConfig
from wiresnake.config.uapi import PeerStatus
from wiresnake.door.snapshots import Observed
from wiresnake.plane.contract import DataPlane
from wiresnake.protocol.activity import LONG_AGO
from wiresnake.protocol.interface import Interface
from wiresnake.values.instants import Instant, Now
from wiresnake.values.keys import PublicKey


class Standing:
    """Reads one tunnel, and alters nothing. Every call may raise PlaneLost."""

    def __init__(self, interface: Interface, plane: DataPlane, now: Callable[[], Now]) -> None:
        self._interface = interface
        self._plane = plane
        self.now = now

    @property
    def plane(self) -> str:
        """The kind of the plane: ``portable`` or ``native``."""
        return self._plane.kind

    def counters(self) -> dict[str, int]:
        """Return how often what happened, in the plane and in the protocol."""
        return self._plane.counters() | self._interface.counters

    def observe(self, keys: Sequence[PublicKey]) -> dict[PublicKey, Observed]:
        """Return snapshots of these peers; those that do not exist (any more) are left out."""
        numbers = {self._interface.number_of(key): key for key in keys}
        asked = [number for number in numbers if number is not None]
        return {numbers[seen.peer]: seen for seen in self._plane.observe(asked)}

    def status(self, peers: Sequence[PeerConfig]) -> list[tuple[PeerConfig, PeerStatus]]:
        """Return each of these peers with where it stands."""
        observed = self.observe([peer.public_key for peer in peers])
        reading = []
        for peer in peers:
            now = observed.get(peer.public_key)
            handshake = self._interface.last_handshake(peer.public_key) or 0
            status = (
                PeerStatus(peer.endpoint, handshake, 0, 0)
                if now is None
                else PeerStatus(now.endpoint, handshake, now.tx_bytes, now.rx_bytes)
            )
            reading.append((peer, status))
        return reading

    def last_handshake(self, key: PublicKey) -> Instant:
        """Return when a handshake with the peer last completed; LONG_AGO if none did.

        As the wall clock has it, which may have been set since.
        """
        completed = self._interface.last_handshake(key)
        if completed is None:
            return LONG_AGO
        now = self.now()
        return now.boottime - max(0, now.wall - completed) / 1e9
