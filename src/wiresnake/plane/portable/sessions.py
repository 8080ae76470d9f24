"""Sessions: the keypairs of a peer, and the table that finds one by its index (PROTOCOL: sessions).

A peer has three slots: ``current`` sends and receives, ``previous`` and ``next`` only receive.
"""

from typing import Final

from wiresnake.door.commands import Session, SessionIndex
from wiresnake.plane.portable.peers import Peer
from wiresnake.plane.portable.replay import ReplayWindow
from wiresnake.plane.portable.transport import opener, sealer
from wiresnake.protocol.constants import REJECT_AFTER_MESSAGES
from wiresnake.values.instants import Instant

MAX_COUNTER: Final = (1 << 64) - 1


class Keypair:
    """One session of one peer: its two keys, its counters and its limits.

    ``counter`` is the next to send. ``asked_on_send`` and ``asked_on_receive`` say that the wish
    for a successor was raised already.
    """

    __slots__ = (
        "asked_on_receive",
        "asked_on_send",
        "counter",
        "dies_at",
        "initiator",
        "local_index",
        "may_send",
        "open",
        "peer",
        "remote_index",
        "renew_on_receive_at",
        "renew_on_send_at",
        "seal",
        "window",
    )

    def __init__(self, peer: Peer, session: Session) -> None:
        self.peer = peer
        self.local_index = session.local_index
        self.remote_index = session.remote_index
        self.seal = sealer(session.send_key)
        self.open = opener(session.receive_key)
        self.window = ReplayWindow()
        self.counter = session.first_counter
        self.initiator = session.initiator
        self.renew_on_send_at = session.renew_on_send_at
        self.renew_on_receive_at = session.renew_on_receive_at
        self.dies_at = session.dies_at
        self.may_send = True
        self.asked_on_send = False
        self.asked_on_receive = False

    def can_send(self, now: Instant) -> bool:
        """Whether a packet may go out under this session."""
        return self.may_send and now < self.dies_at and self.counter < REJECT_AFTER_MESSAGES

    def __repr__(self) -> str:
        return f"Keypair({self.local_index:08x}, keys hidden)"


class Sessions:
    """All keypairs of the interface by the index that arrives in a message, and the slot rules.

    The lookup is the interface's, never a peer's: an index alone says whose message it is.
    """

    __slots__ = ("by_index",)

    def __init__(self) -> None:
        self.by_index: dict[SessionIndex, Keypair] = {}

    def install(self, peer: Peer, session: Session) -> None:
        """Put a new session in its slot: the initiator's is current, the responder's is next."""
        keypair = Keypair(peer, session)
        self.by_index[session.local_index] = keypair
        if keypair.initiator:
            self._drop(peer.previous)
            if peer.next is not None:
                peer.previous = peer.next
                peer.next = None
                self._drop(peer.current)
            else:
                peer.previous = peer.current
            peer.current = keypair
        else:
            self._drop(peer.next)
            self._drop(peer.previous)
            peer.previous = None
            peer.next = keypair

    def promote(self, peer: Peer) -> None:
        """Make next current: its first good message has come, so the other end holds the keys."""
        self._drop(peer.previous)
        peer.previous = peer.current
        peer.current = peer.next
        peer.next = None

    def erase(self, peer: Peer) -> None:
        """Drop all three sessions of the peer."""
        for keypair in (peer.current, peer.previous, peer.next):
            self._drop(keypair)
        peer.current = peer.previous = peer.next = None

    def _drop(self, keypair: Keypair | None) -> None:
        if keypair is not None:
            del self.by_index[keypair.local_index]


def has_live_session(peer: Peer, now: Instant) -> bool:
    """Whether any of the three sessions may still receive."""
    return any(
        keypair is not None and now < keypair.dies_at
        for keypair in (peer.current, peer.next, peer.previous)
    )


def stop_sending(peer: Peer) -> None:
    """Forbid current and next to send; they may receive until they die."""
    for keypair in (peer.current, peer.next):
        if keypair is not None:
            keypair.may_send = False
