"""Keys: Curve25519 key pairs and preshared keys (paper 5.4).

Secret keys sit in a bytearray that is overwritten when `wipe` says so or nobody holds the key any
more; copies that the crypto library or Python makes underneath are listed in SECURITY.md. No secret
appears in a repr, a text or an error.
"""

import base64
import binascii
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

KEY_SIZE = 32


class InvalidKey(ValueError):
    """The text or the bytes are not a key. The message never shows them."""


class UselessExchange(ValueError):
    """A Diffie-Hellman result of all zeros: the other key is of low order (RFC 7748, 6.1)."""


def _bytes_of_base64(text: str) -> bytes:
    # 44 characters, the last one padding and the unused bits zero: one text for each key.
    try:
        raw = base64.b64decode(text, validate=True) if len(text) == 44 else b""
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != KEY_SIZE or not hmac.compare_digest(base64.b64encode(raw), text.encode()):
        raise InvalidKey("Key is not the correct length or format")
    return raw


def _bytes_of_hex(text: str) -> bytes:
    if len(text) != 2 * KEY_SIZE:
        raise InvalidKey("Key is not the correct length or format")
    try:
        return binascii.unhexlify(text)
    except (binascii.Error, ValueError):
        raise InvalidKey("Key is not the correct length or format") from None


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A Curve25519 public key, 32 bytes: the name of a peer."""

    raw: bytes

    def __post_init__(self) -> None:
        if len(self.raw) != KEY_SIZE:
            raise InvalidKey(f"a public key of {len(self.raw)} bytes")

    @classmethod
    def from_base64(cls, text: str) -> Self:
        """Read the 44 characters of a key in a configuration. Raises InvalidKey."""
        return cls(_bytes_of_base64(text))

    @classmethod
    def from_hex(cls, text: str) -> Self:
        """Read the 64 hex digits of a key in a UAPI request. Raises InvalidKey."""
        return cls(_bytes_of_hex(text))

    def hex(self) -> str:
        """Return 64 lower-case hex digits."""
        return self.raw.hex()

    def __str__(self) -> str:
        return base64.b64encode(self.raw).decode()

    def __repr__(self) -> str:
        return f"PublicKey({self})"


class Secret:
    """32 secret bytes, compared in constant time, wiped on demand and at the end, never shown."""

    __slots__ = ("_raw",)

    def __init__(self, raw: bytes | bytearray) -> None:
        self._raw = bytearray(raw)
        if len(raw) != KEY_SIZE:
            raise InvalidKey("Key is not the correct length or format")

    @classmethod
    def from_base64(cls, text: str) -> Self:
        """Read 44 characters. Raises InvalidKey."""
        return cls(_bytes_of_base64(text))

    @classmethod
    def from_hex(cls, text: str) -> Self:
        """Read 64 hex digits. Raises InvalidKey."""
        return cls(_bytes_of_hex(text))

    @property
    def is_zero(self) -> bool:
        """Whether all bytes are zero, which stands for "no key" wherever keys are written."""
        return not any(self._raw)

    def reveal(self) -> bytes:
        """Return a copy of the secret bytes, for the crypto library or a reply to the owner."""
        return bytes(self._raw)

    def to_base64(self) -> str:
        """Return the 44 characters of the secret, for a file or a reply that must hold it."""
        return base64.b64encode(self._raw).decode()

    def wipe(self) -> None:
        """Overwrite the bytes with zeros; the key then reads as "no key"."""
        self._raw[:] = bytes(KEY_SIZE)

    def __del__(self) -> None:
        # A key that is replaced may be in use elsewhere, so whoever lets go of it last erases it.
        self.wipe()

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        assert isinstance(other, Secret)
        return hmac.compare_digest(self._raw, other._raw)

    __hash__ = None  # type: ignore[assignment]  # a secret is never a dictionary key

    def __repr__(self) -> str:
        return f"{type(self).__name__}(hidden)"


class PresharedKey(Secret):
    """The symmetric key that two peers may share (paper 5.2); zeros stand for none."""

    __slots__ = ()


class PrivateKey(Secret):
    """A Curve25519 private key.

    The crypto library is loaded by the first computation, not by the first key: a command that
    passes keys on starts in half the time.
    """

    __slots__ = ("_exchanger", "_public", "_wiped")

    def __init__(self, raw: bytes | bytearray) -> None:
        super().__init__(raw)
        self._exchanger: X25519PrivateKey | None = None
        self._public: PublicKey | None = None
        self._wiped = False

    @classmethod
    def generate(cls, random: bytes) -> Self:
        """Clamp 32 random bytes into a private key, as `wg genkey` writes it (RFC 7748, 5)."""
        raw = bytearray(random)
        if len(raw) != KEY_SIZE:
            raise InvalidKey(f"{len(raw)} random bytes")
        raw[0] &= 248
        raw[31] = raw[31] & 127 | 64
        return cls(raw)

    def clamped(self) -> Self:
        """Return the key as a kernel keeps it (RFC 7748, 5); zeros, "no key", stay zeros."""
        return self if self.is_zero else self.generate(self.reveal())

    @property
    def public(self) -> PublicKey:
        """The public key. It outlives `wipe` once it was asked for."""
        if self._public is None:
            self._public = PublicKey(self._opened().public_key().public_bytes_raw())
        return self._public

    def exchange(self, other: PublicKey) -> bytes:
        """Return the 32-byte Curve25519 secret shared with ``other``.

        Raises UselessExchange when the result is all zeros.
        """
        from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

        try:
            return self._opened().exchange(X25519PublicKey.from_public_bytes(other.raw))
        except ValueError:
            raise UselessExchange("the other public key is of low order") from None

    def wipe(self) -> None:
        """Overwrite the bytes, and let the crypto library erase what it made of them."""
        super().wipe()
        self._exchanger = None
        self._wiped = True

    def _opened(self) -> "X25519PrivateKey":
        from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

        assert not self._wiped, "the key was wiped"
        if self._exchanger is None:
            self._exchanger = X25519PrivateKey.from_private_bytes(self._raw)
        return self._exchanger
