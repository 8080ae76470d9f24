"""One train in the making: which packet begins it, which goes on, and the frame it becomes.

The next header of a train is known in advance, all of it but the checksum. So a packet is compared
with it as one integer, and all the rules are one comparison.

A train must not hide a wrong checksum (docs/decisions/0005):

* UDP is verified packet by packet, since UDP trains must be written with a partial checksum, which
  nobody verifies any more.
* TCP is written with a full checksum for the whole train, made from the checksums that its segments
  claim and never from their bytes. So the kernel, which sums the bytes, finds a train with a wrong
  segment wrong. A train that is ``verified`` is instead summed here, segment by segment.
"""

from functools import lru_cache
from struct import Struct
from typing import Final, Self, TypeAlias

from wiresnake.plane.portable import virtio
from wiresnake.plane.portable.checksum import complement, word_sum

Frame: TypeAlias = list[bytes | memoryview]
"""What one write (os.writev) takes: a virtio header if there are such, then a packet or train."""

MAX_LENGTH: Final = 65535
MAX_UDP_SEGMENTS: Final = 64
"""What every kernel that takes UDP trains accepts in one."""

TCP: Final = 6
UDP: Final = 17
DONT_FRAGMENT: Final = 0x4000

_FIN: Final = 0x01
_SYN: Final = 0x02
_RST: Final = 0x04
_PSH: Final = 0x08
_ACK: Final = 0x10
_URG: Final = 0x20
_CWR: Final = 0x80

_SHORT: Final = Struct("!H")
_read = int.from_bytes


class Shape:
    """Where the fields of one kind of header lie, as shifts and masks of the header's integer.

    ``start`` is where TCP or UDP begins, ``header`` the length of all headers in bytes.
    """

    __slots__ = ("check", "four", "header", "mask", "one", "sequence", "start", "tail_mask", "tcp")

    def __init__(self, start: int, protocol: int, header: int) -> None:
        bits = 8 * header
        self.four = four = start == 20
        self.tcp = tcp = protocol == TCP
        self.header = header
        self.start = start
        self.check = check = start + (16 if tcp else 6)
        """Where the checksum of TCP or UDP is."""

        def field(at: int, size: int) -> int:
            return ((1 << 8 * size) - 1) << bits - 8 * (at + size)

        self.mask = (1 << bits) - 1 ^ field(check, 2)
        """All but that checksum."""
        self.one = (1 << bits - 48) - (1 << bits - 96) if four else 0
        """Added when the identification grows by one: then the IPv4 checksum shrinks by one."""
        self.sequence = bits - 8 * (start + 8) if tcp else 0
        changing = field(2, 2) | field(10, 2) if four else field(4, 2)
        changing |= (_FIN | _PSH) << self.flag_shift if tcp else field(start + 4, 2)
        self.tail_mask = self.mask & ~changing
        """`mask` less what a shorter last segment changes, and PSH and FIN."""

    @property
    def flag_shift(self) -> int:
        """How far the byte of TCP's flags lies from the header's end, in bits."""
        return 8 * (self.header - self.start - 14)

    def residue(self, packet: memoryview) -> int:
        """Return what, with the integer of the whole header and the payload, adds up to 0.

        It is the pseudo header (addresses, protocol, length) less the IP header, which the integer
        holds; an IPv4 header is 0 by itself, its checksum sees to that.
        """
        length = len(packet) - self.start
        if self.four:
            return _read(packet[12:20]) + packet[9] + length
        return length + packet[6] - _read(packet[:8])


@lru_cache(maxsize=64)
def shape(start: int, protocol: int, header: int) -> Shape:
    """Return the one Shape of these; ``start`` is 20 for IPv4 and 40 for IPv6."""
    return Shape(start, protocol, header)


class Joined:
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
        "verified",
    )

    def __init__(self, kind: Shape) -> None:
        self.shape = kind
        self.room = 0
        self.size = 0
        """Bytes of a packet that is not the last."""
        self.expected = 0
        """The next header under the shape's mask."""
        self.step = 0
        """What that grows by from packet to packet."""
        self.heads: list[int] = []
        """The headers of all packets of full size, as integers."""
        self.parts: Frame = []
        """The first packet whole, then payloads."""
        self.tail = 0
        """The header of a last packet that is shorter or has PSH or FIN."""
        self.residue = 0
        """`Shape.residue` of each packet of full size."""
        self.verified = False

    @classmethod
    def begun(cls, kind: Shape, packet: memoryview, *, verified: bool) -> Self | None:
        """Return a train that begins with ``packet``, or None if none may."""
        header = kind.header
        payload = len(packet) - header
        if payload <= 0 or (kind.four and _read(packet[:20]) % 65535):
            return None
        train = cls(kind)
        train.size = len(packet)
        train.room = _room(kind, packet, payload)
        train.residue = kind.residue(packet)
        train.verified = verified
        head = _read(packet[:header])
        if verified and (head + train.residue + word_sum(packet[header:])) % 65535:
            return None
        train.step = kind.one
        first = head
        if kind.tcp:
            if packet[kind.start + 13] & (_FIN | _SYN | _RST | _PSH | _ACK | _URG) != _ACK:
                return None
            train.step += payload << kind.sequence
            first &= ~(_CWR << kind.flag_shift)
        elif not _is_sound_udp(packet, kind.start) or not any(packet[kind.check : header]):
            return None
        train.expected = (first & kind.mask) + train.step
        train.heads.append(head)
        train.parts.append(packet)
        return train

    def goes_on(self, kind: Shape, packet: memoryview) -> bool:
        """Whether ``packet`` joined, as one more of full size or as the last."""
        if kind is not self.shape or not kind.header < len(packet) <= self.size:
            return False
        head = _read(packet[: kind.header])
        if len(self.heads) == 1 and kind.four and packet[6] & DONT_FRAGMENT >> 8:
            fixed = self.expected - kind.one
            if not (head ^ fixed) & kind.tail_mask:
                self.expected = fixed
                self.step -= kind.one
        full = len(packet) == self.size and head & kind.mask == self.expected
        if not full and not self._ends_with(packet, head):
            return False
        payload = packet[kind.header :]
        if self.verified and (head + kind.residue(packet) + word_sum(payload)) % 65535:
            return False
        self.parts.append(payload)
        if full:
            self.heads.append(head)
            self.expected += self.step
            self.room -= 1
        else:
            self.tail = head
            self.room = 0
        return True

    def _ends_with(self, packet: memoryview, head: int) -> bool:
        """Whether a packet may be the last, by all but the checksum of TCP or UDP."""
        kind = self.shape
        if (head ^ self.expected) & kind.tail_mask or (kind.four and _read(packet[:20]) % 65535):
            return False
        return kind.tcp or _is_sound_udp(packet, kind.start)

    def frame(self, prefix: Frame) -> Frame:
        """Return the virtio header and one header for all, then the payloads as they came.

        A packet that is still alone comes as it is, behind ``prefix``.
        """
        parts = self.parts
        first = parts[0]
        if len(parts) == 1:
            return [*prefix, first]
        kind = self.shape
        start, header = kind.start, kind.header
        length = sum(map(len, parts))
        head = bytearray(first[:header])
        if kind.four:
            _SHORT.pack_into(head, 2, length)
            _SHORT.pack_into(head, 10, 0)
            _SHORT.pack_into(head, 10, complement(word_sum(head[:20])))
            pseudo = _read(head[12:20]) + head[9] + length - 20
        else:
            _SHORT.pack_into(head, 4, length - 40)
            pseudo = _read(head[8:40]) + head[6] + length - 40
        gso = virtio.GSO_UDP_L4
        if kind.tcp:
            gso = virtio.GSO_TCPV4 if kind.four else virtio.GSO_TCPV6
            if head[start + 13] & _CWR:
                gso |= virtio.GSO_ECN
            head[start + 13] |= self.tail >> kind.flag_shift & (_FIN | _PSH)
        else:
            _SHORT.pack_into(head, start + 4, length - start)
        mss = self.size - header
        if self.verified:
            _SHORT.pack_into(head, kind.check, pseudo % 65535)
            places = virtio.NEEDS_CSUM, gso, header, mss, start, kind.check - start
        else:
            _SHORT.pack_into(head, kind.check, 0)
            total = pseudo + word_sum(head[start:]) + self._claimed_sum(length)
            _SHORT.pack_into(head, kind.check, complement(total))
            places = 0, gso, header, mss, 0, 0
        return [virtio.HEADER.pack(*places) + head, first[header:], *parts[1:]]

    def _claimed_sum(self, length: int) -> int:
        """Return the sum of all payloads, of ``length`` bytes with the header, as claimed.

        A packet's header, residue and payload add up to 0, so the payload is the rest's negative.
        Where payloads are odd, every second one begins in the middle of a word.
        """
        heads, residue = self.heads, self.residue
        count = len(heads)
        mss = self.size - self.shape.header
        if mss & 1:
            even = count + 1 >> 1
            rest = sum(heads[::2]) + residue * even
            rest += sum(heads[1::2]) + residue * (count - even) << 8
        else:
            rest = sum(heads) + residue * count
        if self.tail:
            tail = self.tail + residue
            if self.shape.four:  # an IPv6 header tells the length too, so there it cancels out
                tail -= mss * (count + 1) - (length - self.shape.header)
            rest += tail << 8 if mss & count & 1 else tail
        return -rest


def _room(kind: Shape, packet: memoryview, payload: int) -> int:
    """Return how many packets may follow the first until a length or a counted field overflows."""
    room = (MAX_LENGTH - kind.header) // payload - 1
    if kind.tcp:
        sequence = _read(packet[kind.start + 4 : kind.start + 8])
        room = min(room, ((1 << 32) - 1 - sequence) // payload)
    else:
        room = min(room, MAX_UDP_SEGMENTS - 1)
    if kind.four:
        identification, check = _read(packet[4:6]), _read(packet[10:12])
        room = min(room, 65535 - identification, check)
    return room


def _is_sound_udp(packet: memoryview, start: int) -> bool:
    """Whether UDP's own length agrees with IP's."""
    return _read(packet[start + 4 : start + 6]) == len(packet) - start
