"""The Internet checksum (RFC 1071) over large ranges of bytes, in pure Python.

2^16 is 1 modulo 65535, so any even number of bytes read as one big-endian integer is congruent to
the sum of its 16-bit words. Sums here are such integers, of any size and not reduced, and they may
be added to each other and to header fields of 16 or 32 bits as they are; `complement` reduces.

Dividing 1400 bytes by 65535 costs twice what reading them does. So long ranges are read in pieces
of 128 bytes, which `struct` cuts in one call and ``sum(map(...))`` adds without a turn of the
interpreter. docs/portable-plane.md lists what was measured.
"""

from collections.abc import Callable
from functools import lru_cache
from struct import Struct
from typing import Any, Final, TypeAlias

Bytes: TypeAlias = bytes | bytearray | memoryview

_PIECE: Final = 128
_read = int.from_bytes


@lru_cache(maxsize=512)
def pieces(size: int) -> Callable[..., tuple[Any, ...]]:
    """Return ``unpack_from`` of a Struct that cuts ``size`` bytes into pieces to be added.

    ``sum(map(int.from_bytes, pieces(size)(buffer, offset)))`` is the sum of those bytes; if
    ``size`` is odd it is that of the bytes shifted by one, and must be multiplied by 256.
    """
    whole, rest = divmod(size, _PIECE)
    return Struct((f"{rest}s" if rest or not whole else "") + f"{_PIECE}s" * whole).unpack_from


def word_sum(data: Bytes) -> int:
    """Return a number congruent to the sum of the 16-bit words of ``data`` modulo 65535.

    An odd last byte counts as the upper half of a word.
    """
    size = len(data)
    total = _read(data) if size <= 2 * _PIECE else sum(map(_read, pieces(size)(data)))
    return total << 8 if size & 1 else total


def complement(total: int) -> int:
    """Return the value of a checksum field (1 to 65535) that makes ``total`` come out right.

    Of the two forms of zero it gives 65535, since 0 means "no checksum" in UDP.
    """
    return 65535 - total % 65535


def amend(check: int, old: int, new: int) -> int:
    """Return the checksum ``check`` after a covered 16-bit word went from ``old`` to ``new``.

    RFC 1624, equation 3: a field that was right stays right, one that was wrong stays wrong.
    """
    total = (check ^ 0xFFFF) + (old ^ 0xFFFF) + new
    total = (total & 0xFFFF) + (total >> 16)
    return (total + (total >> 16) & 0xFFFF) ^ 0xFFFF
