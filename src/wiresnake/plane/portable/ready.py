"""Edges: notices that are one bit on a peer, in a list of peers that have any.

However often a cause recurs, one notice waits for it; so the list is bounded by the peers, and
nothing in it is ever dropped.
"""

from typing import Final

from wiresnake.door.notices import (
    AnyNotice,
    SessionConfirmed,
    SessionUnknown,
    SessionWanted,
    TrafficWoke,
    Why,
)
from wiresnake.plane.portable.peers import Peer

WANTED_STAGED: Final = 1
WANTED_SENT_LATE: Final = 2
WANTED_RECEIVED_LATE: Final = 4
CONFIRMED: Final = 8
WOKE: Final = 16
UNKNOWN: Final = 32

_WISHES: Final = (
    (WANTED_STAGED, Why.STAGED),
    (WANTED_SENT_LATE, Why.SENT_LATE),
    (WANTED_RECEIVED_LATE, Why.RECEIVED_LATE),
)


class ReadyList:
    """The peers that have something to say."""

    __slots__ = ("_peers",)

    def __init__(self) -> None:
        self._peers: dict[Peer, None] = {}

    def raise_edge(self, peer: Peer, edge: int) -> None:
        """Set one bit; without effect while it waits to be drained."""
        peer.edges |= edge
        self._peers[peer] = None

    def wake(self, peer: Peer) -> None:
        """End the rest of a peer, since data moved, and say so."""
        peer.resting = False
        self.raise_edge(peer, WOKE)

    def withdraw(self, peer: Peer) -> None:
        """Forget what a peer had to say, since it ends."""
        peer.edges = 0
        self._peers.pop(peer, None)

    def collect(self) -> list[AnyNotice]:
        """Return all notices, peers in the order in which they became ready, and forget them."""
        notices: list[AnyNotice] = []
        for peer in self._peers:
            edges, peer.edges = peer.edges, 0
            if peer.staged is None:
                edges &= ~WANTED_STAGED  # a session came meanwhile, or what waited was dropped
            if edges & CONFIRMED and peer.confirmed is not None:
                notices.append(SessionConfirmed(peer.number, *peer.confirmed))
            if edges & WOKE:
                notices.append(TrafficWoke(peer.number))
            notices.extend(SessionWanted(peer.number, why) for edge, why in _WISHES if edges & edge)
            if edges & UNKNOWN:
                notices.append(SessionUnknown(peer.number))
        self._peers.clear()
        return notices

    def __len__(self) -> int:
        return len(self._peers)
