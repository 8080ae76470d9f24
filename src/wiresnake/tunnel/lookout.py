"""The lookout: it looks up the names of lost peers and sends the tunnel where they lead.

`search` decides; here are the lookups, each in a thread, since the host's resolver blocks. They are
threads that nobody waits for: a resolver that hangs must not hold up the end of a daemon.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final

from wiresnake.config.model import Change, PeerChange
from wiresnake.plane.contract import PlaneLost
from wiresnake.tunnel.events import Completed, Event, Initiated, Resolved, Unresolved
from wiresnake.tunnel.runtime import Tunnel
from wiresnake.tunnel.search import Search
from wiresnake.values.addresses import Endpoint, NamedEndpoint
from wiresnake.values.instants import Instant
from wiresnake.values.keys import PublicKey

log = logging.getLogger(__name__)

LookUp = Callable[[NamedEndpoint], Sequence[Endpoint]]
"""Blocks; raises OSError."""
_Answer = asyncio.Future[Sequence[Endpoint]]

LOOKUPS_AT_ONCE: Final = 8
AGAIN_AFTER: Final = 15.0
"""Seconds between two lookups for a peer that has no endpoint yet, which nothing can call."""


class UnknownPeer(ValueError):
    """A name was handed over for a peer that there is not."""


class Lookout:
    """Looks for the peers of ``tunnel`` whose names it was told, by ``look_up``."""

    def __init__(self, tunnel: Tunnel, look_up: LookUp) -> None:
        self._tunnel = tunnel
        self._look_up = look_up
        self._loop = asyncio.get_running_loop()
        self._searches: dict[PublicKey, Search] = {}
        self._room = asyncio.Semaphore(LOOKUPS_AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()
        self._leave: Callable[[], None] | None = None

    def hand_over(self, names: Mapping[PublicKey, Sequence[NamedEndpoint]]) -> None:
        """Look for these peers by these names from now on, and by no others; none is not at all.

        Raises UnknownPeer, and then nothing has changed.
        """
        peers = self._tunnel.config.peers
        for key in names:
            if key not in peers:
                raise UnknownPeer(f"there is no peer {key}")
        self._searches = {key: it for key, it in self._searches.items() if key in peers}
        for key, some in names.items():
            self._searches.pop(key, None)
            if some:
                asked, heard_at = peers[key].endpoint, self._tunnel.standing.last_handshake(key)
                self._searches[key] = Search(tuple(some), asked, heard_at)
                if asked is None:
                    self._begin(key)
        if self._searches and self._leave is None:
            self._leave = self._tunnel.events.follow(self._take_note)
        elif not self._searches:
            self._stop_listening()

    def names_of(self, key: PublicKey) -> tuple[NamedEndpoint, ...]:
        """Return the names by which this peer is looked for."""
        search = self._searches.get(key)
        return () if search is None else search.names

    async def close(self) -> None:
        """Look no more; idempotent."""
        self._stop_listening()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _stop_listening(self) -> None:
        if self._leave is not None:
            self._leave()
            self._leave = None

    def _take_note(self, event: Event) -> None:
        match event:
            case Initiated(peer) if peer in self._searches:
                if self._searches[peer].initiated(self._now()):
                    self._begin(peer)
            case Completed(peer) if peer in self._searches:
                self._searches[peer].heard(self._now())

    def _now(self) -> Instant:
        return self._tunnel.standing.now().boottime

    def _begin(self, key: PublicKey) -> None:
        self._searches[key].looking = True
        task = self._loop.create_task(self._look_for(key, self._searches[key]))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _look_for(self, key: PublicKey, search: Search) -> None:
        try:
            with suppress(PlaneLost):  # the tunnel is ending by then
                has_way = await self._has_way(key, search)
                while not has_way:
                    await asyncio.sleep(AGAIN_AFTER)
                    has_way = await self._has_way(key, search)
        finally:
            search.looking = False

    async def _has_way(self, key: PublicKey, search: Search) -> bool:
        """Look once; return whether the peer has an endpoint then, or is looked for no more."""
        found = await self._resolve(key, search.names) if self._is_wanted(key, search) else {}
        if not self._is_wanted(key, search):
            return True
        seen = self._tunnel.standing.observe([key]).get(key)
        if seen is None:
            return False  # a request that replaces all peers is half done
        endpoint = search.found(list(found), seen.endpoint, seen.last_received, self._now())
        if endpoint is not None:
            self._tunnel.events.tell(Resolved(key, found[endpoint], endpoint))
            await self._tunnel.apply(
                Change(peers=[PeerChange(key, update_only=True, endpoint=endpoint)])
            )
        return endpoint is not None or seen.endpoint is not None

    def _is_wanted(self, key: PublicKey, search: Search) -> bool:
        """Whether this search goes on.

        It ends with the peer, when other names are handed over, and when somebody else has asked
        for another endpoint: what was said last is in force.
        """
        if self._searches.get(key) is not search:
            return False
        peer = self._tunnel.config.peers.get(key)
        if peer is not None and peer.endpoint == search.asked:
            return True
        del self._searches[key]
        return False

    async def _resolve(
        self, key: PublicKey, names: Sequence[NamedEndpoint]
    ) -> dict[Endpoint, NamedEndpoint]:
        """Return the endpoints to which the names lead, in order, each with its name."""
        found: dict[Endpoint, NamedEndpoint] = {}
        # All at once: a name whose servers are silent must not hold up the next.
        answers = await asyncio.gather(*(self._look_up_or_tell(key, name) for name in names))
        for name, endpoints in zip(names, answers, strict=True):
            for endpoint in endpoints:
                found.setdefault(endpoint, name)
        return found

    async def _look_up_or_tell(self, key: PublicKey, name: NamedEndpoint) -> Sequence[Endpoint]:
        try:
            return await self._look_up_once(name)
        except OSError as error:
            why = error.strerror or str(error)
            log.debug("%s: %s", name, why)
            self._tunnel.events.tell(Unresolved(key, name, why))
            return ()

    async def _look_up_once(self, name: NamedEndpoint) -> Sequence[Endpoint]:
        async with self._room:
            answer: _Answer = self._loop.create_future()
            # A thread that outlives us finds the loop closed, and ends there.
            work = (self._look_up, name, answer)
            threading.Thread(target=_answer, args=work, daemon=True).start()
            return await answer


def _answer(look_up: LookUp, name: NamedEndpoint, answer: _Answer) -> None:
    found: Sequence[Endpoint] = ()
    failure: OSError | None = None

    def settle() -> None:
        if answer.done():
            return
        if failure is None:
            answer.set_result(found)
        else:
            answer.set_exception(failure)

    try:
        found = look_up(name)
    except OSError as error:
        failure = error
    finally:
        with suppress(RuntimeError):  # the loop is closed
            answer.get_loop().call_soon_threadsafe(settle)
