"""Outbound: packets of a peer are padded, sealed into one send buffer and leave as UDP trains.

A train is a run of messages to one peer with one traffic class, equal in size but for a shorter
last one: what one UDP GSO send takes. Messages are sealed into the places from which they leave,
and that is all the copying there is, but for packets that need padding.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final, TypeAlias

from wiresnake.plane.portable.counters import Counters
from wiresnake.plane.portable.ecn import outer_tos
from wiresnake.plane.portable.peers import Peer
from wiresnake.plane.portable.places import Place, Places
from wiresnake.plane.portable.ports import Wire
from wiresnake.plane.portable.ready import WANTED_SENT_LATE, WANTED_STAGED, ReadyList
from wiresnake.plane.portable.segment import Train
from wiresnake.plane.portable.sessions import Keypair
from wiresnake.plane.portable.staging import Stage
from wiresnake.plane.portable.transport import NONCE, Buffer
from wiresnake.plane.portable.ways import Way
from wiresnake.protocol.constants import (
    DEFAULT_MTU,
    HANDSHAKE_DSCP,
    PADDING,
    REJECT_AFTER_MESSAGES,
    REKEY_AFTER_MESSAGES,
)
from wiresnake.protocol.messages import (
    TRANSPORT_HEADER,
    TRANSPORT_OVERHEAD,
    MessageType,
)
from wiresnake.values.instants import Instant

MAX_PACKET: Final = 65535
MAX_TRAIN: Final = 65507
"""Bytes of UDP payload in one send."""
LARGEST_PACKET: Final = (MAX_TRAIN - TRANSPORT_OVERHEAD) // PADDING * PADDING
"""Bytes of the largest packet that one datagram carries, padded and sealed."""
MAX_SEGMENTS: Final = 64

MAX_ALONE: Final = 64
"""Lengths of packets whose place is remembered for when one comes alone."""

_PlaceAlone: TypeAlias = tuple[bytes, memoryview, memoryview, memoryview, memoryview, memoryview]
"""Zeros; where the packet, the zeros, both, and both sealed go; and the message."""
_TRANSPORT: Final = int(MessageType.TRANSPORT)


def padded_length(length: int, mtu: int) -> int:
    """Return the length of a packet after padding to 16 bytes, never past the MTU (paper 5.4.6).

    Of a packet longer than the MTU only the part behind its last whole multiple is looked at.
    """
    if not mtu:
        return -(-length // PADDING) * PADDING
    last = length % mtu if length > mtu else length
    return length - last + min(mtu, -(-last // PADDING) * PADDING)


class Outbound:
    """Seals packets into trains and sends them, or stages them while there is no session."""

    def __init__(self, wire: Wire, stage: Stage, ready: ReadyList, counters: Counters) -> None:
        self._mtu = DEFAULT_MTU
        self._wire = wire
        self._stage = stage
        self._ready = ready
        self._counters = counters
        self._places = Places(MAX_PACKET + PADDING + TRANSPORT_OVERHEAD)
        self._peer: Peer | None = None
        self._tos = 0
        self._segment = 0
        self._limit = 0
        self._count = 0
        self._length = 0
        self._data = 0
        self._alone: dict[int, _PlaceAlone] = {}

    def set_mtu(self, mtu: int) -> None:
        """Pad to 16 bytes within ``mtu`` from now on."""
        self._mtu = mtu
        self._alone.clear()

    def send(self, peer: Peer, packets: Sequence[Buffer], tos: int, now: Instant) -> None:
        """Seal packets of one traffic class, or stage them and ask for a session.

        Packets may wait in the train until `flush`.
        """
        keypair = peer.current
        if keypair is None or not keypair.can_send(now):
            self._stage_all(peer, packets, now)
            return
        room = REJECT_AFTER_MESSAGES - keypair.counter
        for length, run in groupby(packets[:room], len):
            same = list(run)
            self._seal_run(peer, keypair, iter(same), len(same), length, tos, now)
        if room < len(packets):
            self.flush(now)
            self._stage_all(peer, packets[room:], now)

    def send_alone(self, peer: Peer, packet: Buffer, tos: int, now: Instant) -> None:
        """Do what `send` of one packet and `flush` do, in fewer steps.

        After a pause each function and object on the way comes from memory anew, and that is most
        of what an idle ping takes.
        """
        keypair = peer.current
        way = peer.way
        if (
            keypair is None
            or not keypair.may_send
            or now >= keypair.dies_at
            or keypair.counter >= REJECT_AFTER_MESSAGES
            or self._peer is not None
            or way is None
        ):
            self.send(peer, (packet,), tos, now)
            self.flush(now)
            return
        place = self._alone.get(len(packet)) or self._place_alone(len(packet))
        zeros, plain, padding, body, sealed, message = place
        counter = keypair.counter
        keypair.counter = counter + 1
        TRANSPORT_HEADER.pack_into(message, 0, _TRANSPORT, keypair.remote_index, counter)
        plain[:] = packet
        padding[:] = zeros
        keypair.seal(NONCE.pack(counter), body, None, sealed)
        sent = self._wire.send(way, message, len(message), tos)
        self._account(peer, sent, 1, now)

    def _place_alone(self, length: int) -> _PlaceAlone:
        size = padded_length(length, self._mtu) + TRANSPORT_OVERHEAD
        _, body, sealed = self._places.one(0, size)
        zeros = bytes(len(body) - length)
        if len(self._alone) >= MAX_ALONE:
            self._alone.clear()
        place = zeros, body[:length], body[length:], body, sealed, self._places.view[:size]
        self._alone[length] = place
        return place

    def send_train(self, peer: Peer, train: Train, now: Instant) -> None:
        """Cut a train from the inner side and seal its segments, or stage them."""
        keypair = peer.current
        if (
            keypair is None
            or not keypair.can_send(now)
            or keypair.counter + train.count > REJECT_AFTER_MESSAGES
        ):
            self._stage_all(peer, train.cut(), now)
            return
        tos = outer_tos(train.packet)
        segments = train.cut()
        self._seal_run(peer, keypair, segments, train.count - 1, train.length, tos, now)
        self._seal_run(peer, keypair, segments, 1, train.last_length, tos, now)

    def _seal_run(
        self,
        peer: Peer,
        keypair: Keypair,
        packets: Iterator[Buffer],
        count: int,
        length: int,
        tos: int,
        now: Instant,
    ) -> None:
        """Seal the next ``count`` packets, all of ``length`` bytes, into the train."""
        size = padded_length(length, self._mtu) + TRANSPORT_OVERHEAD
        zeros = bytes(size - TRANSPORT_OVERHEAD - length)
        buffer = self._places.buffer
        index = keypair.remote_index
        counter = keypair.counter
        seal = keypair.seal
        nonce = NONCE.pack
        write_header = TRANSPORT_HEADER.pack_into
        while count:
            places = self._reserve(peer, tos, size, count, now)
            count -= len(places)
            for (offset, body, sealed), packet in zip(places, packets, strict=False):
                write_header(buffer, offset, _TRANSPORT, index, counter)
                if zeros:
                    body[:length] = packet
                    body[length:] = zeros
                    seal(nonce(counter), body, None, sealed)
                else:
                    seal(nonce(counter), packet, None, sealed)
                counter += 1
            keypair.counter = counter
            if length:
                self._data += len(places)

    def _reserve(self, peer: Peer, tos: int, size: int, wanted: int, now: Instant) -> list[Place]:
        """Return places for up to ``wanted`` messages of ``size`` bytes at the end of the train.

        A train that cannot take them leaves first.
        """
        first = self._count
        if (
            peer is not self._peer
            or tos != self._tos
            or size > self._segment
            or first >= self._limit
        ):
            if first:
                self.flush(now)
                first = 0
            self._peer = peer
            self._tos = tos
            self._segment = size
            self._limit = MAX_TRAIN // size or 1
            if self._limit > MAX_SEGMENTS:
                self._limit = MAX_SEGMENTS
        if size < self._segment:
            place = self._places.one(self._length, size)
            self._limit = self._count = first + 1
            self._length += size
            return [place]
        last = first + wanted
        if last > self._limit:
            last = self._limit
        self._count = last
        self._length = last * size
        return self._places.run(size, first, last)

    def flush(self, now: Instant) -> None:
        """Send the train, stamp its peer, and ask for a new session if this one is old."""
        peer = self._peer
        if peer is None:
            return
        self._peer = None
        self._count = 0
        data, self._data = self._data, 0
        sent = 0
        if peer.way is not None:
            train = self._places.view[: self._length]
            sent = self._wire.send(peer.way, train, self._segment, self._tos)
        else:
            self._counters["dropped_no_endpoint"] += 1
        self._account(peer, sent, data, now)

    def _account(self, peer: Peer, sent: int, data: int, now: Instant) -> None:
        """Stamp and count ``sent`` bytes with ``data`` packets in them, and ask for a new session
        if this one is old.
        """
        peer.last_sent = now
        peer.unacknowledged_since = None
        peer.more_unacknowledged = False
        peer.tx_bytes += sent
        if data:
            peer.activity += data
            if sent and peer.unanswered_since is None:
                peer.unanswered_since = now
            if peer.resting:
                self._ready.wake(peer)
        keypair = peer.current
        if (
            keypair is not None
            and (now >= keypair.renew_on_send_at or keypair.counter > REKEY_AFTER_MESSAGES)
            and keypair.may_send
            and not keypair.asked_on_send
        ):
            keypair.asked_on_send = True
            self._ready.raise_edge(peer, WANTED_SENT_LATE)

    def flush_staged(self, peer: Peer, now: Instant) -> None:
        """Send what is staged; if no session can, ask for one."""
        if peer.staged is None:
            return
        keypair = peer.current
        if keypair is None or not keypair.can_send(now):
            self._ask_for_session(peer)
        elif peer.way is not None:
            for tos, run in groupby(self._stage.take(peer), outer_tos):
                self.send(peer, list(run), tos, now)
            self.flush(now)

    def send_keepalive(self, peer: Peer, now: Instant) -> None:
        """Stage an empty packet if nothing is staged, then send what is."""
        if peer.staged is None:
            self._stage.add(peer, b"")
            if peer.current is None or not peer.current.can_send(now):
                peer.last_staged = now
        self.flush_staged(peer, now)

    def send_handshake(self, peer: Peer, way: Way, datagram: bytes, now: Instant) -> None:
        """Send a handshake message of the peer's along a way; it stamps as all authentic ones."""
        peer.stamp_sent(now)
        peer.tx_bytes += self._wire.send(way, datagram, len(datagram), HANDSHAKE_DSCP)

    def drop_staged(self, peer: Peer) -> None:
        """Give up on what is staged, and let the next packet ask for a session again."""
        self._counters["dropped_abandoned"] += len(self._stage.take(peer))
        peer.asked = False

    def _stage_all(self, peer: Peer, packets: Iterable[Buffer], now: Instant) -> None:
        for packet in packets:
            self._counters["dropped_staged"] += self._stage.add(peer, bytes(packet))
        peer.last_staged = now
        if not peer.asked:
            self._ask_for_session(peer)

    def _ask_for_session(self, peer: Peer) -> None:
        peer.asked = True
        self._ready.raise_edge(peer, WANTED_STAGED)
