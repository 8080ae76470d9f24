"""The pure core whole: the parts of a portable plane joined, and each command carried out on them.

No socket, no clock, no randomness of its own: the shell drives it with descriptors, tests and the
simulation with `core.Core`.
"""

from collections.abc import Callable, Sequence
from typing import Any

from wiresnake.door.commands import (
    Abandon,
    Add,
    AnyCommand,
    ClearSource,
    DropSessions,
    EraseSessions,
    Expect,
    Flush,
    Follow,
    Forget,
    Identity,
    Install,
    Keepalive,
    Mtu,
    PeerNumber,
    Rest,
    Route,
    Send,
    SetEndpoint,
    Sockets,
    StopSending,
    Unexpect,
    Unroute,
)
from wiresnake.door.notices import AnyNotice
from wiresnake.door.snapshots import Observed
from wiresnake.plane.portable.counters import Counters, fresh_counters, with_depths
from wiresnake.plane.portable.doorman import Doorman
from wiresnake.plane.portable.inbound import Inbound
from wiresnake.plane.portable.inside import Inside
from wiresnake.plane.portable.outbound import Outbound
from wiresnake.plane.portable.peers import Peer, Peers
from wiresnake.plane.portable.ports import Sink, Wire
from wiresnake.plane.portable.ready import ReadyList
from wiresnake.plane.portable.routes import Routes
from wiresnake.plane.portable.sessions import Sessions, stop_sending
from wiresnake.plane.portable.staging import Stage
from wiresnake.plane.portable.validation import Batch
from wiresnake.plane.portable.ways import Way
from wiresnake.values.instants import Instant


class Engine:
    """The parts, and who knows whom. ``inbound`` and ``inside`` are where packets enter."""

    def __init__(
        self,
        wire: Wire,
        sink: Sink,
        random: Callable[[int], bytes],
        counters: Counters | None = None,
    ) -> None:
        self._counts = fresh_counters() if counters is None else counters
        self._wire = wire
        self._peers = Peers()
        self._sessions = Sessions()
        self._routes: Routes[Peer] = Routes()
        self._ready = ReadyList()
        self._stage = Stage()
        self._doorman = Doorman(random, self._counts, self._send_cookie_reply)
        self._outbound = Outbound(wire, self._stage, self._ready, self._counts)
        self.inside = Inside(self._routes, self._outbound, wire, sink, self._counts)
        self.inbound = Inbound(
            self._peers,
            self._sessions,
            self._routes,
            self._doorman,
            sink,
            self._ready,
            self._counts,
            self._outbound.flush_staged,
        )
        self._carry_out: dict[type, Callable[[Any, Instant], None]] = {
            Sockets: self._sockets,
            Identity: self._identity,
            Mtu: self._mtu,
            Add: self._add,
            Forget: self._forget,
            Route: self._route,
            Unroute: self._unroute,
            SetEndpoint: self._set_endpoint,
            Follow: self._follow,
            ClearSource: self._clear_source,
            Expect: self._expect,
            Unexpect: self._unexpect,
            Install: self._install,
            StopSending: self._stop_sending,
            DropSessions: self._drop_sessions,
            EraseSessions: self._erase_sessions,
            Send: self._send,
            Keepalive: self._keepalive,
            Flush: self._flush,
            Abandon: self._abandon,
            Rest: self._rest,
        }

    def apply(self, commands: Sequence[AnyCommand], now: Instant) -> None:
        """Carry out a batch at an instant. Raises RejectedBatch, and then nothing happened."""
        Batch(self._peers, self._sessions).check(commands)
        carry_out = self._carry_out
        for command in commands:
            carry_out[type(command)](command, now)
        self._outbound.flush(now)

    def drain(self) -> list[AnyNotice]:
        """Return the notices since the last drain, edges first, at most 64 handshakes."""
        return [*self._ready.collect(), *self._doorman.drain()]

    @property
    def has_notices(self) -> bool:
        """Whether a drain is due; also when it would only say that the last ones are dealt with."""
        return bool(self._ready) or self._doorman.awaits_drain

    def observe(self, numbers: Sequence[PeerNumber]) -> list[Observed]:
        """Return snapshots of these peers; unknown ones are left out."""
        peers = self._peers.by_number
        return [peers[number].observed() for number in numbers if number in peers]

    def counters(self) -> dict[str, int]:
        """Return every counter, and how much waits in each queue."""
        return with_depths(
            self._counts,
            peers=len(self._peers.by_number),
            sessions=len(self._sessions.by_index),
            staged_packets=len(self._stage),
            staged_bytes=self._stage.depth_bytes,
            queued_handshakes=self._doorman.depth,
        )

    def _send_cookie_reply(self, way: Way, datagram: bytes) -> None:
        self._wire.send(way, datagram, len(datagram), 0)

    def _peer(self, number: PeerNumber) -> Peer:
        return self._peers.by_number[number]

    def _sockets(self, command: Sockets, _: Instant) -> None:
        self._wire.replace(command.v4, command.v6)
        if not self._wire.is_up:
            self._doorman.clear()

    def _identity(self, command: Identity, _: Instant) -> None:
        self._doorman.identify(command.public)

    def _mtu(self, command: Mtu, now: Instant) -> None:
        self._outbound.flush(now)
        self._outbound.set_mtu(command.mtu)

    def _add(self, command: Add, _: Instant) -> None:
        self._peers.add(command.peer)

    def _forget(self, command: Forget, now: Instant) -> None:
        peer = self._peer(command.peer)
        self._drop_sessions(command, now)
        self._routes.remove_peer(peer)
        self._peers.forget(peer)
        self._ready.withdraw(peer)

    def _route(self, command: Route, _: Instant) -> None:
        peer = self._peer(command.peer)
        for prefix in command.prefixes:
            self._routes.insert(prefix, peer)

    def _unroute(self, command: Unroute, _: Instant) -> None:
        peer = self._peer(command.peer)
        for prefix in command.prefixes:
            self._routes.remove(prefix, peer)

    def _set_endpoint(self, command: SetEndpoint, now: Instant) -> None:
        peer = self._peer(command.peer)
        peer.located_at = now
        self._peers.locate(peer, Way(command.endpoint))

    def _follow(self, command: Follow, now: Instant) -> None:
        peer = self._peer(command.peer)
        peer.rx_bytes += command.size
        peer.stamp_received(now)
        if command.path.at >= peer.located_at:
            peer.located_at = command.path.at
            self._peers.locate(peer, Way.along(command.path))

    def _clear_source(self, command: ClearSource, _: Instant) -> None:
        peer = self._peer(command.peer)
        if peer.way is not None:
            self._peers.locate(peer, Way(peer.way.endpoint))

    def _expect(self, command: Expect, _: Instant) -> None:
        self._doorman.expect(command.index)

    def _unexpect(self, command: Unexpect, _: Instant) -> None:
        self._doorman.unexpect(command.index)

    def _install(self, command: Install, now: Instant) -> None:
        peer = self._peer(command.peer)
        self._outbound.flush(now)
        self._sessions.install(peer, command.session)
        if command.session.initiator:
            peer.asked = False
            self._outbound.send_keepalive(peer, now)

    def _stop_sending(self, command: StopSending, now: Instant) -> None:
        self._outbound.flush(now)
        stop_sending(self._peer(command.peer))

    def _drop_sessions(self, command: DropSessions | Forget, now: Instant) -> None:
        peer = self._peer(command.peer)
        self._outbound.flush(now)
        self._sessions.erase(peer)
        self._outbound.drop_staged(peer)
        peer.clear_stamps()

    def _erase_sessions(self, command: EraseSessions, now: Instant) -> None:
        self._outbound.flush(now)
        self._sessions.erase(self._peer(command.peer))

    def _send(self, command: Send, now: Instant) -> None:
        peer = self._peer(command.peer)
        way = peer.way if command.path is None else Way.along(command.path)
        if way is None:
            self._counts["dropped_no_endpoint"] += 1
        else:
            self._outbound.send_handshake(peer, way, command.datagram, now)

    def _keepalive(self, command: Keepalive, now: Instant) -> None:
        peer = self._peer(command.peer)
        self._outbound.send_keepalive(peer, now)
        if command.rearm:
            peer.unacknowledged_since = now
            peer.more_unacknowledged = False

    def _flush(self, command: Flush, now: Instant) -> None:
        self._outbound.flush_staged(self._peer(command.peer), now)

    def _abandon(self, command: Abandon, _: Instant) -> None:
        peer = self._peer(command.peer)
        self._outbound.drop_staged(peer)
        for keypair in (peer.current, peer.next):
            if keypair is not None:
                keypair.asked_on_send = keypair.asked_on_receive = False

    def _rest(self, command: Rest, _: Instant) -> None:
        peer = self._peer(command.peer)
        peer.resting = True
        if peer.activity != command.seen:
            self._ready.wake(peer)
