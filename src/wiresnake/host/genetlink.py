"""Conversations with the kernel whose answers have many parts, and generic netlink's families.

Layouts are those of linux/netlink.h and linux/genetlink.h.
"""

import errno
import os
import socket
from collections.abc import Iterator
from struct import Struct
from typing import Final, Self

from wiresnake.host.netlink import attribute, attributes

_NLMSG_ERROR: Final = 2
_NLMSG_DONE: Final = 3
_NLM_F_REQUEST: Final = 0x1
_NLM_F_ACK: Final = 0x4
_NLM_F_DUMP_INTR: Final = 0x10
_NLM_F_DUMP: Final = 0x300
_NESTED: Final = 0x8000

_GENL_ID_CTRL: Final = 16
_CTRL_CMD_GETFAMILY: Final = 3
_CTRL_ATTR_FAMILY_ID: Final = 1
_CTRL_ATTR_FAMILY_NAME: Final = 2

_MESSAGE: Final = Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence, port
_GENERIC: Final = Struct("=BBxx")  # genlmsghdr: command, version
_INT: Final = Struct("=i")
_SHORT: Final = Struct("=H")

_REPLY_SIZE: Final = 65536
_PATIENCE: Final = 10.0
"""Seconds; the kernel answers at once."""
_NO_NETLINK: Final = {errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT, errno.ESOCKTNOSUPPORT}


class Conversation:
    """A netlink socket: questions, each answered before the next.

    All methods raise OSError with the errno of the kernel's answer.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._socket.settimeout(_PATIENCE)
        self._sequence = 0

    @classmethod
    def open(cls, protocol: int) -> Self | None:
        """Speak to the part of the kernel that ``protocol`` names; None if it has no such part."""
        kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC
        try:
            return cls(socket.socket(socket.AF_NETLINK, kind, protocol))
        except OSError as bad:
            if bad.errno in _NO_NETLINK:
                return None
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def ask(self, kind: int, body: bytes) -> Iterator[memoryview]:
        """Yield the body of each part of the answer.

        Raises InterruptedError at its end if what it tells of changed meanwhile, so that parts may
        not fit together.
        """
        self._send(kind, _NLM_F_DUMP, body)
        interrupted = False
        for part, flags, answer in self._answers():
            interrupted = interrupted or bool(flags & _NLM_F_DUMP_INTR)
            if part == _NLMSG_DONE:
                if interrupted:
                    raise InterruptedError(errno.EINTR, os.strerror(errno.EINTR))
                return
            yield answer

    def tell(self, kind: int, body: bytes) -> None:
        """Return when the kernel has done as ``body`` says."""
        self._send(kind, _NLM_F_ACK, body)
        for part, _, _ in self._answers():
            if part == _NLMSG_ERROR:
                return

    def family(self, name: str) -> int:
        """Return the message type of a family of generic netlink; ENOENT if there is none."""
        wanted = attribute(_CTRL_ATTR_FAMILY_NAME, name.encode() + b"\0")
        self._send(_GENL_ID_CTRL, 0, generic(_CTRL_CMD_GETFAMILY, 1, wanted))
        _, _, answer = next(self._answers())
        for kind, value in attributes(answer, _GENERIC.size):
            if kind == _CTRL_ATTR_FAMILY_ID and len(value) == _SHORT.size:
                return int(_SHORT.unpack(value)[0])
        raise OSError(errno.EPROTO, os.strerror(errno.EPROTO))

    def _send(self, kind: int, flags: int, body: bytes) -> None:
        self._sequence += 1
        length = _MESSAGE.size + len(body)
        header = _MESSAGE.pack(length, kind, _NLM_F_REQUEST | flags, self._sequence, 0)
        self._socket.send(header + body)

    def _answers(self) -> Iterator[tuple[int, int, memoryview]]:
        """Yield type, flags and body of what comes in answer to the last question.

        Ends never: the caller knows the last. Raises OSError for an error, wherever it comes.
        """
        while True:
            received, _, flags, _ = self._socket.recvmsg(_REPLY_SIZE)
            if flags & socket.MSG_TRUNC:
                raise OSError(errno.EMSGSIZE, os.strerror(errno.EMSGSIZE))
            if not received:
                raise OSError(errno.EPROTO, os.strerror(errno.EPROTO))
            for kind, flags, sequence, body in _messages(memoryview(received)):
                if sequence != self._sequence:
                    continue  # the answer to a question that was given up
                if kind in {_NLMSG_ERROR, _NLMSG_DONE} and len(body) >= _INT.size:
                    code = -int(_INT.unpack_from(body)[0])
                    if code:
                        raise OSError(code, os.strerror(code))
                yield kind, flags, body


def generic(command: int, version: int, *members: bytes) -> bytes:
    """Return the body of a message of generic netlink, its attributes being ``members``."""
    return _GENERIC.pack(command, version) + b"".join(members)


def members_of(body: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Yield the attributes of a message of generic netlink."""
    return attributes(body, _GENERIC.size)


def nested(kind: int, *members: bytes) -> bytes:
    """Return an attribute whose value is attributes."""
    return attribute(kind | _NESTED, b"".join(members))


def _messages(received: memoryview) -> Iterator[tuple[int, int, int, memoryview]]:
    at = 0
    while at + _MESSAGE.size <= len(received):
        length, kind, flags, sequence, _ = _MESSAGE.unpack_from(received, at)
        if not _MESSAGE.size <= length <= len(received) - at:
            return
        yield kind, flags, sequence, received[at + _MESSAGE.size : at + length]
        at += length + 3 & ~3
