"""A listening socket of the daemon: it accepts connections and gives each a guest of its own."""

import asyncio
import errno
import logging
import socket
from collections.abc import Callable
from typing import Final, Protocol

from wiresnake.daemon.allowance import Allowance, Guest

log = logging.getLogger(__name__)

_OUT_OF_DESCRIPTORS: Final = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
_PAUSE: Final = 0.1
"""Seconds until the next try when the host has no descriptor for another connection."""


class Talker(Guest, Protocol):
    """A guest that talks until its client has gone; it closes its connection itself."""

    async def run(self) -> None:
        """Talk, and leave the allowance at the end."""


class Reception:
    """Accepts on ``listener``, which stays its owner's, and lets ``welcome`` make the guests.

    ``name`` is what the log calls the socket.
    """

    def __init__(
        self,
        name: str,
        listener: socket.socket,
        allowance: Allowance,
        welcome: Callable[[socket.socket], Talker],
    ) -> None:
        self._name = name
        self._listener = listener
        self._allowance = allowance
        self._welcome = welcome
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
                log.error("%s: no further connection: %s", self._name, error.strerror)  # noqa: TRY400
                await asyncio.sleep(_PAUSE)
                continue
            self._begin(connection)

    def _begin(self, connection: socket.socket) -> None:
        connection.settimeout(0)
        guest = self._welcome(connection)
        if not self._allowance.admit(guest):
            connection.close()
            return
        task = asyncio.get_running_loop().create_task(guest.run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
