"""The state of a Noise handshake: the chaining key C and the hash H (paper 5.4.2, Noise 5.2).

Both ends walk the same transcript; one token of the pattern is one call. C and H are bytearrays,
wiped when the handshake ends.
"""

from types import TracebackType
from typing import Final, Self

from wiresnake.protocol.constants import CONSTRUCTION, IDENTIFIER
from wiresnake.protocol.primitives import (
    HASH_SIZE,
    Bytes,
    aead_open,
    aead_seal,
    blake2s_hash,
    kdf1,
    kdf2,
    kdf3,
)

_INITIAL: Final = blake2s_hash(CONSTRUCTION)


class Transcript:
    """C and H of one handshake. As a context it is wiped if its block fails."""

    __slots__ = ("_chain", "_hash")

    def __init__(self, chain: Bytes, hash_: Bytes) -> None:
        self._chain = bytearray(chain)
        self._hash = bytearray(hash_)

    @classmethod
    def toward(cls, responder: bytes, prologue: bytes = IDENTIFIER) -> Self:
        """Begin a handshake toward this 32-byte static public key (paper 5.4.2, first lines)."""
        noise = cls(_INITIAL, blake2s_hash(_INITIAL, prologue))
        noise._mix_hash(responder)
        return noise

    @property
    def hash(self) -> bytes:
        """H, 32 bytes: what both ends must agree on."""
        return bytes(self._hash)

    def copy(self) -> Self:
        """Return a transcript of its own, to try a message on."""
        assert any(self._chain), "the handshake is over"
        return type(self)(self._chain, self._hash)

    def mix_ephemeral(self, public: bytes) -> None:
        """Token ``e``: an ephemeral public key, 32 bytes, goes into C and H."""
        self._chain[:] = kdf1(self._chain, public)
        self._mix_hash(public)

    def mix_secret(self, secret: Bytes) -> bytes:
        """Tokens ``es``, ``ss``, ``ee`` and ``se``: a Diffie-Hellman result goes into C.

        Returns the 32-byte key for what is sealed next. Where the paper writes KDF1 the key is not
        used; C is the same.
        """
        self._chain[:], key = kdf2(self._chain, secret)
        return key

    def mix_preshared(self, secret: Bytes) -> bytes:
        """Token ``psk``: the preshared key, or 32 zero bytes, goes into C and H.

        Returns the 32-byte key for what is sealed next.
        """
        self._chain[:], tau, key = kdf3(self._chain, secret)
        self._mix_hash(tau)
        return key

    def seal(self, key: bytes, plain: Bytes) -> bytes:
        """Return ``plain`` sealed under H, which then takes in the sealed bytes."""
        sealed = aead_seal(key, 0, plain, self._hash)
        self._mix_hash(sealed)
        return sealed

    def open(self, key: bytes, sealed: Bytes) -> bytes:
        """Return what the other end sealed. Raises AuthenticationFailed."""
        plain = aead_open(key, 0, sealed, self._hash)
        self._mix_hash(sealed)
        return plain

    def split(self) -> tuple[bytearray, bytearray]:
        """End the handshake: return the initiator's and the responder's sending key (paper 5.4.5).

        C and H are wiped; the transcript is of no more use.
        """
        assert any(self._chain), "the handshake is over"
        initiator, responder = kdf2(self._chain, b"")
        self.wipe()
        return bytearray(initiator), bytearray(responder)

    def wipe(self) -> None:
        """Overwrite C and H with zeros; the handshake is over."""
        for secret in (self._chain, self._hash):
            secret[:] = bytes(HASH_SIZE)

    def _mix_hash(self, data: Bytes) -> None:
        self._hash[:] = blake2s_hash(self._hash, data)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is not None:
            self.wipe()

    def __repr__(self) -> str:
        return "Transcript(hidden)"
