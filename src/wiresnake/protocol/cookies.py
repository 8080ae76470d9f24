"""The two macs of a handshake message, and the cookies of an end under load (paper 5.3, 5.4.4,
5.4.7).

mac1 proves that the sender knows who we are; mac2 that it receives what is sent to its address.
Both cost one hash, so they are checked before any Diffie-Hellman.
"""

from collections.abc import Callable
from hmac import compare_digest
from struct import Struct
from typing import Final

from wiresnake.protocol.constants import (
    COOKIE_LATENCY,
    COOKIE_SECRET_MAX_AGE,
    LABEL_COOKIE,
    LABEL_MAC1,
)
from wiresnake.protocol.errors import AuthenticationFailed, HandshakeRejected, Rejection
from wiresnake.protocol.messages import MACS_SIZE, NO_MAC, CookieReply, sender_index
from wiresnake.protocol.primitives import (
    KEY_SIZE,
    MAC_SIZE,
    XNONCE_SIZE,
    Bytes,
    XAead,
    blake2s_hash,
    mac,
    xaead_open,
)
from wiresnake.values.addresses import Endpoint
from wiresnake.values.instants import NEVER, Instant

_PORT: Final = Struct(">H")


def mac1_key(recipient: bytes) -> bytes:
    """Return the 32-byte key of mac1 in messages toward this 32-byte static public key."""
    return blake2s_hash(LABEL_MAC1, recipient)


def cookie_key(public: bytes) -> bytes:
    """Return the 32-byte key that seals the cookie replies of this 32-byte static public key."""
    return blake2s_hash(LABEL_COOKIE, public)


def seal_macs(message: bytes, key: bytes, cookie: bytes | None) -> bytes:
    """Return an encoded initiation or response with both macs filled in (paper 5.4.4).

    ``key`` is `mac1_key` of the recipient, ``cookie`` the latest 16 bytes it gave us; without one
    mac2 is zero.
    """
    with_mac1 = message[:-MACS_SIZE] + mac(key, message[:-MACS_SIZE])
    return with_mac1 + (mac(cookie, with_mac1) if cookie is not None else NO_MAC)


def mac1_of(message: Bytes) -> bytes:
    """Return mac1, 16 bytes, of an encoded initiation or response whose size was checked."""
    return bytes(message[-MACS_SIZE:-MAC_SIZE])


def has_valid_mac1(key: bytes, datagram: Bytes) -> bool:
    """Whether an initiation or response, its size checked, has the mac1 that ``key`` gives."""
    return compare_digest(mac(key, datagram[:-MACS_SIZE]), datagram[-MACS_SIZE:-MAC_SIZE])


class CookieMaker:
    """Makes and checks cookies for the senders of handshake messages, while under load.

    A cookie is a mac over the sender's address and port under a secret of our own, so nothing is
    remembered about anybody. The secret lives 120 s; the one before it counts no more, hence a
    cookie is never honoured for longer than that.
    """

    __slots__ = ("_aead", "_random", "_secret", "_secret_ends")

    def __init__(self, public: bytes, random: Callable[[int], bytes]) -> None:
        """Take our static public key, 32 bytes, and a source of n random bytes."""
        self._aead = XAead(cookie_key(public))
        self._random = random
        self._secret = bytearray()
        self._secret_ends: Instant = -NEVER

    def has_valid_mac2(self, datagram: Bytes, source: Endpoint, now: Instant) -> bool:
        """Whether mac2 was made with the cookie that ``source`` would be given now."""
        expected = mac(self._cookie(source, now), datagram[:-MAC_SIZE])
        return compare_digest(expected, datagram[-MAC_SIZE:])

    def reply(self, datagram: Bytes, source: Endpoint, now: Instant) -> bytes:
        """Return the 64-byte cookie reply to an initiation or response with a valid mac1.

        It is shorter than what it answers, so it amplifies nothing.
        """
        nonce = self._random(XNONCE_SIZE)
        sealed = self._aead.seal(nonce, self._cookie(source, now), mac1_of(datagram))
        return CookieReply(sender_index(datagram), nonce, sealed).encode()

    def wipe(self) -> None:
        """Erase the secret; cookies made under it are void."""
        self._secret[:] = bytes(len(self._secret))
        self._secret_ends = -NEVER

    def _cookie(self, source: Endpoint, now: Instant) -> bytes:
        if now >= self._secret_ends:
            self._secret[:] = self._random(KEY_SIZE)
            self._secret_ends = now + COOKIE_SECRET_MAX_AGE
        return mac(self._secret, source.host, _PORT.pack(source.port))

    def __repr__(self) -> str:
        return "CookieMaker(secret hidden)"


class CookieJar:
    """The cookie that one peer gave us, for mac2 of what we send it.

    ``public`` is the peer's static public key, 32 bytes.
    """

    __slots__ = ("_cookie", "_ends", "_mac1", "_public")

    def __init__(self, public: bytes) -> None:
        self._public = public
        self._mac1: bytes | None = None
        self._cookie = b""
        self._ends: Instant = -NEVER

    def remember(self, mac1: bytes) -> None:
        """Await one cookie reply to the message with this mac1, the last one sent."""
        self._mac1 = mac1

    def consume_reply(self, message: CookieReply, now: Instant) -> None:
        """Keep the cookie of an authentic reply; no second reply to the same mac1 is taken.

        Raises HandshakeRejected (NOT_AWAITED, BAD_COOKIE) and then changes nothing.
        """
        if self._mac1 is None:
            raise HandshakeRejected(Rejection.NOT_AWAITED)
        key = cookie_key(self._public)
        try:
            self._cookie = xaead_open(key, message.nonce, message.cookie, self._mac1)
        except AuthenticationFailed:
            raise HandshakeRejected(Rejection.BAD_COOKIE) from None
        self._mac1 = None
        self._ends = now + COOKIE_SECRET_MAX_AGE - COOKIE_LATENCY

    def cookie(self, now: Instant) -> bytes | None:
        """Return the 16-byte cookie, or None if there is none young enough to be honoured."""
        return self._cookie if now < self._ends else None

    def __repr__(self) -> str:
        return "CookieJar(cookie hidden)"
