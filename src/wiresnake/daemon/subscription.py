"""A stream for one reader of the control socket: bounded, and ended for who reads too slowly."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

import msgspec

Line: TypeAlias = Mapping[str, object]
Source: TypeAlias = Callable[[Callable[[Line], None]], Callable[[], None]]
"""Given what is to be told each line, returns what ends that."""

MAX_WAITING: Final = 1024
"""Lines that wait for their reader."""
TOO_SLOW: Final = {"error": "read too slowly: what happened since is lost"}


class Subscription:
    """The lines of ``sources`` from now on, until `end`; one reader takes them by `next`.

    ``ended`` is done when there will be no more than wait already, ``finished`` when the reader
    says that it has them or wants none.
    """

    def __init__(self, *sources: Source) -> None:
        loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[None] = loop.create_future()
        self.finished: asyncio.Future[None] = loop.create_future()
        self._waiting: deque[bytes] = deque()
        self._ready = asyncio.Event()
        self._leaves = [source(self._put) for source in sources]

    async def next(self) -> bytes | None:
        """Return the next line, its newline included; None at the end."""
        while not self._waiting:
            if self.ended.done():
                return None
            self._ready.clear()
            await self._ready.wait()
        return self._waiting.popleft()

    def end(self) -> None:
        """Take no more lines; those that wait may still be read. Idempotent."""
        if not self.ended.done():
            for leave in self._leaves:
                leave()
            self.ended.set_result(None)
            self._ready.set()

    def finish(self) -> None:
        """End it, and forget what waits. Idempotent."""
        self.end()
        self._waiting.clear()
        if not self.finished.done():
            self.finished.set_result(None)

    def _put(self, line: Line) -> None:
        if len(self._waiting) >= MAX_WAITING:
            line = TOO_SLOW
        self._waiting.append(msgspec.json.encode(line) + b"\n")
        self._ready.set()
        if line is TOO_SLOW:
            self.end()
