"""The daemon behind an interface: handed the names of peers, awaited, and cleaned up after."""

import contextlib
import os
import socket
from collections.abc import Iterator
from typing import Final

from wiresnake.cli import control, daemons

_PATIENCE: Final = 5.0


@contextlib.contextmanager
def awaiting_the_end(name: str) -> Iterator[None]:
    """Wait, after the block, until the daemon that served the interface before it has ended.

    It has, when it has closed the connection that it was given; 5 s at most.
    """
    with contextlib.ExitStack() as stack:
        connection = None
        with contextlib.suppress(OSError):
            connection = stack.enter_context(daemons.connect(name, _PATIENCE))
        yield
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.recv(1)


def remove_dead(name: str) -> None:
    """Remove the sockets of a daemon that was killed: those at which nobody listens."""
    for path in (f"{daemons.SOCKETS}/{name}.sock", f"{control.SOCKETS}/{name}.sock"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            try:
                connection.connect(path)
            except ConnectionRefusedError:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path)  # noqa: PTH108  # pathlib is slow to load
            except OSError:
                continue
