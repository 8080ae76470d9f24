"""The daemons of this machine, found, asked and told through their UAPI sockets."""

import os
import re
import socket
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from errno import EBADF, ECONNREFUSED, EINVAL, ENODEV, ENOENT, ENOTSOCK, EPROTO
from typing import Final, TypeVar

from wiresnake.config.model import Change
from wiresnake.config.reply import MAX_LINE, ReplyError, Report, read_answer, read_reply

SOCKETS: Final = "/var/run/wireguard"
PATIENCE: Final = 10.0
"""Seconds that a daemon may stay silent in the midst of a report."""
PATIENCE_TO_CHANGE: Final = 120.0
"""Seconds that a daemon may take for a change, which may be of 100,000 peers."""

_NAME: Final = re.compile(r"[a-zA-Z0-9_=+.-]{1,15}")
_Answer = TypeVar("_Answer")


def names() -> list[str]:
    """Return the names of the interfaces whose daemon is alive.

    Raises OSError if they may not be listed.
    """
    try:
        found = [each.name for each in os.scandir(SOCKETS) if each.name.endswith(".sock")]
    except FileNotFoundError:
        return []
    return [name for name in (each.removesuffix(".sock") for each in found) if _is_alive(name)]


def ask(name: str) -> Report:
    """Ask the daemon of one interface how it stands.

    Raises OSError: ENODEV if there is none, EINVAL if no interface can be called so, EBADF if
    there is a file in the place of its socket.
    """
    with connect(name, PATIENCE) as connection:
        return _converse(connection, b"get=1\n\n", read_reply)


def apply(name: str, change: Change) -> None:
    """Ask the daemon of one interface for a change. Raises OSError as `ask` does."""
    from wiresnake.config.request import set_request

    with connect(name, PATIENCE_TO_CHANGE) as connection:
        _converse(connection, set_request(change), read_answer)


def connect(name: str, patience: float) -> socket.socket:
    """Return a connection to the UAPI socket of one interface.

    A socket at which nobody listens is removed, since no daemon may be made where one is. Raises
    OSError as `ask` does.
    """
    if not _NAME.fullmatch(name):
        raise _error(EINVAL if "/" in name else ENODEV)
    path = f"{SOCKETS}/{name}.sock"
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(patience)
        found = os.stat(path)  # noqa: PTH116  # pathlib is slow to load
        if not stat.S_ISSOCK(found.st_mode):
            raise _error(EBADF)
        try:
            connection.connect(path)
        except ConnectionRefusedError:
            _remove_dead(path, found)
            raise
    except OSError as refused:
        connection.close()
        if refused.errno in {ENOENT, ECONNREFUSED, ENOTSOCK}:
            raise _error(ENODEV) from refused
        raise
    return connection


def _is_alive(name: str) -> bool:
    try:
        connect(name, PATIENCE).close()
    except OSError:
        return False
    return True


def _remove_dead(path: str, refused: os.stat_result) -> None:
    try:
        if os.path.samestat(os.lstat(path), refused):
            os.unlink(path)  # noqa: PTH108
    except OSError:
        return  # whoever may not remove it leaves it to others; it is no interface either way


def _converse(
    connection: socket.socket, request: bytes, read: Callable[[Iterator[bytes]], _Answer]
) -> _Answer:
    # A daemon may refuse before it has read all; then its reason is there although it hung up.
    with suppress(BrokenPipeError, ConnectionResetError):
        connection.sendall(request)
    try:
        return read(_lines(connection))
    except ReplyError as bad:
        raise _error(bad.errno) from bad
    except ConnectionResetError:
        raise _error(EPROTO) from None


def _lines(connection: socket.socket) -> Iterator[bytes]:
    with connection.makefile("rb", 1 << 16) as stream:
        while line := stream.readline(MAX_LINE):
            yield line


def _error(number: int) -> OSError:
    return OSError(number, os.strerror(number))
