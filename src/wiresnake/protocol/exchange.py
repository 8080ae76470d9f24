"""The handshake messages of one interface: made, answered, and what is kept in between.

A message that fails a check changes nothing: every check runs on copies before the first fact is
set. When things are due is the business of `schedule`.
"""

from collections.abc import Callable, Iterable
from typing import TypeAlias

from wiresnake.door.commands import (
    AnyCommand,
    Expect,
    Follow,
    Install,
    Send,
    Session,
    SessionIndex,
    Unexpect,
)
from wiresnake.door.path import Path
from wiresnake.protocol.constants import (
    REJECT_AFTER_TIME,
    REKEY_AFTER_TIME,
    RENEW_ON_RECEIVE_AFTER,
)
from wiresnake.protocol.cookies import mac1_key, mac1_of, seal_macs
from wiresnake.protocol.errors import HandshakeRejected, Rejection
from wiresnake.protocol.handshake import (
    ReceivedInitiation,
    Remote,
    SessionKeys,
    consume_initiation,
    consume_response,
    create_initiation,
    create_response,
)
from wiresnake.protocol.indices import Indices
from wiresnake.protocol.messages import (
    INITIATION_SIZE,
    RESPONSE_SIZE,
    CookieReply,
    Initiation,
    Response,
)
from wiresnake.protocol.peer import Peer
from wiresnake.protocol.roster import Roster
from wiresnake.protocol.slots import Slots
from wiresnake.values.instants import NEVER, Instant, Now
from wiresnake.values.keys import KEY_SIZE, PrivateKey

KeyLog: TypeAlias = Callable[[PrivateKey, Remote, PrivateKey], None]
"""Is shown the keys of each handshake message we make, while they are there: ours, the other end's,
and our ephemeral one. It keeps none of these objects, for they are wiped."""


class Exchange:
    """Shakes hands in the name of one private key.

    Of each peer at most one index is announced to the plane (`Expect`): that of our latest
    handshake message. So only the latest can be answered, by a response or by a cookie reply.
    """

    __slots__ = ("_announced", "_indices", "_key_log", "_random", "_roster", "private_key")

    def __init__(
        self, random: Callable[[int], bytes], roster: Roster, key_log: KeyLog | None = None
    ) -> None:
        self._random = random
        self._key_log = key_log
        self._roster = roster
        self._indices = Indices(random)
        self._announced: dict[SessionIndex, Peer] = {}
        self.private_key: PrivateKey | None = None

    def create_initiation(self, peer: Peer, now: Now) -> list[AnyCommand]:
        """Begin a handshake, in place of any under way, with a fresh ephemeral, time and index.

        Raises HandshakeRejected (NO_PRIVATE_KEY, LOW_ORDER).
        """
        ours = self._identity()
        index = self._indices.allocate()
        ephemeral = PrivateKey.generate(self._random(KEY_SIZE))
        try:
            message, awaiting = create_initiation(
                ours,
                peer.remote,
                sender=index,
                ephemeral=ephemeral,
                timestamp=peer.next_timestamp(now),
            )
        except HandshakeRejected:
            ephemeral.wipe()
            self._indices.release(index)
            raise
        if self._key_log is not None:
            self._key_log(ours, peer.remote, ephemeral)
        commands = self.clear_handshake(peer)
        peer.awaiting = awaiting
        datagram = _sealed(peer, message.encode(), now)
        return [*commands, self._announce(peer, index), Send(peer.number, datagram)]

    def consume_initiation(
        self, message: Initiation, path: Path, now: Now
    ) -> tuple[Peer, list[AnyCommand]]:
        """Answer an initiation. Our own that is under way is given up for it (PROTOCOL: handshake).

        The session is installed before the response leaves, so that nothing it brings back comes
        too early. Raises HandshakeRejected.
        """
        received = consume_initiation(self._identity(), message, self._roster.remote)
        peer = self._roster.named(received.static)
        assert peer is not None  # or `consume_initiation` had rejected it
        index = self._indices.allocate()
        try:
            peer.check_fresh(received.timestamp, now.boottime)
            response, keys = self._create_response(received, peer, index)
        except HandshakeRejected:
            received.wipe()
            self._indices.release(index)
            raise
        peer.greatest_timestamp = received.timestamp
        peer.accepted_at = now.boottime
        commands = self.clear_handshake(peer)
        session = _session(keys, index, received.sender, now.boottime, initiator=False)
        self._release(_slots(peer).install_responder(index))
        datagram = _sealed(peer, response.encode(), now)
        return peer, [
            *commands,
            Install(peer.number, session),
            Follow(peer.number, path, INITIATION_SIZE),
            self._announce(peer, index),
            Send(peer.number, datagram, path),
        ]

    def consume_response(
        self, message: Response, path: Path, now: Now
    ) -> tuple[Peer, list[AnyCommand]]:
        """Finish the handshake that we began.

        The endpoint follows first, so that what `Install` flushes goes to the right place. Raises
        HandshakeRejected.
        """
        peer = self._announced.get(message.receiver)
        if peer is None or peer.awaiting is None:
            raise HandshakeRejected(Rejection.NOT_AWAITED)
        index = peer.awaiting.sender
        keys = consume_response(self._identity(), peer.remote, peer.awaiting, message)
        peer.awaiting = None
        session = _session(keys, index, message.sender, now.boottime, initiator=True)
        self._release(_slots(peer).install_initiator(index))
        peer.last_handshake = now.wall
        return peer, [
            *self._retract(peer),
            Follow(peer.number, path, RESPONSE_SIZE),
            Install(peer.number, session),
        ]

    def consume_cookie(self, message: CookieReply, now: Now) -> None:
        """Keep the cookie for the next message to the peer. Raises HandshakeRejected.

        Nothing is sent again at once: the retry carries it (paper 6.6).
        """
        peer = self._announced.get(message.receiver)
        if peer is None:
            raise HandshakeRejected(Rejection.NOT_AWAITED)
        peer.jar.consume_reply(message, now.boottime)

    def holds(self, peer: Peer, index: SessionIndex) -> bool:
        """Whether the peer has a session of this index; one that was erased is known no more."""
        return peer.slots is not None and index in peer.slots.held()

    def confirm(self, peer: Peer, index: SessionIndex, now: Now) -> list[AnyCommand]:
        """Note that the initiator used the session which we derived for it, and which we hold."""
        peer.last_handshake = now.wall
        assert peer.slots is not None
        self._release(peer.slots.confirm(index))
        return self._retract(peer) if peer.announced == index else []

    def clear_handshake(self, peer: Peer) -> list[AnyCommand]:
        """Erase the handshake under way, ephemeral key and all; sessions stay."""
        commands = self._retract(peer)
        if peer.awaiting is not None:
            self._indices.release(peer.awaiting.sender)
            peer.awaiting.wipe()
            peer.awaiting = None
        return commands

    def release_sessions(self, peer: Peer) -> None:
        """Let go of the indices of all sessions: the plane is told to drop them."""
        if peer.slots is not None:
            self._release(peer.slots.held())
            peer.slots = None

    def _identity(self) -> PrivateKey:
        if self.private_key is None:
            raise HandshakeRejected(Rejection.NO_PRIVATE_KEY)
        return self.private_key

    def _create_response(
        self, received: ReceivedInitiation, peer: Peer, index: SessionIndex
    ) -> tuple[Response, SessionKeys]:
        ephemeral = PrivateKey.generate(self._random(KEY_SIZE))
        if self._key_log is not None:
            self._key_log(self._identity(), peer.remote, ephemeral)
        try:
            return create_response(received, peer.remote, sender=index, ephemeral=ephemeral)
        finally:
            ephemeral.wipe()

    def _release(self, indices: Iterable[SessionIndex]) -> None:
        for index in indices:
            self._indices.release(index)

    def _announce(self, peer: Peer, index: SessionIndex) -> Expect:
        peer.announced = index
        self._announced[index] = peer
        return Expect(index)

    def _retract(self, peer: Peer) -> list[AnyCommand]:
        if peer.announced is None:
            return []
        index, peer.announced = peer.announced, None
        del self._announced[index]
        return [Unexpect(index)]


def _slots(peer: Peer) -> Slots:
    if peer.slots is None:
        peer.slots = Slots()
    return peer.slots


def _sealed(peer: Peer, message: bytes, now: Now) -> bytes:
    key = mac1_key(peer.remote.public.raw)
    datagram = seal_macs(message, key, peer.jar.cookie(now.boottime))
    peer.jar.remember(mac1_of(datagram))
    return datagram


def _session(
    keys: SessionKeys,
    local: SessionIndex,
    remote: SessionIndex,
    born: Instant,
    *,
    initiator: bool,
) -> Session:
    # Only the initiator renews, so that both ends do not begin at once (paper 6.2).
    session = Session(
        local_index=local,
        remote_index=remote,
        send_key=bytes(keys.send),
        receive_key=bytes(keys.receive),
        initiator=initiator,
        born=born,
        renew_on_send_at=born + REKEY_AFTER_TIME if initiator else NEVER,
        renew_on_receive_at=born + RENEW_ON_RECEIVE_AFTER if initiator else NEVER,
        dies_at=born + REJECT_AFTER_TIME,
    )
    keys.wipe()
    return session
