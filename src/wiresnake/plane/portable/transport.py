"""Sealing and opening transport messages (paper 5.4.6): the plane's one use of the crypto library.

Both work on views of a packet buffer, in place: the sealed packet lies where the plain one lay,
with the 16-byte tag behind it, so no packet is ever copied for encryption's sake.
"""

from collections.abc import Callable
from struct import Struct
from typing import Final, TypeAlias

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

KEY_SIZE: Final = 32
TAG_SIZE: Final = 16

Buffer: TypeAlias = bytes | bytearray | memoryview
Transform: TypeAlias = Callable[[Buffer, Buffer, None, Buffer], object]
"""Called with nonce, input, no associated data, and the place for the output."""

Forged = InvalidTag
"""What an opener raises: the message is not the peer's."""

NONCE: Final = Struct("<4xQ")
"""Four zero bytes, then the message's counter."""


def sealer(key: Buffer) -> Transform:
    """Return the function that seals n bytes into n + 16 under a 32-byte key.

    Input and output may begin at the same place.
    """
    return ChaCha20Poly1305(key).encrypt_into


def opener(key: Buffer) -> Transform:
    """Return the function that opens n + 16 bytes into n under a 32-byte key, or raises `Forged`.

    Input and output may begin at the same place; what a forged message leaves there is undefined.
    """
    return ChaCha20Poly1305(key).decrypt_into
