"""Inbound: datagrams from the network are looked up, opened in place, judged and handed inward.

The order of the checks is the protocol's (PROTOCOL: sessions): index and age, the tag, the replay
window, then endpoint, promotion and stamps, and only then what the packet says of itself. A forged
or replayed message changes nothing.
"""

from collections.abc import Callable, Sequence
from struct import Struct
from typing import Final

from wiresnake.plane.portable.counters import Counters
from wiresnake.plane.portable.doorman import Doorman
from wiresnake.plane.portable.ecn import decapsulate
from wiresnake.plane.portable.peers import Peer, Peers
from wiresnake.plane.portable.places import Place, Places
from wiresnake.plane.portable.ports import Sink
from wiresnake.plane.portable.ready import (
    CONFIRMED,
    UNKNOWN,
    WANTED_RECEIVED_LATE,
    ReadyList,
)
from wiresnake.plane.portable.routes import Routes
from wiresnake.plane.portable.sessions import Keypair, Sessions, has_live_session
from wiresnake.plane.portable.transport import NONCE, Buffer, Forged
from wiresnake.plane.portable.ways import Way
from wiresnake.protocol.constants import REJECT_AFTER_MESSAGES
from wiresnake.protocol.messages import (
    TRANSPORT_HEADER,
    TRANSPORT_HEADER_SIZE,
    TRANSPORT_OVERHEAD,
    MessageType,
)
from wiresnake.protocol.primitives import TAG_SIZE
from wiresnake.values.addresses import Endpoint
from wiresnake.values.instants import NEVER, Instant

MAX_DATAGRAMS: Final = 1 << 16
"""Bytes of the longest datagram or train that a socket hands over at once."""
MAX_ALONE: Final = 64
"""Lengths of messages whose place is remembered for when one comes alone."""
_TRANSPORT: Final = int(MessageType.TRANSPORT)
_IPV4: Final = Struct("!2xH8x4s")
_IPV6: Final = Struct("!4xH2x16s")
_IPV4_HEADER: Final = 20
_IPV6_HEADER: Final = 40
_LOOK_INTERVAL: Final = 1.0
"""Seconds between two looks at the peers of an endpoint that sends unknown indices: a source can be
forged, and control is woken by none of them more often than it could act on it."""
_MAX_LOOKED_AT: Final = 4096


class Inbound:
    """Judges what comes from the network.

    ``buffer`` takes the next datagrams. ``flush_staged`` is called for a peer whose next session
    was confirmed.
    """

    def __init__(
        self,
        peers: Peers,
        sessions: Sessions,
        routes: "Routes[Peer]",
        doorman: Doorman,
        sink: Sink,
        ready: ReadyList,
        counters: Counters,
        flush_staged: Callable[[Peer, Instant], None],
    ) -> None:
        self._peers = peers
        self._sessions = sessions
        self._routes = routes
        self._doorman = doorman
        self._sink = sink
        self._ready = ready
        self._counters = counters
        self._flush_staged = flush_staged
        self._places = Places(MAX_DATAGRAMS)
        self.buffer = self._places.buffer
        self._alone: dict[int, Place] = {}
        self._looked_at: dict[Endpoint, Instant] = {}

    def receive_untrusted(
        self, length: int, segment: int, way: Way, tos: int, now: Instant
    ) -> None:
        """Take datagrams that lie one behind the other in ``buffer``, ``length`` bytes in all,
        ``segment`` each, the last maybe shorter, come along one way with one traffic class.
        """
        packets: list[Buffer] = []
        if length <= segment:
            self._receive_alone(length, way, tos, now, packets)
        else:
            self._receive_train(length, segment, way, tos, now, packets)
        if packets:
            self._sink.deliver(packets)

    def _receive_train(
        self, length: int, segment: int, way: Way, tos: int, now: Instant, packets: list[Buffer]
    ) -> None:
        places = self._places.split(length, segment)
        position = 0
        while position < len(places):
            offset, _, sealed = places[position]
            if len(sealed) >= TAG_SIZE and self.buffer[offset] == _TRANSPORT:
                position = self._receive_run(places, position, way, tos, now, packets)
            else:
                end = min(offset + segment, length)
                self._doorman.receive_untrusted(bytes(self.buffer[offset:end]), way, now)
                position += 1

    def _receive_alone(
        self, length: int, way: Way, tos: int, now: Instant, packets: list[Buffer]
    ) -> None:
        """Do what `_receive_run` does, for one message and in fewer steps (see
        `outbound.Outbound.send_alone`).
        """
        if length < TRANSPORT_OVERHEAD or self.buffer[0] != _TRANSPORT:
            self._doorman.receive_untrusted(bytes(self.buffer[:length]), way, now)
            return
        _, body, sealed = self._alone.get(length) or self._place_alone(length)
        kind, index, counter = TRANSPORT_HEADER.unpack_from(self.buffer)
        keypair = self._sessions.by_index.get(index)
        if kind != _TRANSPORT or keypair is None or now >= keypair.dies_at:
            self._refuse(kind, keypair, way, now)
            return
        if counter >= REJECT_AFTER_MESSAGES:
            self._counters["dropped_expired"] += 1
            return
        try:
            keypair.open(NONCE.pack(counter), sealed, None, body)
        except Forged:
            self._counters["dropped_forged"] += 1
            return
        if not keypair.window.accept(counter):
            self._counters["dropped_replayed"] += 1
            return
        keypair.peer.rx_bytes += length
        self._authenticated(keypair, way, now)
        if length > TRANSPORT_OVERHEAD:
            self._judge(keypair.peer, (body,), tos, now, packets)

    def _place_alone(self, length: int) -> Place:
        if len(self._alone) >= MAX_ALONE:
            self._alone.clear()
        place = self._alone[length] = self._places.one(0, length)
        return place

    def _receive_run(
        self,
        places: list[Place],
        position: int,
        way: Way,
        tos: int,
        now: Instant,
        packets: list[Buffer],
    ) -> int:
        """Take the transport messages from ``position`` that name one session; add what they carry
        to ``packets``; return the position behind them.
        """
        buffer = self.buffer
        read_header = TRANSPORT_HEADER.unpack_from
        kind, index, _ = read_header(buffer, places[position][0])
        keypair = self._sessions.by_index.get(index)
        if kind != _TRANSPORT or keypair is None or now >= keypair.dies_at:
            self._refuse(kind, keypair, way, now)
            return position + 1
        opened: list[memoryview] = []
        size = 0
        decrypt = keypair.open
        accept = keypair.window.accept
        nonce = NONCE.pack
        counters = self._counters
        for offset, body, sealed in places[position:]:
            kind, receiver, counter = read_header(buffer, offset)
            if receiver != index or kind != _TRANSPORT or len(sealed) < TAG_SIZE:
                break
            position += 1
            if counter >= REJECT_AFTER_MESSAGES:
                counters["dropped_expired"] += 1
                continue
            try:
                decrypt(nonce(counter), sealed, None, body)
            except Forged:
                counters["dropped_forged"] += 1
                continue
            if accept(counter):
                opened.append(body)
                size += len(sealed)
            else:
                counters["dropped_replayed"] += 1
        if opened:
            keypair.peer.rx_bytes += size + TRANSPORT_HEADER_SIZE * len(opened)
            self._authenticated(keypair, way, now)
            self._judge(keypair.peer, opened, tos, now, packets)
        return position

    def _refuse(self, kind: int, keypair: Keypair | None, way: Way, now: Instant) -> None:
        if kind != _TRANSPORT:
            self._counters["dropped_malformed"] += 1
        elif keypair is not None:
            self._counters["dropped_expired"] += 1
        else:
            self._counters["dropped_unknown_index"] += 1
            self._notice_unknown(way.endpoint, now)

    def _notice_unknown(self, endpoint: Endpoint, now: Instant) -> None:
        residents = self._peers.at(endpoint)
        if not residents or now < self._looked_at.get(endpoint, -NEVER) + _LOOK_INTERVAL:
            return
        if len(self._looked_at) >= _MAX_LOOKED_AT:
            self._looked_at.clear()
        self._looked_at[endpoint] = now
        for peer in residents:
            if not has_live_session(peer, now):
                self._ready.raise_edge(peer, UNKNOWN)

    def _authenticated(self, keypair: Keypair, way: Way, now: Instant) -> None:
        """Take to heart that authentic messages came: where from, under which session, when."""
        peer = keypair.peer
        peer.located_at = peer.last_received = now
        peer.unanswered_since = None
        if peer.way is not way:
            self._peers.locate(peer, way)
        if keypair is peer.next:
            self._confirm(peer, keypair, now)
        current = peer.current
        if (
            current is not None
            and now >= current.renew_on_receive_at
            and not current.asked_on_receive
            and current.may_send
        ):
            current.asked_on_receive = True
            self._ready.raise_edge(peer, WANTED_RECEIVED_LATE)

    def _confirm(self, peer: Peer, keypair: Keypair, now: Instant) -> None:
        self._sessions.promote(peer)
        peer.asked = False
        peer.confirmed = (keypair.local_index, now)
        self._ready.raise_edge(peer, CONFIRMED)
        self._flush_staged(peer, now)

    def _judge(
        self,
        peer: Peer,
        opened: Sequence[memoryview],
        tos: int,
        now: Instant,
        packets: list[Buffer],
    ) -> None:
        """Add to ``packets`` those that are whole IP packets from one of the peer's addresses."""
        counters = self._counters
        marked = tos & 1  # ECT(1) or CE; ECT(0) changes nothing inside
        data = 0
        last_source = b""
        owner: Peer | None = None
        for body in opened:
            length = len(body)
            if not length:
                continue
            data += 1
            version = body[0] >> 4
            if version == 4 and length >= _IPV4_HEADER:
                total, source = _IPV4.unpack_from(body)
            elif version == 6 and length >= _IPV6_HEADER:
                total, source = _IPV6.unpack_from(body)
                total += _IPV6_HEADER
            else:
                counters["dropped_inner_malformed"] += 1
                continue
            if not _IPV4_HEADER <= total <= length:
                counters["dropped_inner_malformed"] += 1
                continue
            if source != last_source:
                owner = self._routes.lookup(source)
                last_source = source
            if owner is not peer:
                counters["dropped_wrong_source"] += 1
                continue
            if marked:
                decapsulate(body, tos)
            packets.append(body if total == length else body[:total])
        if not data:
            return
        peer.activity += data
        if peer.unacknowledged_since is None:
            peer.unacknowledged_since = now
            peer.more_unacknowledged = data > 1
        else:
            peer.more_unacknowledged = True
        if peer.resting:
            self._ready.wake(peer)
