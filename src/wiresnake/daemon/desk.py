"""What the control socket can be asked, and the answers."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from wiresnake.daemon.bulletin import line_of
from wiresnake.daemon.keylog import KeyLog
from wiresnake.daemon.statistics import Statistics
from wiresnake.daemon.subscription import Line, Source, Subscription
from wiresnake.plane.contract import PlaneLost
from wiresnake.tunnel.lookout import Lookout, UnknownPeer
from wiresnake.tunnel.runtime import Tunnel
from wiresnake.values.addresses import InvalidAddress, NamedEndpoint
from wiresnake.values.keys import InvalidKey, PublicKey

MAX_NAMES: Final = 16
"""Names by which one peer may be looked for."""
MAX_STAMPS: Final = 256
"""Peers in one ``statistics``; their snapshots are taken at once, while packets wait."""
_LAST_WORDS: Final = 1.0
"""Seconds that readers of streams have for the end of it when the daemon ends."""


class Denied(Exception):
    """A request that cannot be; the text is the reply's one line."""


class Ask(msgspec.Struct):
    """What every request has."""

    ask: str


class AskStatistics(msgspec.Struct):
    """``peers`` are those whose stamps are wanted, by keys in base64; if none are named, all.

    All, that is, where there are no more than MAX_STAMPS, and else none.
    """

    peers: list[str] | None = None


class AskResolve(msgspec.Struct):
    """Names by which peers are to be looked for: ``host:port`` texts by a key in base64."""

    endpoints: dict[str, list[str]]


class AskEvents(msgspec.Struct):
    """``keylog`` asks for the key log as well, so that one stream has both in their order."""

    keylog: bool = False


class Desk:
    """Answers requests about one tunnel. ``key_log`` is None where secrets may not be had."""

    def __init__(
        self, tunnel: Tunnel, lookout: Lookout, statistics: Statistics, key_log: KeyLog | None
    ) -> None:
        self._tunnel = tunnel
        self._lookout = lookout
        self._read = statistics
        self._key_log = key_log
        self._subscriptions: set[Subscription] = set()
        self._answers: Final[Mapping[str, Callable[[bytes], Line | Subscription]]] = {
            "statistics": self._statistics,
            "resolve": self._resolve,
            "events": self._events,
            "keylog": self._keylog,
        }

    def answer(self, line: bytes) -> Line | Subscription:
        """Return what to reply to one request. Raises Denied, and then nothing has changed."""
        try:
            what = msgspec.json.decode(line, type=Ask).ask
            if what not in self._answers:
                known = ", ".join(self._answers)
                raise Denied(f"unknown request {what[:32]!r}; there are {known}")
            return self._answers[what](line)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise Denied(f"not a request: {error}") from None
        except (InvalidKey, InvalidAddress, UnknownPeer, PlaneLost) as error:
            raise Denied(str(error)) from None

    async def close(self) -> None:
        """End all streams, and give their readers a moment to hear of it."""
        for each in self._subscriptions:
            each.end()
        if self._subscriptions:
            ends = [each.finished for each in self._subscriptions]
            await asyncio.wait(ends, timeout=_LAST_WORDS)

    def _statistics(self, line: bytes) -> Line:
        asked = msgspec.json.decode(line, type=AskStatistics).peers
        if asked is None:
            peers = self._tunnel.config.peers
            return self._read.line(list(peers) if len(peers) <= MAX_STAMPS else [])
        if len(asked) > MAX_STAMPS:
            raise Denied(f"{len(asked)} peers; at most {MAX_STAMPS} may be named at once")
        return self._read.line([PublicKey.from_base64(key) for key in asked])

    def _resolve(self, line: bytes) -> Line:
        asked = msgspec.json.decode(line, type=AskResolve).endpoints
        names = {PublicKey.from_base64(key): _names(texts) for key, texts in asked.items()}
        self._lookout.hand_over(names)
        return {"done": True}

    def _events(self, line: bytes) -> Subscription:
        if msgspec.json.decode(line, type=AskEvents).keylog:
            return self._subscribed(self._follow_events, self._secrets())
        return self._subscribed(self._follow_events)

    def _keylog(self, _line: bytes) -> Subscription:
        return self._subscribed(self._secrets())

    def _follow_events(self, put: Callable[[Line], None]) -> Callable[[], None]:
        standing, events = self._tunnel.standing, self._tunnel.events
        peers = self._tunnel.config.peers
        places = standing.observe(list(peers)) if len(peers) <= MAX_STAMPS else {}
        leave = events.follow(
            lambda event: put({"at": standing.now().wall / 1e9, **line_of(event)})
        )
        # From where they are now it can be told that they move.
        events.observed(list(places.values()))
        return leave

    def _secrets(self) -> Source:
        if self._key_log is None:
            raise Denied("this daemon keeps its secrets: start it with --allow-keylog")
        return self._key_log.follow

    def _subscribed(self, *sources: Source) -> Subscription:
        subscription = Subscription(*sources)
        self._subscriptions.add(subscription)
        subscription.finished.add_done_callback(lambda _: self._subscriptions.discard(subscription))
        return subscription


def _names(texts: list[str]) -> list[NamedEndpoint]:
    if len(texts) > MAX_NAMES:
        raise Denied(f"{len(texts)} endpoints of one peer; at most {MAX_NAMES} are tried")
    return [NamedEndpoint.parse(text) for text in texts]
