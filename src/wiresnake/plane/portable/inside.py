"""Packets from the inner side: which peer takes them, and the answer when none can (paper 2)."""

from collections.abc import Sequence
from struct import Struct
from typing import Final

from wiresnake.plane.portable.counters import Counters
from wiresnake.plane.portable.ecn import ECN_MASK, OUTER, outer_tos
from wiresnake.plane.portable.icmp import too_big, unreachable
from wiresnake.plane.portable.outbound import LARGEST_PACKET, Outbound
from wiresnake.plane.portable.peers import Peer
from wiresnake.plane.portable.ports import Sink, Wire
from wiresnake.plane.portable.routes import Routes
from wiresnake.plane.portable.segment import Train
from wiresnake.plane.portable.transport import Buffer
from wiresnake.values.instants import NEVER, Instant

ANSWERS_PER_SECOND: Final = 100
"""Answers for packets that have no way; beyond that many in a second none is given."""

_IPV4: Final = Struct("!xB14x4s")
_IPV4_HEADER: Final = 20
_IPV6: Final = Struct("!H22x16s")
_IPV6_HEADER: Final = 40


class Inside:
    """Sends each packet from the inner side to the peer that owns its destination."""

    def __init__(
        self,
        routes: "Routes[Peer]",
        outbound: Outbound,
        wire: Wire,
        sink: Sink,
        counters: Counters,
    ) -> None:
        self._routes = routes
        self._outbound = outbound
        self._wire = wire
        self._sink = sink
        self._counters = counters
        self._answers_left = 0
        self._answers_until: Instant = -NEVER

    def send(self, packets: Sequence[Buffer], now: Instant) -> None:
        """Send packets on; those in a row with one destination and one class go as one run.

        They may wait for the next ones until `flush`.
        """
        run: list[Buffer] = []
        last: tuple[int, bytes] | None = None
        for packet in packets:
            length = len(packet)
            version = packet[0] >> 4 if length else 0
            if version == 4 and length >= _IPV4_HEADER:
                flow = _IPV4.unpack_from(packet)
            elif version == 6 and length >= _IPV6_HEADER:
                flow = _IPV6.unpack_from(packet)
            else:
                self._counters["dropped_outbound_malformed"] += 1
                continue
            if flow != last:
                if last is not None:
                    self._send_run(run, last[1], now)
                    run = []
                last = flow
            run.append(packet)
        if last is not None:
            self._send_run(run, last[1], now)

    def send_alone(self, packet: Buffer, now: Instant) -> None:
        """Send a packet on by itself, at once, in as few steps as that takes."""
        length = len(packet)
        version = packet[0] >> 4 if length else 0
        if version == 4 and length >= _IPV4_HEADER:
            word, destination = _IPV4.unpack_from(packet)
        elif version == 6 and length >= _IPV6_HEADER:
            word, destination = _IPV6.unpack_from(packet)
            word >>= 4
        else:
            self._counters["dropped_outbound_malformed"] += 1
            return
        peer = self._routes.lookup(destination)
        if peer is not None and peer.way is not None and self._wire.is_up:
            if length > LARGEST_PACKET:
                self._refuse_large(packet, 1, now)
                return
            self._outbound.send_alone(peer, packet, OUTER[word & ECN_MASK], now)
        elif self._refuse(peer, 1):
            self._answer(unreachable(packet), now)

    def flush(self, now: Instant) -> None:
        """Let everything leave that was sent."""
        self._outbound.flush(now)

    def send_train(self, train: Train, now: Instant) -> None:
        """Send a train on, cut into its segments; they may wait until `flush`."""
        packet = train.packet
        if packet[0] >> 4 == 4:
            _, destination = _IPV4.unpack_from(packet)
        else:
            _, destination = _IPV6.unpack_from(packet)
        peer = self._routes.lookup(destination)
        if peer is not None and peer.way is not None and self._wire.is_up:
            if train.length > LARGEST_PACKET:
                self._refuse_large(next(train.cut()), train.count, now)
            else:
                self._outbound.send_train(peer, train, now)
        elif self._refuse(peer, train.count):
            self._answer(unreachable(next(train.cut())), now)

    def _send_run(self, run: list[Buffer], destination: bytes, now: Instant) -> None:
        peer = self._routes.lookup(destination)
        if peer is None or peer.way is None or not self._wire.is_up:
            if self._refuse(peer, len(run)):
                for packet in run:
                    self._answer(unreachable(packet), now)
        else:
            fits = [packet for packet in run if len(packet) <= LARGEST_PACKET]
            if fits:
                self._outbound.send(peer, fits, outer_tos(fits[0]), now)
            for packet in run:
                if len(packet) > LARGEST_PACKET:
                    self._refuse_large(packet, 1, now)

    def _refuse_large(self, packet: Buffer, count: int, now: Instant) -> None:
        """Drop packets that no datagram can carry, and tell their sender so."""
        self._counters["dropped_too_big"] += count
        self._answer(too_big(packet, LARGEST_PACKET), now)

    def _refuse(self, peer: Peer | None, count: int) -> bool:
        """Count packets that no way leads on for; whether their senders are told."""
        if not self._wire.is_up:
            self._counters["dropped_down"] += count
            return False
        self._counters["dropped_no_route" if peer is None else "dropped_no_endpoint"] += count
        return True

    def _answer(self, answer: bytes | None, now: Instant) -> None:
        """Deliver an answer, unless there were too many in this second."""
        if now >= self._answers_until:
            self._answers_until = now + 1.0
            self._answers_left = ANSWERS_PER_SECOND
        if answer is not None and self._answers_left:
            self._answers_left -= 1
            self._counters["answers_sent"] += 1
            self._sink.deliver([answer])
