"""The UAPI server: it accepts connections and gives each a conversation of its own."""

import asyncio
import errno
import logging
import socket
from typing import Final

from wiresnake.daemon.allowance import Allowance
from wiresnake.daemon.conversation import Conversation
from wiresnake.tunnel.runtime import Tunnel

log = logging.getLogger(__name__)

_OUT_OF_DESCRIPTORS: Final = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
_PAUSE: Final = 0.1
"""Seconds until the next try when the host has no descriptor for another connection."""


class UapiServer:
    """Serves the UAPI of ``tunnel`` on ``listener``, which stays its owner's."""

    def __init__(self, tunnel: Tunnel, listener: socket.socket) -> None:
        self._tunnel = tunnel
        self._listener = listener
        self._allowance = Allowance()
        self._tasks: set[asyncio.Task[None]] = set()
        self._accepting = asyncio.get_running_loop().create_task(self._accept())

    async def close(self) -> None:
        """End all conversations; idempotent."""
        ending = [self._accepting, *self._tasks]
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(self._listener)
            except OSError as error:
                if error.errno not in _OUT_OF_DESCRIPTORS:
                    raise
                log.error("UAPI: no further connection: %s", error.strerror)  # noqa: TRY400
                await asyncio.sleep(_PAUSE)
                continue
            self._begin(connection)

    def _begin(self, connection: socket.socket) -> None:
        connection.settimeout(0)
        guest = Conversation(connection, self._tunnel, self._allowance)
        if not self._allowance.admit(guest):
            connection.close()
            return
        task = asyncio.get_running_loop().create_task(guest.run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
