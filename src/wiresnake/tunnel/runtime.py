"""The runtime of one tunnel: it waits, calls one verb of the protocol, applies what comes back.

Everything runs on one asyncio loop and in short steps. What is long (a request that names thousands
of peers, a reading of them all) is cut into slices with an await between, so that timers, notices
and other connections never stand still.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from wiresnake.config.merge import Merge
from wiresnake.config.model import Change, Edit, InterfaceConfig, PeerConfig
from wiresnake.config.uapi import PeerStatus
from wiresnake.door.commands import AnyCommand, ClearSource, Mtu
from wiresnake.door.notices import AnyNotice, Handshake, PlaneFailed, SessionConfirmed
from wiresnake.door.snapshots import Observed
from wiresnake.host.links import LinkEvent, LinkGone, LinkState, PathsChanged
from wiresnake.plane.contract import DataPlane, PlaneLost, RejectedBatch
from wiresnake.protocol.exchange import KeyLog
from wiresnake.protocol.interface import Interface
from wiresnake.tunnel import chronicle
from wiresnake.tunnel.events import Ended, Events, LinkChanged
from wiresnake.tunnel.outer import DOWN, Outer, handed_over
from wiresnake.tunnel.pace import Pace
from wiresnake.tunnel.slices import slices
from wiresnake.tunnel.standing import Standing
from wiresnake.tunnel.surroundings import Surroundings
from wiresnake.values.instants import Now

log = logging.getLogger(__name__)

STEP = 512
"""Peers and prefixes, edits or commands that are worked off before others get their turn."""
SNAPSHOTS_PER_STEP = 256
"""Peers that are read from the plane before others get their turn."""
SNAPSHOTS_PER_SECOND = 5000
"""How many peers are read in the long run: whoever reads in a loop must not starve the packets."""
SNAPSHOTS_AT_ONCE = 30000
"""How many are read without a pause when nobody has read for a while; twice all, if more."""
PATHS_SETTLE = 0.5
"""Seconds to wait for more changes of addresses and routes before sources are looked at."""
MIN_SUSPEND = 1.0
"""Seconds of suspend from which on sessions are not trusted any more."""


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a tunnel ended, in one line; ``failed`` says that it should not have."""

    why: str
    failed: bool


class Tunnel:
    """One running tunnel.

    Owns the plane and what ``host`` opened; ``close`` gives all of it back. ``ended`` is done when
    the tunnel cannot or need not go on: the interface was deleted, or the plane is lost.
    ``key_log``, if any, is shown the secrets of each handshake.
    """

    def __init__(self, plane: DataPlane, host: Surroundings, key_log: KeyLog | None = None) -> None:
        self.config = InterfaceConfig()
        self.ended: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self._loop = asyncio.get_running_loop()
        self._plane = plane
        self._host = host
        self._interface = Interface(host.random, key_log)
        self.standing = Standing(self._interface, plane, host.now)
        self.events = Events(self._interface.key_of)
        self._outer = Outer(host)
        self._up = False
        self.mtu = 0
        self._changing = asyncio.Lock()
        self._pace = Pace(SNAPSHOTS_PER_SECOND)
        self._settling: asyncio.TimerHandle | None = None
        self._clearing: asyncio.Task[None] | None = None
        self._readers: list[int] = []
        self._closed = False

    @property
    def listen_port(self) -> int:
        """The UDP port in use, or the one to use when the link comes up; 0 is any."""
        return self._outer.port

    @property
    def families(self) -> list[str]:
        """The address families that have a socket: of ``ipv4`` and ``ipv6``."""
        return self._outer.families

    @property
    def is_up(self) -> bool:
        """Whether the inner interface is up."""
        return self._up

    def start(self) -> None:
        """Begin to serve: take the state of the link, then follow events."""
        host = self._host
        for source, work in (
            (self._plane, self._drain),
            (host.timer, self._expire),
            (host.link, self._follow_link),
            (host.sleep, self._look_at_suspend),
        ):
            self._readers.append(source.fileno())
            self._loop.add_reader(source.fileno(), self._step(work))
        self._step(lambda: self._take_link(host.link.state()))()

    async def close(self) -> None:
        """End the tunnel; idempotent. Nothing of it is left on the host."""
        if self._closed:
            return
        self._closed = True
        self._finish(Ending("closed", failed=False))
        if self._settling is not None:
            self._settling.cancel()
        if self._clearing is not None:
            self._clearing.cancel()
        self._plane.close()
        self._outer.close()
        for end in (self._host.timer, self._host.link, self._host.sleep, self._host.sources):
            end.close()
        if self.config.private_key is not None:
            self.config.private_key.wipe()

    async def apply(self, change: Change) -> None:
        """Carry out one request, all of it or nothing.

        ``change`` is valid in itself. Raises OSError when the host refuses a port or a mark
        (EADDRINUSE), TooManyPeers when there would be, and then nothing has changed; PlaneLost when
        the tunnel is ending. A caller who is cancelled does not stop it half way.
        """
        await asyncio.shield(self._loop.create_task(self._apply(change)))

    async def _apply(self, change: Change) -> None:
        async with self._changing:
            self._still_alive()
            merge = Merge(self.config)
            edits = merge.device(change)
            move = self._outer.prepare(change, up=self._up)
            with self._failing_closed():
                if move is not None:
                    if move.pair is not None:
                        self._carry_out([handed_over(move.pair)])
                    self._outer.take(move)
                    await self._forget_sources(lambda seen: bool(seen.local))
                await self._edit(edits)
                for edits in merge.steps(change.peers, STEP):
                    await self._edit(edits)
                await self._edit(merge.finish())
                self.config = merge.config

    async def peers(
        self, config: InterfaceConfig
    ) -> AsyncIterator[list[tuple[PeerConfig, PeerStatus]]]:
        """Read all peers of ``config``, a few hundred at a time, with where they stand.

        ``config`` is `config` of this tunnel at some moment; it never changes afterwards, so the
        reading is of that moment however long it takes. Raises PlaneLost.
        """
        burst = max(SNAPSHOTS_AT_ONCE, 2 * len(config.peers))
        for part in slices(config.peers.values(), SNAPSHOTS_PER_STEP):
            await asyncio.sleep(self._pace.wait(len(part), burst, self._loop.time()))
            self._still_alive()
            yield self.standing.status(part)

    async def _edit(self, edits: Iterable[Edit]) -> None:
        for part in slices(edits, STEP):
            self._carry_out(self._interface.reconfigure(part, self._host.now()))
            await asyncio.sleep(0)

    def _still_alive(self) -> None:
        if self.ended.done():
            raise PlaneLost(self.ended.result().why)

    def _carry_out(self, commands: Sequence[AnyCommand]) -> None:
        self._still_alive()
        if commands:
            if log.isEnabledFor(logging.DEBUG):
                for line in chronicle.told(commands, self._interface.key_of):
                    log.debug("%s", line)
            try:
                self._plane.apply(commands)
            except RejectedBatch as error:
                raise PlaneLost(str(error)) from error
            self.events.carried_out(commands)
        self._host.timer.set(self._interface.deadline())

    def _finish(self, ending: Ending) -> None:
        for reader in self._readers:
            self._loop.remove_reader(reader)
        self._readers.clear()
        if not self.ended.done():
            self.ended.set_result(ending)
            self.events.tell(Ended(ending.why, ending.failed))

    def _step(self, work: Callable[[], None]) -> Callable[[], None]:
        """Return ``work`` as a callback for the loop."""

        def step() -> None:
            if not self.ended.done():
                with suppress(PlaneLost), self._failing_closed():
                    work()

        return step

    @contextmanager
    def _failing_closed(self) -> Iterator[None]:
        """End the tunnel, loudly, rather than go on with what nobody knows the state of."""
        try:
            yield
        except PlaneLost as error:
            self._finish(Ending(str(error), failed=True))
            raise
        except Exception:
            self._finish(Ending("a fault in the runtime", failed=True))
            raise

    def _drain(self) -> None:
        commands: list[AnyCommand] = []
        for notice in self._plane.drain():
            commands += self._answer(notice)
        self._carry_out(commands)

    def _answer(self, notice: AnyNotice) -> list[AnyCommand]:
        match notice:
            case PlaneFailed(why=why):
                raise PlaneLost(why)
            case Handshake(datagram=datagram, path=path):
                return self._interface.receive(datagram, path, self._host.now())
            case _:
                now = self._host.now()
                commands = self._interface.notice(notice, now)
                if isinstance(notice, SessionConfirmed):
                    self._tell_if_completed(notice, now)
                return commands

    def _tell_if_completed(self, notice: SessionConfirmed, now: Now) -> None:
        key = self._interface.key_of(notice.peer)
        # A session that was erased meanwhile is confirmed to nobody.
        if key is not None and self._interface.last_handshake(key) == now.wall:
            self.events.completed(notice.peer, initiator=False)

    def _expire(self) -> None:
        self._host.timer.clear()
        self._look_at_suspend()
        self._drain()
        now = self._host.now()
        seen = self._plane.observe(self._interface.due(now))
        self.events.observed(seen)
        self._carry_out(self._interface.expire(now, seen))

    def _follow_link(self) -> None:
        for event in self._host.link.read():
            self._take_link(event)

    def _take_link(self, event: LinkEvent) -> None:
        match event:
            case LinkGone():
                self._finish(Ending("the interface was deleted", failed=False))
            case PathsChanged():
                if self._settling is None:
                    self._settling = self._loop.call_later(
                        PATHS_SETTLE, self._step(self._paths_settled)
                    )
            case LinkState(up=up, mtu=mtu):
                if mtu != self.mtu:
                    self.mtu = mtu
                    self._carry_out([Mtu(mtu)])
                if up != self._up:
                    self._up = up
                    self._bring_up() if up else self._bring_down()

    def _bring_up(self) -> None:
        now = self._host.now()
        try:
            sockets = self._outer.open()
        except OSError as error:
            log.error("UDP port %d: %s", self._outer.port, error.strerror)  # noqa: TRY400
            sockets = DOWN
        self._carry_out([sockets, *self._interface.link(up=True, now=now)])
        log.debug("interface up, UDP port %d", self._outer.port)
        port = self._outer.port if self._outer.is_open else 0
        self.events.tell(LinkChanged(up=True, port=port))

    def _bring_down(self) -> None:
        self._carry_out([*self._interface.link(up=False, now=self._host.now()), DOWN])
        self._outer.close()
        log.debug("interface down")
        self.events.tell(LinkChanged(up=False, port=0))

    def _look_at_suspend(self) -> None:
        slept = self._host.sleep.slept()
        if slept >= MIN_SUSPEND:
            log.debug("the machine slept for %.0f s", slept)
            self._carry_out(self._interface.resumed(self._host.now()))

    def _paths_settled(self) -> None:
        self._settling = None
        self._clearing = self._loop.create_task(self._check_sources_or_end())

    async def _check_sources_or_end(self) -> None:
        with suppress(PlaneLost):  # the tunnel is ending by then
            await self._forget_sources(lambda seen: bool(seen.local) and not self._serves(seen))

    def _serves(self, seen: Observed) -> bool:
        destination = seen.endpoint.host if seen.endpoint is not None else b""
        return self._host.sources.serves(seen.local, seen.interface, destination, self._outer.mark)

    async def _forget_sources(self, wanted: Callable[[Observed], bool]) -> None:
        """Let the host choose the source addresses of the peers that are ``wanted`` again."""
        for part in slices(list(self.config.peers), STEP):
            self._still_alive()
            numbers = [self._interface.number_of(key) for key in part]
            seen = self._plane.observe([number for number in numbers if number is not None])
            self._carry_out([ClearSource(each.peer) for each in seen if wanted(each)])
            await asyncio.sleep(0)
