"""The interface as WireGuard: told, asked, and its daemon awaited."""

import contextlib
import os
import socket
from collections.abc import Iterator
from errno import EPROTO
from typing import Final

from wiresnake.cli import daemons
from wiresnake.config.ini import Unresolved
from wiresnake.config.model import Change
from wiresnake.config.reply import Report
from wiresnake.config.request import set_request
from wiresnake.values.addresses import Endpoint, pack_address

CONTROL: Final = "/run/wiresnake"
_PATIENCE: Final = 5.0


def ask(name: str) -> Report:
    return daemons.ask(name)


def apply(name: str, change: Change) -> None:
    with daemons._connect(name) as connection:
        connection.settimeout(120)
        connection.sendall(set_request(change))
        with connection.makefile("rb") as replies:
            answer = replies.readline().strip()
    if answer != b"errno=0":
        number = int(answer.removeprefix(b"errno=").removeprefix(b"-") or EPROTO)
        raise OSError(number, os.strerror(number))


def resolve(host: str, service: str) -> Endpoint:
    try:
        found = socket.getaddrinfo(host or None, service, type=socket.SOCK_DGRAM)
    except socket.gaierror as bad:
        raise Unresolved(bad.strerror) from None
    address = found[0][4]
    return Endpoint(pack_address(str(address[0])), int(address[1]))


def hand_over(name: str, endpoints: dict[str, list[str]]) -> None:
    """Tell a daemon of ours by which names its peers may be found again. Raises OSError."""


@contextlib.contextmanager
def awaiting_the_end(name: str) -> Iterator[None]:
    """Wait, after the block, until the daemon that served the interface before it has ended.

    It has, when it has closed the connection that it was given; 5 s at most.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(_PATIENCE)
        there = connection.connect_ex(f"{daemons.SOCKETS}/{name}.sock") == 0
        yield
        if there:
            with contextlib.suppress(OSError):
                connection.recv(1)


def remove_dead(name: str) -> None:
    """Remove the sockets of a daemon that was killed: those at which nobody listens."""
    for path in (f"{daemons.SOCKETS}/{name}.sock", f"{CONTROL}/{name}.sock"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            try:
                connection.connect(path)
            except ConnectionRefusedError:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path)  # noqa: PTH108
            except OSError:
                continue
