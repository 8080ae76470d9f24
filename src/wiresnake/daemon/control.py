"""The daemon's own control socket: what the UAPI cannot say (docs/daemon.md).

One JSON object on a line each way, any number of them on a connection. A request names what it
wants under ``ask``; a reply that could not be is ``{"error": "one line"}``.
"""

import asyncio
import logging
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

import msgspec

from wiresnake.daemon.allowance import Allowance
from wiresnake.daemon.reception import Reception
from wiresnake.tunnel.lookout import Lookout, UnknownPeer
from wiresnake.values.addresses import InvalidAddress, NamedEndpoint
from wiresnake.values.keys import InvalidKey, PublicKey

log = logging.getLogger(__name__)

MAX_LINE: Final = 1 << 20
"""Bytes of a request, its newline included."""
MAX_NAMES: Final = 16
"""Names by which one peer may be looked for."""
_CONNECTIONS: Final = 64
_HELD: Final = 16 * MAX_LINE
_READ_SIZE: Final = 32768


class Denied(Exception):
    """A request that cannot be; the text is the reply's one line."""


class Ask(msgspec.Struct):
    """What every request has."""

    ask: str


class Resolve(msgspec.Struct):
    """Names by which peers are to be looked for: ``host:port`` texts by a key in base64."""

    endpoints: dict[str, list[str]]


class Desk:
    """Answers requests about one tunnel."""

    def __init__(self, lookout: Lookout) -> None:
        self._lookout = lookout
        self._answers: Mapping[str, Callable[[bytes], object]] = {"resolve": self._resolve}

    def answer(self, line: bytes) -> object:
        """Return what to reply to one request. Raises Denied, and then nothing has changed."""
        try:
            what = msgspec.json.decode(line, type=Ask).ask
            if what not in self._answers:
                known = ", ".join(self._answers)
                raise Denied(f"unknown request {what[:32]!r}; there are {known}")
            return self._answers[what](line)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise Denied(f"not a request: {error}") from None

    def _resolve(self, line: bytes) -> object:
        asked = msgspec.json.decode(line, type=Resolve)
        try:
            self._lookout.hand_over(
                {
                    PublicKey.from_base64(key): _names(texts)
                    for key, texts in asked.endpoints.items()
                }
            )
        except (InvalidKey, InvalidAddress, UnknownPeer) as error:
            raise Denied(str(error)) from None
        return {"done": True}


def _names(texts: list[str]) -> list[NamedEndpoint]:
    if len(texts) > MAX_NAMES:
        raise Denied(f"{len(texts)} endpoints of one peer; at most {MAX_NAMES} are tried")
    return [NamedEndpoint.parse(text) for text in texts]


class Client:
    """One connection to the control socket."""

    def __init__(self, connection: socket.socket, desk: Desk, allowance: Allowance) -> None:
        self.held = 0
        self.waiting = True
        self._connection = connection
        self._desk = desk
        self._allowance = allowance
        self._loop = asyncio.get_running_loop()
        self._buffer = b""
        self._task: asyncio.Task[None] | None = None
        self.moved_at = self._loop.time()

    async def run(self) -> None:
        """Answer until the client has gone."""
        self._task = asyncio.current_task()
        try:
            with suppress(ConnectionError):
                await self._serve()
        except asyncio.CancelledError:
            log.debug("control: a connection was ended")
        finally:
            self._connection.close()
            self._allowance.leave(self)

    def dismiss(self) -> None:
        """End the conversation from outside."""
        self.held = 0
        if self._task is not None:
            self._task.cancel()

    async def _serve(self) -> None:
        try:
            while (line := await self._line()) is not None:
                self.waiting = False
                try:
                    reply = self._desk.answer(line)
                except Denied as why:
                    reply = {"error": str(why)}
                await self._send(reply)
                self.waiting = True
        except Denied as why:
            await self._send({"error": str(why)})

    async def _line(self) -> bytes | None:
        """Return the next line; None at the end. Raises Denied for one that is too long."""
        while True:
            line, newline, rest = self._buffer.partition(b"\n")
            if newline:
                self._buffer = rest
                self.held = 0
                return line
            if len(self._buffer) >= MAX_LINE:
                raise Denied(f"a request of more than {MAX_LINE} bytes")
            chunk = await self._loop.sock_recv(self._connection, _READ_SIZE)
            self.moved_at = self._loop.time()
            if not chunk:
                return None
            if not self._allowance.hold(self, len(chunk)):
                raise Denied("there is no room for a request so large")
            self._buffer += chunk

    async def _send(self, reply: object) -> None:
        await self._loop.sock_sendall(self._connection, msgspec.json.encode(reply) + b"\n")
        self.moved_at = self._loop.time()


def serve_control(desk: Desk, listener: socket.socket) -> Reception:
    """Answer at ``listener``, which stays its owner's, until closed."""
    allowance = Allowance(connections=_CONNECTIONS, held=_HELD)
    return Reception(
        "control", listener, allowance, lambda connection: Client(connection, desk, allowance)
    )
