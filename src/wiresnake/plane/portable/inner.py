"""The inner side: a TUN, or any descriptor that gives one packet a read and takes one a write.

Reads go through `io.FileIO`, whose ``readinto`` says "nothing there" without raising an exception.
"""

import errno
import os
from collections.abc import Sequence
from io import FileIO
from typing import Final

from wiresnake.plane.contract import Inner
from wiresnake.plane.portable import virtio
from wiresnake.plane.portable.coalesce import Coalescer
from wiresnake.plane.portable.counters import Counters
from wiresnake.plane.portable.inside import Inside
from wiresnake.plane.portable.segment import MalformedTrain, Train, complete
from wiresnake.plane.portable.transport import Buffer
from wiresnake.values.instants import Instant

MAX_PACKET: Final = 65535
BATCH: Final = 64
"""Packets read before they are sent on together."""
MAX_TRAINS: Final = 8
"""Trains read before the network gets its turn."""

_SLOT: Final = -(-(virtio.SIZE + MAX_PACKET + 1) // 64) * 64
_FULL: Final = frozenset({errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM})


class InnerSide:
    """Reads packets and trains for `Inside`, and writes what came for the host, joined to trains.

    It does not own the descriptor. ``is_open`` turns False when it gives nothing any more. How much
    is read at once follows what came the last time: a lone packet goes on its way before anybody
    asks for a second one.
    """

    def __init__(self, inner: Inner, counters: Counters) -> None:
        self.is_open = True
        self._fd = inner.fd
        self._counters = counters
        self._file = FileIO(inner.fd, "r", closefd=False)
        self._header = virtio.SIZE if inner.vnet_header else 0
        self._expected = 1
        self._prefix = (virtio.NO_OFFLOAD,) if inner.vnet_header else ()
        self._joins = inner.vnet_header and (inner.tso or inner.uso)
        self._coalescer = Coalescer(vnet_header=inner.vnet_header, tso=inner.tso, uso=inner.uso)
        buffer = memoryview(bytearray(BATCH * _SLOT))
        self._slots = [buffer[start : start + _SLOT] for start in range(0, len(buffer), _SLOT)]

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._fd

    def read(self, inside: Inside, now: Instant) -> None:
        """Read and send on what is there, up to a bound that keeps the network from starving."""
        packets: list[Buffer] = []
        trains = 0
        header = self._header
        read_into = self._file.readinto
        for number in range(self._expected):
            slot = self._slots[number]
            try:
                length = read_into(slot)
            except OSError:
                self.is_open = False
                break
            if length is None:
                self._expected = number or 1
                break
            if length <= header:
                self.is_open = header > 0 and length > 0
                self._counters["dropped_outbound_malformed"] += 1
                break
            if not header or not (slot[0] or slot[1]):
                packets.append(slot[header:length])
            elif slot[1]:
                inside.send(packets, now)
                packets = []
                trains += self._send_train(slot[:length], inside, now)
                if trains >= MAX_TRAINS:
                    break
            else:
                self._append_completed(slot[:length], packets)
        else:
            self._expected = min(2 * self._expected, BATCH)
        if len(packets) == 1 and not trains:
            inside.send_alone(packets[0], now)
        else:
            inside.send(packets, now)
            inside.flush(now)

    def _send_train(self, frame: memoryview, inside: Inside, now: Instant) -> int:
        """Send a train on, or count it as malformed; return how many there were."""
        try:
            train = Train(frame)
        except MalformedTrain:
            self._counters["dropped_outbound_malformed"] += 1
            return 0
        inside.send_train(train, now)
        return 1

    def _append_completed(self, frame: memoryview, packets: list[Buffer]) -> None:
        """Add a packet that lacked its checksum only, or count it as malformed."""
        _, _, _, _, start, offset = virtio.HEADER.unpack_from(frame)
        packet = frame[virtio.SIZE :]
        try:
            complete(packet, start, offset)
        except MalformedTrain:
            self._counters["dropped_outbound_malformed"] += 1
        else:
            packets.append(packet)

    def deliver(self, packets: Sequence[Buffer]) -> None:
        """Write packets in order, joined where that is possible (see `ports.Sink`)."""
        if len(packets) == 1:
            self._write((*self._prefix, packets[0]), 1)
        elif self._joins:
            self._deliver_joined(packets)
        else:
            for packet in packets:
                self._write((*self._prefix, packet), 1)

    def _deliver_joined(self, packets: Sequence[Buffer]) -> None:
        add = self._coalescer.add
        for packet in packets:
            add(memoryview(packet))
        for frame in self._coalescer.take():
            count = len(frame) - 1
            if not self._write(frame, count) and count > 1:
                # The host takes trains no longer. Which packets the frames before this one held is
                # not known here; that the host sees those twice, once in its life, does no harm.
                self._joins = False
                self._counters["joining_refused"] += 1
                self.deliver(packets)
                return

    def _write(self, frame: Sequence[Buffer], count: int) -> bool:
        """Write one frame of ``count`` packets; False if the host does not take it as it is."""
        try:
            os.writev(self._fd, frame)
        except OSError as error:
            if error.errno == errno.EINVAL:
                if count == 1:
                    self._counters["dropped_inner_error"] += 1
                return False
            full = error.errno in _FULL
            self._counters["dropped_inner_full" if full else "dropped_inner_error"] += count
        return True
