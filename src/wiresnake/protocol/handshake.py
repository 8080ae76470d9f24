"""The handshake, Noise_IKpsk2 in two messages (paper 5.4.2, 5.4.3, 5.4.5).

``create_`` writes a message, ``consume_`` takes one in. All are pure: ephemeral keys, timestamps
and indices are brought by the caller, macs are the business of `cookies`, and what is known about
a peer (its greatest timestamp, which response is awaited) is the caller's to check and to commit.
A message that fails a check leaves everything as it was.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from wiresnake.door.commands import SessionIndex
from wiresnake.protocol.constants import IDENTIFIER
from wiresnake.protocol.errors import AuthenticationFailed, HandshakeRejected, Rejection
from wiresnake.protocol.messages import Initiation, Response
from wiresnake.protocol.transcript import Transcript
from wiresnake.values.keys import (
    KEY_SIZE,
    PresharedKey,
    PrivateKey,
    PublicKey,
    UselessExchange,
)

_NO_PRESHARED: Final = bytes(KEY_SIZE)


class Remote:
    """The other end of a handshake: its static public key and the preshared key, if any.

    ``preshared`` may be set anew at any time and counts from the next handshake.
    """

    __slots__ = ("_static_static", "_under", "preshared", "public")

    def __init__(self, public: PublicKey, preshared: PresharedKey | None = None) -> None:
        self.public = public
        self.preshared = preshared
        self._static_static = bytearray()
        self._under: PublicKey | None = None

    def static_static(self, ours: PrivateKey) -> bytearray:
        """Return the 32-byte secret of both static keys.

        It costs a Diffie-Hellman the first time, and again when our key has changed; not before,
        so that many peers load fast. Raises HandshakeRejected (LOW_ORDER).
        """
        if self._under != ours.public:
            self.forget_static_static()
            self._static_static[:] = _exchange(ours, self.public)
            self._under = ours.public
        return self._static_static

    def forget_static_static(self) -> None:
        """Wipe the secret of both static keys; it is computed again when next needed."""
        self._static_static[:] = bytes(len(self._static_static))
        self._static_static.clear()
        self._under = None

    def __repr__(self) -> str:
        return f"Remote({self.public})"


@dataclass(slots=True, eq=False)
class SessionKeys:
    """The two 32-byte keys of a session, of which this end sends with one (paper 5.4.5)."""

    send: bytearray = field(repr=False)
    receive: bytearray = field(repr=False)

    def wipe(self) -> None:
        """Overwrite both keys with zeros."""
        for key in (self.send, self.receive):
            key[:] = bytes(len(key))


@dataclass(slots=True, eq=False)
class AwaitingResponse:
    """What the initiator keeps until the response comes. ``sender`` is our index."""

    sender: SessionIndex
    ephemeral: PrivateKey = field(repr=False)
    transcript: Transcript = field(repr=False)

    def wipe(self) -> None:
        """Erase the ephemeral key and the transcript: no response is awaited any more."""
        self.ephemeral.wipe()
        self.transcript.wipe()


@dataclass(slots=True, eq=False)
class ReceivedInitiation:
    """An authentic initiation: whose it is, and what `create_response` goes on from.

    Authentic does not mean fresh: the caller compares ``timestamp`` (12 bytes) with the greatest
    seen from ``static``.
    """

    static: PublicKey
    timestamp: bytes
    sender: SessionIndex
    ephemeral: PublicKey
    transcript: Transcript = field(repr=False)

    def wipe(self) -> None:
        """Erase the transcript: the initiation will not be answered."""
        self.transcript.wipe()


def create_initiation(
    ours: PrivateKey,
    remote: Remote,
    *,
    sender: SessionIndex,
    ephemeral: PrivateKey,
    timestamp: bytes,
    prologue: bytes = IDENTIFIER,
) -> tuple[Initiation, AwaitingResponse]:
    """Write ``-> e, es, s, ss, {t}`` (paper 5.4.2).

    The caller brings a fresh ephemeral key and the time, so a test can replay a recorded handshake
    byte for byte. Raises HandshakeRejected (LOW_ORDER) if the remote key is of low order.
    """
    with Transcript.toward(remote.public.raw, prologue) as noise:
        noise.mix_ephemeral(ephemeral.public.raw)  # e
        key = noise.mix_secret(_exchange(ephemeral, remote.public))  # es
        static = noise.seal(key, ours.public.raw)  # s
        key = noise.mix_secret(remote.static_static(ours))  # ss
        when = noise.seal(key, timestamp)  # {t}
    message = Initiation(sender, ephemeral.public.raw, static, when)
    return message, AwaitingResponse(sender, ephemeral, noise)


def consume_initiation(
    ours: PrivateKey,
    message: Initiation,
    find: Callable[[PublicKey], Remote | None],
    *,
    prologue: bytes = IDENTIFIER,
) -> ReceivedInitiation:
    """Read ``-> e, es, s, ss, {t}`` (paper 5.4.2). ``find`` knows the peers by static key.

    Raises HandshakeRejected (LOW_ORDER, BAD_STATIC, UNKNOWN_PEER, BAD_TIMESTAMP).
    """
    ephemeral = PublicKey(message.ephemeral)
    with Transcript.toward(ours.public.raw, prologue) as noise:
        noise.mix_ephemeral(message.ephemeral)  # e
        key = noise.mix_secret(_exchange(ours, ephemeral))  # es
        static = PublicKey(_open(noise, key, message.static, Rejection.BAD_STATIC))  # s
        remote = find(static)
        if remote is None:
            raise HandshakeRejected(Rejection.UNKNOWN_PEER)
        key = noise.mix_secret(remote.static_static(ours))  # ss
        timestamp = _open(noise, key, message.timestamp, Rejection.BAD_TIMESTAMP)  # {t}
    return ReceivedInitiation(static, timestamp, message.sender, ephemeral, noise)


def create_response(
    received: ReceivedInitiation,
    remote: Remote,
    *,
    sender: SessionIndex,
    ephemeral: PrivateKey,
    payload: bytes = b"",
) -> tuple[Response, SessionKeys]:
    """Write ``<- e, ee, se, psk, {}`` and derive the responder's keys (paper 5.4.3, 5.4.5).

    Uses ``received`` and ``ephemeral`` up: both are wiped. ``payload`` is nothing in WireGuard.
    Raises HandshakeRejected (LOW_ORDER) and then wipes neither.
    """
    with received.transcript.copy() as noise:
        noise.mix_ephemeral(ephemeral.public.raw)  # e
        noise.mix_secret(_exchange(ephemeral, received.ephemeral))  # ee
        noise.mix_secret(_exchange(ephemeral, received.static))  # se
        key = noise.mix_preshared(_preshared(remote))  # psk
        empty = noise.seal(key, payload)  # {}
        send_initiator, send_responder = noise.split()
    received.wipe()
    ephemeral.wipe()
    message = Response(sender, received.sender, ephemeral.public.raw, empty)
    return message, SessionKeys(send=send_responder, receive=send_initiator)


def consume_response(
    ours: PrivateKey, remote: Remote, awaiting: AwaitingResponse, message: Response
) -> SessionKeys:
    """Read ``<- e, ee, se, psk, {}`` and derive the initiator's keys (paper 5.4.3, 5.4.5).

    Uses ``awaiting`` up: it is wiped. Raises HandshakeRejected (LOW_ORDER, BAD_CONFIRMATION), after
    which the true response is awaited as before.
    """
    ephemeral = PublicKey(message.ephemeral)
    with awaiting.transcript.copy() as noise:
        noise.mix_ephemeral(message.ephemeral)  # e
        noise.mix_secret(_exchange(awaiting.ephemeral, ephemeral))  # ee
        noise.mix_secret(_exchange(ours, ephemeral))  # se
        key = noise.mix_preshared(_preshared(remote))  # psk
        _open(noise, key, message.empty, Rejection.BAD_CONFIRMATION)  # {}
        send_initiator, send_responder = noise.split()
    awaiting.wipe()
    return SessionKeys(send=send_initiator, receive=send_responder)


def _preshared(remote: Remote) -> bytes:
    return _NO_PRESHARED if remote.preshared is None else remote.preshared.reveal()


def _exchange(ours: PrivateKey, theirs: PublicKey) -> bytes:
    try:
        return ours.exchange(theirs)
    except UselessExchange:
        raise HandshakeRejected(Rejection.LOW_ORDER) from None


def _open(noise: Transcript, key: bytes, sealed: bytes, why: Rejection) -> bytes:
    try:
        return noise.open(key, sealed)
    except AuthenticationFailed:
        raise HandshakeRejected(why) from None
