"""Trains from the inner side, cut into the packets that they stand for.

With offloads a TUN gives TCP and UDP as trains: one header and up to 64 KiB of payload (virtio 1.2,
5.1.6.2; the header is in virtio.py). Each segment becomes a packet of its own, with the header it
would have had, IPv4 identification, checksums, TCP sequence number and flags included.

A train is cut where it lies. A segment's header is written just before its payload, over the end of
the segment before, which has been sealed by then: so no payload is copied, and a segment costs one
pass for its checksum, one addition to the header as an integer, and two slices.
"""

from collections.abc import Iterator
from struct import Struct
from typing import Final, NamedTuple

from wiresnake.plane.portable import virtio
from wiresnake.plane.portable.checksum import complement, pieces, word_sum

_TCP: Final = 6
_UDP: Final = 17
_TCP_CSUM: Final = 16
_UDP_CSUM: Final = 6
_FIN_PSH: Final = 0x09
_CWR: Final = 0x80
_MORE_OR_OFFSET: Final = 0x3FFF

_SHORT: Final = Struct("!H")
_IPV4: Final = Struct("!BxHHHxB10x")
_IPV6: Final = Struct("!B3xHB33x")
_read = int.from_bytes


class MalformedTrain(ValueError):
    """The virtio header does not fit the packet behind it. Drop the packet and count it."""


class Train:
    """One packet or train as read from the inner side, checked.

    ``packet`` is a view of its bytes without the virtio header; ``count`` segments make it up, each
    of ``length`` bytes with its headers but the last, of ``last_length``.
    """

    __slots__ = ("_header", "_kind", "_mss", "_start", "count", "last_length", "length", "packet")

    def __init__(self, frame: memoryview) -> None:
        """Read a virtio header and packet; ``frame`` is writable and exactly what was read.

        A packet by itself has its checksum completed here if it still lacked it. Raises
        MalformedTrain.
        """
        if len(frame) < virtio.SIZE:
            raise MalformedTrain(f"{len(frame)} bytes are no virtio header")
        flags, kind, _, self._mss, self._start, offset = virtio.HEADER.unpack_from(frame)
        self.packet = packet = frame[virtio.SIZE :]
        self._kind = kind & ~virtio.GSO_ECN
        if self._kind == virtio.GSO_NONE:
            self._header = 0
            self.count = 1
            self.length = self.last_length = len(packet)
            if flags & virtio.NEEDS_CSUM:
                complete(packet, self._start, offset)
            return
        if not flags & virtio.NEEDS_CSUM:
            raise MalformedTrain("a train that claims to have its checksum")
        self._header = _header_length(packet, self._kind, self._start, offset)
        payload = len(packet) - self._header
        if not payload or not self._mss:
            raise MalformedTrain(f"{payload} bytes in segments of {self._mss}")
        self.count = -(-payload // self._mss)
        self.last_length = len(packet) - (self.count - 1) * self._mss
        self.length = self._header + self._mss if self.count > 1 else self.last_length

    def cut(self) -> Iterator[memoryview]:
        """Yield each segment, whole and with its checksums, as a view into ``packet``.

        A view is good until the next one is asked for, and the train can be cut once.
        """
        if self._header:
            return self._cut()
        return iter((self.packet,))

    def _cut(self) -> Iterator[memoryview]:
        packet = self.packet
        header = self._header
        mss = self._mss
        check_shift = 8 * (header - self._start - 2 - _CSUM_OFFSETS[self._kind])
        for run in self._runs():
            head, step, base, base_step = run.head, run.step, run.base, run.base_step
            size = run.size
            unpack = pieces(size)
            odd = size & 1
            for at in range(header + run.first * mss, header + run.stop * mss, mss):
                total = sum(map(_read, unpack(packet, at)))
                if odd:
                    total <<= 8
                check = 65535 - (total + base) % 65535
                start = at - header
                packet[start:at] = (head + (check << check_shift)).to_bytes(header)
                yield packet[start : at + size]
                head += step
                base += base_step

    def _runs(self) -> Iterator["_Run"]:
        """Yield runs of segments whose headers differ by a constant, as integers.

        A run ends where a counted field wraps around, and the first segment of a train with CWR and
        the last of any are runs by themselves.
        """
        original = bytearray(self.packet[: self._header])
        tcp = self._kind != virtio.GSO_UDP_L4
        four = original[0] >> 4 == 4
        header, mss, last = self._header, self._mss, self.count - 1
        bits = 8 * header
        step = (1 << bits - 48) - (1 << bits - 96) if four else 0
        step += mss << bits - 8 * (self._start + 8) if tcp else 0
        first = 0
        while first <= last:
            head = _header_of(original, self._start, first, self, tcp=tcp, four=four)
            stop = last if first < last else last + 1
            if tcp and not first and original[self._start + 13] & _CWR:
                stop = 1
            if four:
                identification = head[4] << 8 | head[5]
                check = head[10] << 8 | head[11]
                stop = min(stop, first + 65536 - identification, first + check)
            if tcp:
                sequence = _read(head[self._start + 4 : self._start + 8])
                stop = min(stop, first - ((sequence - (1 << 32)) // mss))
            size = self.last_length - header if first == last else mss
            check_at = self._start + _CSUM_OFFSETS[self._kind]
            partial = original[check_at] << 8 | original[check_at + 1]
            missing = len(self.packet) - header - size
            yield _Run(
                first,
                stop,
                size,
                _read(head),
                step,
                word_sum(head[self._start :]) + partial - missing,
                mss if tcp else 0,
            )
            first = stop


class _Run(NamedTuple):
    """Segments ``first`` to ``stop``: their header, without the checksum, as an integer, and the
    sum of all that it covers but the payload; and what each adds from segment to segment.
    """

    first: int
    stop: int
    size: int
    head: int
    step: int
    base: int
    base_step: int


_CSUM_OFFSETS: Final = {
    virtio.GSO_TCPV4: _TCP_CSUM,
    virtio.GSO_TCPV6: _TCP_CSUM,
    virtio.GSO_UDP_L4: _UDP_CSUM,
}


def _header_of(
    original: bytearray, start: int, index: int, train: Train, *, tcp: bool, four: bool
) -> bytearray:
    """Return the header of segment ``index``, with 0 for the checksum of TCP or UDP."""
    head = bytearray(original)
    is_last = index == train.count - 1
    length = train.last_length if is_last else train.length
    if four:
        _SHORT.pack_into(head, 2, length)
        identification = (original[4] << 8 | original[5]) + index
        _SHORT.pack_into(head, 4, identification & 0xFFFF)
        _SHORT.pack_into(head, 10, 0)
        _SHORT.pack_into(head, 10, complement(word_sum(head[:start])))
    else:
        _SHORT.pack_into(head, 4, length - 40)
    if tcp:
        sequence = _read(original[start + 4 : start + 8]) + index * (train.length - len(head))
        head[start + 4 : start + 8] = (sequence & 0xFFFFFFFF).to_bytes(4)
        if not is_last:
            head[start + 13] &= ~_FIN_PSH
        if index:
            head[start + 13] &= ~_CWR & 0xFF
        _SHORT.pack_into(head, start + _TCP_CSUM, 0)
    else:
        _SHORT.pack_into(head, start + 4, length - start)
        _SHORT.pack_into(head, start + _UDP_CSUM, 0)
    return head


def complete(packet: memoryview, start: int, offset: int) -> None:
    """Complete the checksum at ``start`` + ``offset`` over all from ``start`` on.

    Raises MalformedTrain where that is not within the packet.
    """
    at = start + offset
    if at + 2 > len(packet):
        raise MalformedTrain(f"a checksum at {at} of {len(packet)} bytes")
    _SHORT.pack_into(packet, at, complement(word_sum(packet[start:])))


def _header_length(packet: memoryview, kind: int, start: int, offset: int) -> int:
    """Return how long the headers of a train are, or raise MalformedTrain where they lie."""
    protocol = _UDP if kind == virtio.GSO_UDP_L4 else _TCP
    if kind not in _CSUM_OFFSETS or offset != _CSUM_OFFSETS[kind]:
        raise MalformedTrain(f"a train of type {kind} with its checksum at {offset}")
    four = _check_network_header(packet, start, protocol)
    if kind == (virtio.GSO_TCPV6 if four else virtio.GSO_TCPV4):
        raise MalformedTrain(f"a train of type {kind} of the other family")
    if start + (8 if protocol == _UDP else 20) > len(packet):
        raise MalformedTrain(f"no transport header at {start} of {len(packet)} bytes")
    if protocol == _UDP:
        return start + 8
    length = packet[start + 12] >> 4
    if length < 5 or start + 4 * length > len(packet):
        raise MalformedTrain(f"a TCP header of {length} words")
    return start + 4 * length


def _check_network_header(packet: memoryview, start: int, protocol: int) -> bool:
    """Check that an IP header of the right length leads to ``start``; tell whether it is IPv4."""
    size = len(packet)
    if size >= _IPV6.size and packet[0] >> 4 == 6:
        _, length, following = _IPV6.unpack_from(packet)
        extended = start > 40 and start % 8 == 0
        if length + 40 != size or not (extended or (start == 40 and following == protocol)):
            raise MalformedTrain(f"an IPv6 train of {length} bytes in {size}, transport at {start}")
        return False
    if size >= _IPV4.size and packet[0] >> 4 == 4:
        first, length, _, fragment, carried = _IPV4.unpack_from(packet)
        if length != size or start != 4 * (first & 15) or start < 20:
            raise MalformedTrain(f"an IPv4 train of {length} bytes in {size}, transport at {start}")
        if carried != protocol or fragment & _MORE_OR_OFFSET:
            raise MalformedTrain(f"an IPv4 train of protocol {carried} or of fragments")
        return True
    raise MalformedTrain(f"a train of {size} bytes that is neither IPv4 nor IPv6")
