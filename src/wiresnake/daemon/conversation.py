"""One connection to the UAPI: its operations, one after the other."""

import asyncio
import errno
import logging
import socket
from collections import deque
from contextlib import suppress
from typing import Final

from wiresnake.config.merge import TooManyPeers
from wiresnake.config.model import Change
from wiresnake.config.uapi import MAX_LINE, SetReader, UapiError, interface_text, peer_text
from wiresnake.daemon.allowance import Allowance
from wiresnake.daemon.reception import Talker
from wiresnake.plane.contract import PlaneLost
from wiresnake.tunnel.runtime import Tunnel

log = logging.getLogger(__name__)

READ_SIZE: Final = 32768
"""Bytes that are read, and so lines that are parsed, before others get their turn."""


class Conversation(Talker):
    """Reads operations from ``connection`` and answers each before it reads the next.

    An operation that is unknown, or not followed by what belongs to it, ends the conversation
    without a reply.
    """

    def __init__(self, connection: socket.socket, tunnel: Tunnel, allowance: Allowance) -> None:
        super().__init__(connection, allowance)
        self._tunnel = tunnel
        self._lines: deque[bytes] = deque()
        self._tail = b""
        self._skipping = False

    async def _talk(self) -> None:
        with suppress(EOFError, PlaneLost, UapiError):
            while await self._answer(await self._line()):
                self.held = 0

    async def _answer(self, operation: bytes) -> bool:
        if operation == b"get=1":
            return await self._line() == b"" and await self._get()
        if operation == b"set=1":
            return await self._set()
        return False

    async def _get(self) -> bool:
        self.waiting = False
        config = self._tunnel.config
        await self._send(interface_text(config, self._tunnel.listen_port))
        async for part in self._tunnel.peers(config):
            await self._send("".join([peer_text(peer, status) for peer, status in part]))
        return await self._reply(0)

    async def _set(self) -> bool:
        try:
            change = await self._read_change()
        except UapiError as error:
            log.debug("UAPI: %s", error)
            return await self._reply(error.errno)
        self.waiting = False
        log.debug("UAPI: set, %d peers named", len(change.peers))
        try:
            await self._tunnel.apply(change)
        except OSError as error:
            return await self._reply(-(error.errno or errno.EIO))
        except TooManyPeers:
            return await self._reply(-errno.ENOMEM)
        return await self._reply(0)

    async def _read_change(self) -> Change:
        """Read to the empty line. Raises UapiError then, with the first thing that was wrong."""
        reader = SetReader()
        try:
            while line := await self._line():
                reader.feed(line)
        except UapiError as error:
            del reader  # and all that it holds, while the rest is skipped
            await self._skip_to_empty_line()
            raise error from None
        return reader.finish()

    async def _skip_to_empty_line(self) -> None:
        self._skipping, self.held = True, 0
        while await self._line():
            pass
        self._skipping = False

    async def _line(self) -> bytes:
        while not self._lines:
            await self._fill()
        return self._lines.popleft()

    async def _fill(self) -> None:
        self.waiting = True
        chunk = await self._loop.sock_recv(self._connection, READ_SIZE)
        self.moved_at = self._loop.time()
        if not chunk:
            raise EOFError
        *complete, self._tail = (self._tail + chunk).split(b"\n")
        # An endless line is kept only so far that it still is one too long.
        self._tail = self._tail[: MAX_LINE + 1]
        self._lines.extend(complete)
        await asyncio.sleep(0)
        if not self._skipping and not self._allowance.hold(self, len(chunk)):
            raise UapiError(-errno.E2BIG, "there is no room for a request so large")

    async def _reply(self, status: int) -> bool:
        await self._send(f"errno={status}\n\n")
        self.waiting = True
        return True

    async def _send(self, text: str) -> None:
        await self._loop.sock_sendall(self._connection, text.encode())
        self.moved_at = self._loop.time()
        await asyncio.sleep(0)
