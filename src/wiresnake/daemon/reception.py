"""A listening socket of the daemon: it accepts connections and gives each a guest of its own."""

import asyncio
import errno
import logging
import socket
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from wiresnake.daemon.allowance import Allowance

log = logging.getLogger(__name__)

_OUT_OF_DESCRIPTORS: Final = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
_PAUSE: Final = 0.1
"""Seconds until the next try when the host has no descriptor for another connection."""


class Talker(ABC):
    """A guest that talks until its client has gone, or until somebody dismisses it."""

    def __init__(self, connection: socket.socket, allowance: Allowance) -> None:
        self.held = 0
        self.waiting = True
        self._connection = connection
        self._allowance = allowance
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[None] | None = None
        self.moved_at = self._loop.time()

    async def run(self) -> None:
        """Talk; close the connection and leave the allowance at the end."""
        self._task = asyncio.current_task()
        try:
            with suppress(ConnectionError):
                await self._talk()
        except asyncio.CancelledError:
            log.debug("%s: a connection was ended", type(self).__name__)
        finally:
            self._connection.close()
            self._allowance.leave(self)

    def dismiss(self) -> None:
        """End it from outside."""
        self.held = 0
        if self._task is not None:
            self._task.cancel()

    @abstractmethod
    async def _talk(self) -> None:
        """Say what there is to say. A ConnectionError ends it."""


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
