"""The daemons of this machine, found and asked through their UAPI sockets."""

import os
import re
import socket
from collections.abc import Iterator
from errno import ECONNREFUSED, ENODEV, ENOENT, ENOTSOCK
from typing import Final

from wiresnake.config.reply import MAX_LINE, ReplyError, Report, read_reply

SOCKETS: Final = "/var/run/wireguard"
PATIENCE: Final = 10.0
"""Seconds that a daemon may stay silent in the midst of its reply."""

_NAME: Final = re.compile(r"[a-zA-Z0-9_=+.-]{1,15}")


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
    """Ask the daemon of one interface how it stands. Raises OSError; ENODEV if there is none."""
    with _connect(name) as connection:
        connection.sendall(b"get=1\n\n")
        try:
            return read_reply(_lines(connection))
        except ReplyError as bad:
            raise OSError(bad.errno, os.strerror(bad.errno)) from bad


def _is_alive(name: str) -> bool:
    try:
        _connect(name).close()
    except OSError:
        return False
    return True


def _connect(name: str) -> socket.socket:
    if not _NAME.fullmatch(name):
        raise OSError(ENODEV, os.strerror(ENODEV))
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(PATIENCE)
        connection.connect(f"{SOCKETS}/{name}.sock")
    except OSError as refused:
        connection.close()
        if refused.errno in {ENOENT, ECONNREFUSED, ENOTSOCK}:
            raise OSError(ENODEV, os.strerror(ENODEV)) from refused
        raise
    return connection


def _lines(connection: socket.socket) -> Iterator[bytes]:
    with connection.makefile("rb", 1 << 16) as stream:
        while line := stream.readline(MAX_LINE):
            yield line
