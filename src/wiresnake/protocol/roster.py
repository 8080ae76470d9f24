"""The peers of one interface, by number and by key."""

from collections.abc import Iterator

from wiresnake.door.commands import PeerNumber
from wiresnake.protocol.handshake import Remote
from wiresnake.protocol.peer import Peer
from wiresnake.values.keys import PresharedKey, PublicKey


class Roster:
    """Who the peers are. A number is never given twice."""

    __slots__ = ("_by_key", "_by_number", "_departed", "_next")

    def __init__(self) -> None:
        self._by_number: dict[PeerNumber, Peer] = {}
        self._by_key: dict[PublicKey, Peer] = {}
        self._departed: dict[PublicKey, bytes] = {}
        self._next: PeerNumber = 1

    def add(self, public: PublicKey, preshared: PresharedKey | None) -> Peer:
        """Make a peer; one that left in the same request has its greatest timestamp again.

        No Diffie-Hellman is done here.
        """
        peer = Peer(self._next, Remote(public, preshared))
        peer.greatest_timestamp = self._departed.pop(public, b"")
        self._next += 1
        self._by_number[peer.number] = self._by_key[public] = peer
        return peer

    def remove(self, peer: Peer) -> None:
        """End a peer, keeping its greatest timestamp until `forget_departed`.

        A request that replaces all peers may list it again; with the timestamp lost, initiations
        recorded before could be replayed.
        """
        del self._by_number[peer.number], self._by_key[peer.remote.public]
        if peer.greatest_timestamp:
            self._departed[peer.remote.public] = peer.greatest_timestamp

    def forget_departed(self) -> None:
        """Let go of those who left: the request is over."""
        self._departed.clear()

    def named(self, public: PublicKey) -> Peer | None:
        """Return the peer with this static key."""
        return self._by_key.get(public)

    def numbered(self, number: PeerNumber) -> Peer | None:
        """Return the peer with this number, which may have ended."""
        return self._by_number.get(number)

    def remote(self, public: PublicKey) -> Remote | None:
        """Return the far end that an initiation claims to come from."""
        peer = self._by_key.get(public)
        return None if peer is None else peer.remote

    def __iter__(self) -> Iterator[Peer]:
        return iter(self._by_number.values())

    def __len__(self) -> int:
        return len(self._by_number)
