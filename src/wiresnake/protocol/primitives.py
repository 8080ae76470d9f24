"""The cryptographic functions of the paper (5.4), under its names.

Every function takes any bytes-like object and returns fresh ``bytes``. BLAKE2s is hashlib's; the
ciphers are the crypto library's.
"""

import hashlib
import hmac as _hmac
from struct import Struct
from typing import Final, TypeAlias

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20

from wiresnake.protocol.errors import AuthenticationFailed

Bytes: TypeAlias = bytes | bytearray | memoryview

HASH_SIZE: Final = 32
KEY_SIZE: Final = 32
MAC_SIZE: Final = 16
TAG_SIZE: Final = 16
XNONCE_SIZE: Final = 24

_NONCE: Final = Struct("<4xQ")
_BLOCK_ENDS: Final = Struct("<4I32x4I")
_WORDS: Final = Struct("<4I")
_SUBKEY: Final = Struct("<8I")
_FIRST_NONCE: Final = bytes(16)
_ZERO_BLOCK: Final = bytes(64)
_XNONCE_HEAD: Final = bytes(4)
_CONSTANTS: Final = _WORDS.unpack(b"expand 32-byte k")


def blake2s_hash(*parts: Bytes) -> bytes:
    """Return HASH of the joined parts: BLAKE2s, 32 bytes (paper 5.4)."""
    return hashlib.blake2s(b"".join(parts)).digest()


def mac(key: Bytes, *parts: Bytes) -> bytes:
    """Return MAC of the joined parts: BLAKE2s keyed with up to 32 bytes, 16 bytes (paper 5.4)."""
    return hashlib.blake2s(b"".join(parts), digest_size=MAC_SIZE, key=key).digest()


def hmac(key: Bytes, *parts: Bytes) -> bytes:
    """Return HMAC-BLAKE2s of the joined parts, 32 bytes (RFC 2104)."""
    return _hmac.digest(bytes(key), b"".join(parts), "blake2s")


def kdf1(key: Bytes, material: Bytes) -> bytes:
    """Return the first of the 32-byte outputs of HKDF (paper 5.4, RFC 5869)."""
    return hmac(hmac(key, material), b"\x01")


def kdf2(key: Bytes, material: Bytes) -> tuple[bytes, bytes]:
    """Return the first two 32-byte outputs of HKDF (paper 5.4, RFC 5869)."""
    root = hmac(key, material)
    first = hmac(root, b"\x01")
    return first, hmac(root, first, b"\x02")


def kdf3(key: Bytes, material: Bytes) -> tuple[bytes, bytes, bytes]:
    """Return the first three 32-byte outputs of HKDF (paper 5.4, RFC 5869)."""
    root = hmac(key, material)
    first = hmac(root, b"\x01")
    second = hmac(root, first, b"\x02")
    return first, second, hmac(root, second, b"\x03")


def aead_seal(key: Bytes, counter: int, plain: Bytes, aad: Bytes) -> bytes:
    """Return ``plain`` sealed by ChaCha20-Poly1305, 16 bytes longer (paper 5.4, RFC 8439).

    The nonce is four zero bytes and the 64-bit ``counter``, which must never repeat under ``key``.
    """
    return ChaCha20Poly1305(key).encrypt(_NONCE.pack(counter), plain, aad)


def aead_open(key: Bytes, counter: int, sealed: Bytes, aad: Bytes) -> bytes:
    """Return what `aead_seal` sealed. Raises AuthenticationFailed."""
    try:
        return ChaCha20Poly1305(key).decrypt(_NONCE.pack(counter), sealed, aad)
    except InvalidTag:
        raise AuthenticationFailed from None


class XAead:
    """XChaCha20-Poly1305 under one 32-byte key, for many messages (paper 5.4.7).

    Each message has a 24-byte nonce: 16 bytes turn the key into a subkey, 8 count under that.
    """

    __slots__ = ("_blocks",)

    def __init__(self, key: Bytes) -> None:
        self._blocks = Cipher(ChaCha20(bytes(key), _FIRST_NONCE), mode=None).encryptor()

    def subkey(self, nonce: Bytes) -> bytes:
        """Return HChaCha20 of the key and 16 bytes of nonce (draft-irtf-cfrg-xchacha, 2.2).

        A block of key stream is the permuted state plus the initial state. The subkey is words 0-3
        and 12-15 of the permuted state, so taking the initial words (constants and nonce) off
        leaves it.
        """
        self._blocks.reset_nonce(bytes(nonce))
        permuted = _BLOCK_ENDS.unpack(self._blocks.update(_ZERO_BLOCK))
        initial = _CONSTANTS + _WORDS.unpack(nonce)
        return _SUBKEY.pack(
            *[(word - start) & 0xFFFFFFFF for word, start in zip(permuted, initial, strict=True)]
        )

    def seal(self, nonce: Bytes, plain: Bytes, aad: Bytes) -> bytes:
        """Return ``plain`` sealed under a random nonce, 16 bytes longer."""
        aead = ChaCha20Poly1305(self.subkey(nonce[:16]))
        return aead.encrypt(_XNONCE_HEAD + nonce[16:], plain, aad)

    def open(self, nonce: Bytes, sealed: Bytes, aad: Bytes) -> bytes:
        """Return what was sealed. Raises AuthenticationFailed."""
        aead = ChaCha20Poly1305(self.subkey(nonce[:16]))
        try:
            return aead.decrypt(_XNONCE_HEAD + nonce[16:], sealed, aad)
        except InvalidTag:
            raise AuthenticationFailed from None

    def __repr__(self) -> str:
        return "XAead(key hidden)"


def xaead_seal(key: Bytes, nonce: Bytes, plain: Bytes, aad: Bytes) -> bytes:
    """Return ``plain`` sealed by XChaCha20-Poly1305 under a random 24-byte nonce (paper 5.4.7)."""
    return XAead(key).seal(nonce, plain, aad)


def xaead_open(key: Bytes, nonce: Bytes, sealed: Bytes, aad: Bytes) -> bytes:
    """Return what `xaead_seal` sealed. Raises AuthenticationFailed."""
    return XAead(key).open(nonce, sealed, aad)
