"""The doorman: which handshake messages may wake control (paper 5.3, 5.4.4, 5.4.7).

Checks go from cheap to dear: size and type, whether anyone awaits it, mac1, and under load mac2 and
the limiter. So neither junk nor a flood of well-formed messages costs a Diffie-Hellman.
"""

from collections import deque
from collections.abc import Callable
from typing import Final

from wiresnake.door.commands import SessionIndex
from wiresnake.door.notices import Handshake
from wiresnake.plane.portable.counters import Counters
from wiresnake.plane.portable.ways import Way
from wiresnake.protocol.cookies import CookieMaker, has_valid_mac1, mac1_key
from wiresnake.protocol.messages import (
    COOKIE_REPLY_SIZE,
    INITIATION_SIZE,
    RESPONSE_SIZE,
    MessageType,
)
from wiresnake.protocol.ratelimit import RateLimiter
from wiresnake.values.instants import NEVER, Instant

CAPACITY: Final = 512
LOADED_FROM: Final = CAPACITY // 8
LOAD_MEMORY: Final = 1.0
"""Seconds for which load is remembered."""
MAX_DRAINED: Final = 64

_SIZES: Final = {
    INITIATION_SIZE: MessageType.INITIATION,
    RESPONSE_SIZE: MessageType.RESPONSE,
    COOKIE_REPLY_SIZE: MessageType.COOKIE_REPLY,
}


class Doorman:
    """Admits handshake messages to a bounded queue and answers with cookies under load.

    ``reply`` sends a cookie reply along a way. Messages handed out by the last drain still count as
    load until the next one, for control is busy with them.
    """

    def __init__(
        self,
        random: Callable[[int], bytes],
        counters: Counters,
        reply: Callable[[Way, bytes], None],
    ) -> None:
        self._random = random
        self._counters = counters
        self._reply = reply
        self._mac1_key = b""
        self._cookies: CookieMaker | None = None
        self._limiter = RateLimiter()
        self._cookie_replies_due: dict[SessionIndex, bool] = {}
        self._proven: deque[Handshake] = deque()  # with a valid mac2
        self._others: deque[Handshake] = deque()
        self._handed_out = 0
        self._loaded_until: Instant = -NEVER

    def identify(self, public: bytes | None) -> None:
        """Check mac1 and make cookies under this key from now on; None admits nobody."""
        if self._cookies is not None:
            self._cookies.wipe()
        self._cookies = None if public is None else CookieMaker(public, self._random)
        self._mac1_key = b"" if public is None else mac1_key(public)

    def expect(self, index: SessionIndex) -> None:
        """Admit responses for this index, and one cookie reply more."""
        self._cookie_replies_due[index] = True

    def unexpect(self, index: SessionIndex) -> None:
        """Admit nothing for this index."""
        self._cookie_replies_due.pop(index, None)

    def receive_untrusted(self, datagram: bytes, way: Way, now: Instant) -> None:
        """Queue a handshake message, answer it with a cookie, or drop it."""
        kind = _SIZES.get(len(datagram))
        if kind is None or datagram[:4] != bytes((kind, 0, 0, 0)):
            self._counters["dropped_malformed"] += 1
        elif self._cookies is None:
            self._counters["dropped_no_identity"] += 1
        elif kind is MessageType.COOKIE_REPLY:
            self._receive_cookie_reply(datagram, way, now)
        elif kind is MessageType.RESPONSE and _receiver(datagram, 8) not in (
            self._cookie_replies_due
        ):
            self._counters["dropped_unexpected"] += 1
        elif not has_valid_mac1(self._mac1_key, datagram):
            self._counters["dropped_bad_mac1"] += 1
        elif not self._under_load(now):
            self._enqueue(self._others, datagram, way, now)
        else:
            self._receive_under_load(self._cookies, datagram, way, now)

    def drain(self) -> list[Handshake]:
        """Return up to 64 messages, those that proved their address first."""
        drained: list[Handshake] = []
        for queue in (self._proven, self._others):
            while queue and len(drained) < MAX_DRAINED:
                drained.append(queue.popleft())
        self._handed_out = len(drained)
        return drained

    def clear(self) -> None:
        """Drop what is queued: the interface goes down."""
        self._proven.clear()
        self._others.clear()
        self._handed_out = 0

    @property
    def awaits_drain(self) -> bool:
        """Whether messages wait, or so many were handed out that they count as load until the next
        drain says that control is done with them.
        """
        return bool(self._proven or self._others) or self._handed_out >= LOADED_FROM

    @property
    def depth(self) -> int:
        """How many messages wait to be drained."""
        return len(self._proven) + len(self._others)

    def _receive_cookie_reply(self, datagram: bytes, way: Way, now: Instant) -> None:
        index = _receiver(datagram, 4)
        if not self._cookie_replies_due.get(index):
            self._counters["dropped_unexpected"] += 1
            return
        self._cookie_replies_due[index] = False
        self._enqueue(self._proven, datagram, way, now)

    def _receive_under_load(
        self, cookies: CookieMaker, datagram: bytes, way: Way, now: Instant
    ) -> None:
        if not cookies.has_valid_mac2(datagram, way.endpoint, now):
            self._counters["cookie_replies_sent"] += 1
            self._reply(way, cookies.reply(datagram, way.endpoint, now))
        elif not self._limiter.allow(way.endpoint.host, now):
            self._counters["dropped_rate_limited"] += 1
        else:
            self._enqueue(self._proven, datagram, way, now)

    def _under_load(self, now: Instant) -> bool:
        if self.depth + self._handed_out >= LOADED_FROM:
            self._loaded_until = now + LOAD_MEMORY
        return now < self._loaded_until

    def _enqueue(self, queue: deque[Handshake], datagram: bytes, way: Way, now: Instant) -> None:
        if self.depth >= CAPACITY:
            self._counters["dropped_queue_full"] += 1
            if queue is self._others or not self._others:
                return
            self._others.popleft()
        queue.append(Handshake(datagram, way.path(now)))


def _receiver(datagram: bytes, offset: int) -> SessionIndex:
    return int.from_bytes(datagram[offset : offset + 4], "little")
