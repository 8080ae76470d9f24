"""A daemon's own control socket, on the side of whoever asks (docs/daemon.md).

One JSON object per line each way. It says what the UAPI cannot; where there is none (another
implementation, an older daemon) the caller does without.
"""

import json
import os
import re
import socket
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from errno import ECONNREFUSED, ENODEV, ENOENT, ENOTSOCK, EPROTO
from typing import IO, Any, Final

SOCKETS: Final = "/run/wiresnake"
PATIENCE: Final = 10.0
"""Seconds that a daemon may take for a reply; the lines of a stream take as long as they take."""
MAX_LINE: Final = 1 << 20
"""Bytes of a line either way, the newline included."""
PEERS_AT_ONCE: Final = 100
"""Peers in one ``resolve``: a line of so many is not too long."""

_NAME: Final = re.compile(r"[a-zA-Z0-9_=+.-]{1,15}")


class Refused(Exception):
    """The daemon will not do what it was asked; the text is its reason, one line."""


def reason(error: OSError) -> str:
    """Return what to say of an error of `ask` and `stream`."""
    if error.errno == ENODEV:
        return "no wiresnaked of this name has a control socket"
    return error.strerror or str(error)


def ask(interface: str, request: Mapping[str, object]) -> dict[str, Any]:
    """Send one request and return the reply.

    Raises OSError (ENODEV if no such daemon has a control socket, EACCES for another user than
    its own, EPROTO for nonsense) and Refused.
    """
    with _connected(interface) as (connection, replies):
        return _asked(connection, replies, request)


def stream(interface: str, request: Mapping[str, object]) -> Generator[dict[str, Any], None, None]:
    """Send one request that is answered by a stream; return its lines, which come as they come.

    The daemon has agreed by then, so that nothing is missed that happens afterwards. The lines end
    when the daemon does. Raises as `ask` does, at any line.
    """
    lines = _agreed_and_lines(interface, request)
    next(lines)
    return lines


def hand_over_endpoints(interface: str, endpoints: Mapping[str, Sequence[str]]) -> bool:
    """Tell the daemon by which names its peers may be found again when they are lost.

    ``endpoints`` has ``host:port`` texts by the base64 of a public key, in the order in which they
    are to be tried; they replace what was handed over for that peer before, and none end the
    search for it. The peers must be configured by then. Returns False where no such daemon has a
    control socket. Raises as `ask` does otherwise.
    """
    names = [(key, list(texts)) for key, texts in endpoints.items()]
    try:
        with _connected(interface) as (connection, replies):
            for start in range(0, len(names), PEERS_AT_ONCE):
                some = dict(names[start : start + PEERS_AT_ONCE])
                _asked(connection, replies, {"ask": "resolve", "endpoints": some})
    except OSError as error:
        if error.errno != ENODEV:
            raise
        return False
    return True


def _agreed_and_lines(
    interface: str, request: Mapping[str, object]
) -> Generator[dict[str, Any], None, None]:
    with _connected(interface) as (connection, replies):
        yield _asked(connection, replies, request)
        connection.settimeout(None)
        while (reply := _reply(replies)) is not None:
            yield reply


@contextmanager
def _connected(interface: str) -> Iterator[tuple[socket.socket, IO[bytes]]]:
    if not _NAME.fullmatch(interface):
        raise OSError(ENODEV, os.strerror(ENODEV))
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(PATIENCE)
        try:
            connection.connect(f"{SOCKETS}/{interface}.sock")
        except OSError as refused:
            if refused.errno in {ENOENT, ECONNREFUSED, ENOTSOCK}:
                raise OSError(ENODEV, os.strerror(ENODEV)) from refused
            raise
        with connection.makefile("rb") as replies:
            yield connection, replies


def _asked(
    connection: socket.socket, replies: IO[bytes], request: Mapping[str, object]
) -> dict[str, Any]:
    # A daemon may refuse before it has read all; then its reason is there although it hung up.
    with suppress(BrokenPipeError, ConnectionResetError):
        connection.sendall(json.dumps(request).encode() + b"\n")
    reply = _reply(replies)
    if reply is None:
        raise OSError(EPROTO, "the daemon ended the conversation")
    return reply


def _reply(replies: IO[bytes]) -> dict[str, Any] | None:
    """Read one line; None at the end. Raises OSError or Refused."""
    line = replies.readline(MAX_LINE)
    if not line:
        return None
    try:
        reply = json.loads(line) if line.endswith(b"\n") else None
    except ValueError:
        reply = None
    if not isinstance(reply, dict):
        raise OSError(EPROTO, "the daemon's reply is not one JSON object on a line")
    if "error" in reply:
        raise Refused(str(reply["error"]))
    return reply
