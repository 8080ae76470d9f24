"""The daemon's own control socket: what the UAPI cannot say (docs/daemon.md).

One JSON object on a line each way, any number of them on a connection. A request names what it
wants under ``ask``; a reply that could not be is ``{"error": "one line"}``.
"""

import asyncio
import socket
from typing import Final

import msgspec

from wiresnake.daemon.allowance import Allowance
from wiresnake.daemon.desk import Denied, Desk
from wiresnake.daemon.reception import Reception, Talker
from wiresnake.daemon.subscription import Subscription

MAX_LINE: Final = 1 << 20
"""Bytes of a request, its newline included."""
PATIENCE: Final = 10.0
"""Seconds that a reader has for the end of a stream which it was too slow for."""
_CONNECTIONS: Final = 64
_HELD: Final = 16 * MAX_LINE
_READ_SIZE: Final = 32768


class Client(Talker):
    """One connection to the control socket. It ends with the stream it asked for, if any."""

    def __init__(self, connection: socket.socket, desk: Desk, allowance: Allowance) -> None:
        super().__init__(connection, allowance)
        self._desk = desk
        self._buffer = bytearray()

    async def _talk(self) -> None:
        try:
            while (line := await self._line()) is not None:
                self.waiting = False
                if not await self._reply(line):
                    return
                self.waiting = True
        except Denied as why:
            await self._send({"error": str(why)})

    async def _reply(self, line: bytes) -> bool:
        """Answer one request; return whether another may follow."""
        try:
            reply = self._desk.answer(line)
        except Denied as why:
            await self._send({"error": str(why)})
            return True
        if not isinstance(reply, Subscription):
            await self._send(reply)
            return True
        try:
            await self._stream(reply)
        finally:
            reply.finish()
        return False

    async def _stream(self, subscription: Subscription) -> None:
        """Pass lines on until there are no more, or the client has gone."""
        await self._send({"done": True})
        tasks = [
            self._loop.create_task(self._pass_on(subscription)),
            self._loop.create_task(self._until_gone()),
        ]
        try:
            await asyncio.wait([*tasks, subscription.ended], return_when=asyncio.FIRST_COMPLETED)
            if not any(task.done() for task in tasks):
                await asyncio.wait(tasks, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _pass_on(self, subscription: Subscription) -> None:
        while (line := await subscription.next()) is not None:
            await self._loop.sock_sendall(self._connection, line)

    async def _until_gone(self) -> None:
        while await self._loop.sock_recv(self._connection, _READ_SIZE):
            pass  # nothing can be asked any more

    async def _line(self) -> bytes | None:
        """Return the next line; None at the end. Raises Denied for one that is too long."""
        searched = 0
        while (end := self._buffer.find(b"\n", searched)) < 0:
            searched = len(self._buffer)
            if searched >= MAX_LINE:
                raise Denied(f"a request of more than {MAX_LINE} bytes")
            chunk = await self._loop.sock_recv(self._connection, _READ_SIZE)
            self.moved_at = self._loop.time()
            if not chunk:
                return None
            if not self._allowance.hold(self, len(chunk)):
                raise Denied("there is no room for a request so large")
            self._buffer += chunk
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        self.held = len(self._buffer)
        return line

    async def _send(self, reply: object) -> None:
        await self._loop.sock_sendall(self._connection, msgspec.json.encode(reply) + b"\n")
        self.moved_at = self._loop.time()


def serve_control(desk: Desk, listener: socket.socket) -> Reception:
    """Answer at ``listener``, which stays its owner's, until closed."""
    allowance = Allowance(connections=_CONNECTIONS, held=_HELD)
    return Reception(
        "control", listener, allowance, lambda connection: Client(connection, desk, allowance)
    )
