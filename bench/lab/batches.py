"""Many datagrams a call: sendmmsg and recvmmsg, which Python's own sockets lack.

A batch is one area of memory, cut into slots of one size; slot ``n`` holds datagram ``n``.
"""

import ctypes
import errno
import os
import socket
from collections.abc import Sequence
from typing import Final

_MSG_DONTWAIT: Final = 0x40
_MSG_WAITFORONE: Final = 0x10000
_DROPPED: Final = {
    errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOBUFS, errno.ECONNREFUSED, errno.EINTR,
    errno.ENETUNREACH, errno.EHOSTUNREACH,
}  # fmt: skip
"""What a send may answer on a healthy host: a full queue, or a closed port at the other end."""

_libc = ctypes.CDLL(None, use_errno=True)


class _Iovec(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("len", ctypes.c_size_t))


class _Header(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_void_p),
        ("namelen", ctypes.c_uint),
        ("iov", ctypes.POINTER(_Iovec)),
        ("iovlen", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("controllen", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class _Message(ctypes.Structure):
    _fields_ = (("header", _Header), ("length", ctypes.c_uint))


class Batch:
    """Room for ``count`` datagrams of at most ``slot`` bytes each; ``memory`` is all of it."""

    def __init__(self, count: int, slot: int) -> None:
        self.count = count
        self.slot = slot
        self._area = (ctypes.c_char * (count * slot))()
        self.memory = memoryview(self._area).cast("B")
        self._vectors = (_Iovec * count)()
        self._messages = (_Message * count)()
        place = ctypes.addressof(self._area)
        for at in range(count):
            self._vectors[at].base = place + at * slot
            self._vectors[at].len = slot
            self._messages[at].header.iov = ctypes.pointer(self._vectors[at])
            self._messages[at].header.iovlen = 1

    def set_lengths(self, lengths: Sequence[int]) -> None:
        """Say how much of each slot is sent, or how much of it may be filled."""
        for vector, length in zip(self._vectors, lengths, strict=True):
            vector.len = length

    def put(self, at: int, datagram: bytes) -> None:
        """Lay ``datagram`` into slot ``at``, to be sent in its own length."""
        self.memory[at * self.slot : at * self.slot + len(datagram)] = datagram
        self._vectors[at].len = len(datagram)

    def send(self, out: socket.socket, first: int, count: int) -> int:
        """Send slots ``first`` and on over a connected socket; return how many were taken.

        Where the queue is full or the port at the other end is closed it is fewer, or none.
        Raises OSError for anything else.
        """
        where = ctypes.byref(self._messages, first * ctypes.sizeof(_Message))
        taken = int(_libc.sendmmsg(out.fileno(), where, count, _MSG_DONTWAIT))
        if taken < 0:
            _raise_unless_dropped("sendmmsg")
            return 0
        return taken

    def receive(self, into: socket.socket) -> int:
        """Wait for a datagram, take all that are there; return how many, 0 at a time limit."""
        taken = int(
            _libc.recvmmsg(into.fileno(), self._messages, self.count, _MSG_WAITFORONE, None)
        )
        if taken < 0:
            _raise_unless_dropped("recvmmsg")
            return 0
        return taken


def _raise_unless_dropped(call: str) -> None:
    code = ctypes.get_errno()
    if code not in _DROPPED:
        raise OSError(code, f"{call}: {os.strerror(code)}")


def set_time_limit(into: socket.socket, seconds: float) -> None:
    """Let `Batch.receive` wait at most ``seconds``; the socket stays a blocking one."""
    into.settimeout(None)
    micros = int(seconds * 1e6)
    limit = micros // 1_000_000, micros % 1_000_000
    packed = b"".join(part.to_bytes(8, "little") for part in limit)
    into.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, packed)
