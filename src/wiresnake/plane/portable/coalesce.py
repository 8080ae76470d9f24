"""Packets for the inner side, joined into trains so that one write carries many of them.

What makes a train is what makes one in the kernel's receive offload: TCP segments of one flow, each
beginning where the one before ended, alike in every header field but identification, checksum, PSH
and FIN; UDP datagrams of one flow. All are of one size but the last, which may be shorter.

The next header of a train is known in advance, all of it but the checksum. So a packet is compared
with it as one integer, and all the rules are one comparison; only what does not match is parsed.

A train must not hide a wrong checksum (docs/decisions tells why it is done so):

* UDP is verified packet by packet, since UDP trains must be written with a partial checksum, which
  nobody verifies any more.
* TCP is written with a full checksum for the whole train, made from the checksums that its segments
  claim and never from their bytes. So the kernel, which sums the bytes, finds a train with a wrong
  segment wrong. ``verify_tcp`` instead sums each segment here.
"""

from functools import lru_cache
from struct import Struct
from typing import Final, TypeAlias

from wiresnake.plane.portable import virtio
from wiresnake.plane.portable.checksum import complement, word_sum

Frame: TypeAlias = list[bytes | memoryview]
"""What one write (os.writev) takes: a virtio header if there are such, then a packet or train."""

MAX_LENGTH: Final = 65535
MAX_UDP_SEGMENTS: Final = 64
"""What every kernel that takes UDP trains accepts in one."""

_TCP: Final = 6
_UDP: Final = 17
_FIN: Final = 0x01
_SYN: Final = 0x02
_RST: Final = 0x04
_PSH: Final = 0x08
_ACK: Final = 0x10
_URG: Final = 0x20
_CWR: Final = 0x80
_DONT_FRAGMENT: Final = 0x4000

_SHORT: Final = Struct("!H")
_IPV4: Final = Struct("!HHH")
_read = int.from_bytes


class _Shape:
    """Where the fields of one kind of header lie, as shifts and masks of the header's integer."""

    __slots__ = ("four", "header", "mask", "one", "sequence", "start", "tail_mask", "tcp")

    def __init__(self, start: int, protocol: int, header: int) -> None:
        bits = 8 * header
        self.four = four = start == 20
        self.tcp = tcp = protocol == _TCP
        self.header = header
        self.start = start

        def field(at: int, size: int) -> int:
            return ((1 << 8 * size) - 1) << bits - 8 * (at + size)

        self.mask = (1 << bits) - 1 ^ field(start + (16 if tcp else 6), 2)
        """All but the checksum of TCP or UDP."""
        self.one = (1 << bits - 48) - (1 << bits - 96) if four else 0
        """Added when the identification grows by one: then the IPv4 checksum shrinks by one."""
        self.sequence = bits - 8 * (start + 8) if tcp else 0
        changing = field(2, 2) | field(10, 2) if four else field(4, 2)
        changing |= (_FIN | _PSH) << bits - 8 * (start + 14) if tcp else field(start + 4, 2)
        self.tail_mask = self.mask & ~changing
        """`mask` less what a shorter last segment changes, and PSH and FIN."""


@lru_cache(maxsize=64)
def _shape(start: int, protocol: int, header: int) -> _Shape:
    return _Shape(start, protocol, header)


class _Train:
    """A train that grows. ``room`` is how many more segments it takes; at 0 it is closed."""

    __slots__ = (
        "expected",
        "heads",
        "parts",
        "residue",
        "room",
        "shape",
        "size",
        "step",
        "tail",
        "verify",
    )

    def __init__(self) -> None:
        self.room = 0
        self.size = 0
        self.expected = 0
        """The next header under the shape's mask."""
        self.step = 0
        self.heads: list[int] = []
        """The headers of all segments of full size, as integers."""
        self.parts: Frame = []
        self.tail = 0
        """The header of a last segment that is shorter or has PSH or FIN."""
        self.residue = 0
        """What with a full segment's header and payload must add up to 0 modulo 65535."""
        self.verify = False
        self.shape = _shape(20, _TCP, 40)


class Coalescer:
    """Takes packets in order and gives back frames to write, in an order that keeps each flow's.

    Made for one batch after another: `add` every packet, then `take` all frames. Views of packets
    are kept until then, and in the frames.
    """

    def __init__(
        self, *, vnet_header: bool, tso: bool, uso: bool, verify_tcp: bool = False
    ) -> None:
        """Say what the inner side accepts: virtio headers at all, and TCP and UDP trains."""
        self._prefix: Frame = [virtio.NO_OFFLOAD] if vnet_header else []
        self._tso = tso and vnet_header
        self._uso = uso and vnet_header
        self._verify_tcp = verify_tcp
        self._closed = _Train()
        self._last = self._closed
        self._growing: dict[bytes, _Train] = {}
        self._frames: list[Frame | _Train] = []

    def add(self, packet: memoryview) -> None:
        """Add a packet of exactly the length that its IP header says, with no padding behind."""
        train = self._last
        if len(packet) == train.size and train.room:
            shape = train.shape
            head = _read(packet[: shape.header])
            if head & shape.mask == train.expected:
                payload = packet[shape.header :]
                if train.verify and (head + train.residue + word_sum(payload)) % 65535:
                    self._add_alone(packet)
                    train.room = 0
                    return
                train.expected += train.step
                train.room -= 1
                train.heads.append(head)
                train.parts.append(payload)
                return
        self._place(packet)

    def take(self) -> list[Frame]:
        """Return all frames since the last call, each to be written by itself, in this order."""
        frames = [
            _frame(item, self._prefix) if isinstance(item, _Train) else item
            for item in self._frames
        ]
        self._frames = []
        self._growing.clear()
        self._last = self._closed
        return frames

    def _add_alone(self, packet: memoryview) -> None:
        self._frames.append([*self._prefix, packet])

    def _place(self, packet: memoryview) -> None:
        """Find the train that ``packet`` goes on with, or begin one, or let it go alone."""
        shape = self._shape_of(packet)
        if shape is None:
            self._add_alone(packet)
            self._growing.clear()
            self._last = self._closed
            return
        key = bytes(packet[12:24] if shape.four else packet[8:44]) + bytes((shape.tcp,))
        train = self._growing.get(key)
        if train is not None and train.room:
            if self._goes_on(train, shape, packet):
                self._last = train
                return
            train.room = 0
        train = self._begun(shape, packet)
        if train is None:
            self._growing.pop(key, None)
            self._add_alone(packet)
            return
        self._growing[key] = self._last = train
        self._frames.append(train)

    def _shape_of(self, packet: memoryview) -> _Shape | None:
        """Return the shape of a packet that trains are made of, or None."""
        size = len(packet)
        if size > 20 and packet[0] == 0x45:
            length, _, fragment = _IPV4.unpack_from(packet, 2)
            if length != size or fragment & ~_DONT_FRAGMENT:
                return None
            start, protocol = 20, packet[9]
        elif size > 40 and packet[0] >> 4 == 6:
            if _SHORT.unpack_from(packet, 4)[0] + 40 != size:
                return None
            start, protocol = 40, packet[6]
        else:
            return None
        if protocol == _TCP and self._tso and size >= start + 20:
            header = start + 4 * (packet[start + 12] >> 4)
            return _shape(start, _TCP, header) if start + 20 <= header <= size else None
        if protocol == _UDP and self._uso and size >= start + 8:
            return _shape(start, _UDP, start + 8)
        return None

    def _goes_on(self, train: _Train, shape: _Shape, packet: memoryview) -> bool:
        """Whether ``packet`` joined ``train``, as one more segment or as its last."""
        if train.shape is not shape or len(packet) > train.size or len(packet) <= shape.header:
            return False
        head = _read(packet[: shape.header])
        if len(train.heads) == 1 and shape.four and packet[6] & _DONT_FRAGMENT >> 8:
            fixed = train.expected - shape.one
            if not (head ^ fixed) & shape.tail_mask:
                train.expected = fixed
                train.step -= shape.one
        return self._append(train, shape, head, packet)

    def _append(self, train: _Train, shape: _Shape, head: int, packet: memoryview) -> bool:
        payload = packet[shape.header :]
        full = len(packet) == train.size and head & shape.mask == train.expected
        if not full:
            if (head ^ train.expected) & shape.tail_mask:
                return False
            if shape.four and _read(packet[:20]) % 65535:
                return False
            if not shape.tcp and len(packet) == train.size:
                return False
        if train.verify and (head + _residue(packet, shape) + word_sum(payload)) % 65535:
            return False
        train.parts.append(payload)
        if full:
            train.heads.append(head)
            train.expected += train.step
            train.room -= 1
        else:
            train.tail = head
            train.room = 0
        return True

    def _begun(self, shape: _Shape, packet: memoryview) -> _Train | None:
        """Return a train that begins with ``packet``, or None if none may."""
        header = shape.header
        payload = len(packet) - header
        if payload <= 0 or (shape.four and _read(packet[:20]) % 65535):
            return None
        room = (MAX_LENGTH - header) // payload - 1
        start = shape.start
        head = _read(packet[:header])
        step = shape.one
        if shape.tcp:
            if packet[start + 13] & (_FIN | _SYN | _RST | _PSH | _ACK | _URG) != _ACK:
                return None
            step += payload << shape.sequence
            sequence = _read(packet[start + 4 : start + 8])
            room = min(room, ((1 << 32) - 1 - sequence) // payload)
        else:
            udp_length = _SHORT.unpack_from(packet, start + 4)[0]
            if udp_length != len(packet) - start or not any(packet[start + 6 : header]):
                return None
            room = min(room, MAX_UDP_SEGMENTS - 1)
        if shape.four:
            room = min(room, 65535 - _SHORT.unpack_from(packet, 4)[0])
            room = min(room, _SHORT.unpack_from(packet, 10)[0])
        train = _Train()
        train.residue = _residue(packet, shape)
        train.verify = self._verify_tcp or not shape.tcp
        if train.verify and (head + train.residue + word_sum(packet[header:])) % 65535:
            return None
        first = head
        if shape.tcp:
            first &= ~(_CWR << 8 * (header - start - 14))
        train.shape = shape
        train.size = len(packet)
        train.room = room
        train.step = step
        train.expected = (first & shape.mask) + step
        train.heads.append(head)
        train.parts.append(packet)
        return train


def _residue(packet: memoryview, shape: _Shape) -> int:
    """Return what, with the integer of the whole header and the payload, adds up to 0.

    It is the pseudo header (addresses, protocol, length) less the IP header, which the integer
    holds; an IPv4 header is 0 by itself, its checksum sees to that.
    """
    length = len(packet) - shape.start
    if shape.four:
        return _read(packet[12:20]) + packet[9] + length
    return length + packet[6] - _read(packet[:8])


def _frame(train: _Train, prefix: Frame) -> Frame:
    """Return a train as one frame: virtio header, one header for all, the payloads as they came."""
    parts = train.parts
    first = parts[0]
    if len(parts) == 1:
        return [*prefix, first]
    shape = train.shape
    start, header = shape.start, shape.header
    head = bytearray(first[:header])
    length = sum(map(len, parts))
    mss = train.size - header
    if shape.four:
        _SHORT.pack_into(head, 2, length)
        _SHORT.pack_into(head, 10, 0)
        _SHORT.pack_into(head, 10, complement(word_sum(head[:20])))
    else:
        _SHORT.pack_into(head, 4, length - 40)
    flags = virtio.NEEDS_CSUM
    if shape.tcp:
        kind = virtio.GSO_TCPV4 if shape.four else virtio.GSO_TCPV6
        check_at = start + 16
        if head[start + 13] & _CWR:
            kind |= virtio.GSO_ECN
        head[start + 13] |= train.tail >> 8 * (header - start - 14) & (_FIN | _PSH)
    else:
        kind = virtio.GSO_UDP_L4
        check_at = start + 6
        _SHORT.pack_into(head, start + 4, length - start)
    _SHORT.pack_into(head, check_at, 0)
    pseudo = _pseudo_sum(head, shape, length)
    if train.verify:
        check = pseudo % 65535
    else:
        flags = 0
        check = complement(pseudo + word_sum(head[start:]) + _claimed(train, length))
    _SHORT.pack_into(head, check_at, check)
    virtio_header = virtio.HEADER.pack(
        flags, kind, header, mss, start if flags else 0, check_at - start if flags else 0
    )
    return [virtio_header + head, first[header:], *parts[1:]]


def _pseudo_sum(head: bytearray, shape: _Shape, length: int) -> int:
    if shape.four:
        return _read(head[12:20]) + head[9] + length - 20
    return _read(head[8:40]) + head[6] + length - 40


def _claimed(train: _Train, length: int) -> int:
    """Return the sum of a train's payloads, as the checksums of its segments claim it."""
    heads, residue = train.heads, train.residue
    header = train.shape.header
    mss = train.size - header
    if not mss & 1:
        claimed = sum(heads) + residue * len(heads)
    else:
        even = len(heads) + 1 >> 1
        claimed = sum(heads[::2]) + residue * even
        claimed += sum(heads[1::2]) + residue * (len(heads) - even) << 8
    if train.tail:
        rest = length - header - mss * len(heads)
        tail = train.tail + _residue_of_tail(train, rest)
        claimed += tail << 8 if mss & len(heads) & 1 else tail
    return -claimed


def _residue_of_tail(train: _Train, payload: int) -> int:
    """Return `_residue` of the last segment: less long, and for IPv6 its own header says so too."""
    if not train.shape.four:
        return train.residue
    return train.residue - (train.size - train.shape.header - payload)
