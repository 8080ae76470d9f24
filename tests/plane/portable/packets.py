"""Packets as a kernel would make them, field by field and slowly: the tests' own second opinion."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace

from hypothesis import strategies as st

FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = (1 << n for n in range(8))
TIMESTAMPS = bytes((1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2))
V4 = bytes((10, 0, 0, 1)), bytes((10, 0, 0, 2))
V6 = bytes((0xFD,)) + bytes(14) + b"\1", bytes((0xFD,)) + bytes(14) + b"\2"


def internet_checksum(data: bytes) -> int:
    """RFC 1071, word by word."""
    total = 0
    for at in range(0, len(data), 2):
        total += data[at] << 8 | (data[at + 1] if at + 1 < len(data) else 0)
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


@dataclass(frozen=True)
class Flow:
    """What the packets of one flow share. ``tcp`` False is UDP."""

    source: bytes = V4[0]
    destination: bytes = V4[1]
    tcp: bool = True
    ports: tuple[int, int] = (40000, 5201)
    tos: int = 0
    ttl: int = 64
    dont_fragment: bool = True
    acknowledged: int = 77
    window: int = 501
    options: bytes = TIMESTAMPS
    extension: bytes = b""
    """An IPv6 extension header; its first byte is replaced by the protocol."""

    def pseudo_header(self, length: int) -> bytes:
        protocol = 6 if self.tcp else 17
        if len(self.source) == 4:
            return self.source + self.destination + struct.pack("!HH", protocol, length)
        return self.source + self.destination + struct.pack("!II", length, protocol)

    def ip_header(self, length: int, identification: int) -> bytes:
        protocol = 6 if self.tcp else 17
        if len(self.source) == 16:
            first = 6 << 28 | self.tos << 20 | 0x12345
            extension = bytes((protocol,)) + self.extension[1:] if self.extension else b""
            following = 60 if extension else protocol
            length += len(extension)
            head = struct.pack("!IHBB", first, length, following, self.ttl)
            return head + self.source + self.destination + extension
        fragment = 0x4000 if self.dont_fragment else 0
        ends = self.source + self.destination
        head = struct.pack(
            "!BBHHHBB", 0x45, self.tos, 20 + length, identification, fragment, self.ttl, protocol
        )
        return head + struct.pack("!H", internet_checksum(head + ends)) + ends

    def transport(self, payload: bytes, sequence: int, flags: int, check: int) -> bytes:
        if not self.tcp:
            return struct.pack("!HHHH", *self.ports, 8 + len(payload), check) + payload
        words = 5 + len(self.options) // 4
        head = struct.pack("!HHII", *self.ports, sequence % (1 << 32), self.acknowledged)
        head += struct.pack("!BBHHH", words << 4, flags, self.window, check, 0)
        return head + self.options + payload

    def packet(
        self, payload: bytes, sequence: int = 0, identification: int = 0, flags: int = ACK
    ) -> bytes:
        """One whole packet with its checksums."""
        bare = self.transport(payload, sequence, flags, 0)
        check = internet_checksum(self.pseudo_header(len(bare)) + bare)
        if not self.tcp:
            check = check or 0xFFFF
        segment = self.transport(payload, sequence, flags, check)
        return self.ip_header(len(segment), identification) + segment

    def packets(
        self, payload: bytes, mss: int, sequence: int = 0, identification: int = 0, flags: int = ACK
    ) -> list[bytes]:
        """Cut the payload into packets of ``mss``, as the sender's own stack would cut it."""
        starts = range(0, len(payload), mss)
        packets = []
        for index, start in enumerate(starts):
            kept = flags
            if index:
                kept &= ~CWR
            if index < len(starts) - 1:
                kept &= ~(FIN | PSH)
            packets.append(
                self.packet(
                    payload[start : start + mss],
                    sequence + start,
                    (identification + index) & 0xFFFF,
                    kept,
                )
            )
        return packets

    def train(
        self, payload: bytes, mss: int, sequence: int = 0, identification: int = 0, flags: int = ACK
    ) -> bytearray:
        """Make one train of the same, with a virtio header and a partial checksum."""
        bare = self.transport(payload, sequence, flags, 0)
        partial = internet_checksum(self.pseudo_header(len(bare))) ^ 0xFFFF
        segment = self.transport(payload, sequence, flags, partial)
        ip = self.ip_header(len(segment), identification)
        kind = 5 if not self.tcp else 1 if len(self.source) == 4 else 4
        if self.tcp and flags & CWR:
            kind |= 0x80
        header = len(ip) + len(segment) - len(payload)
        offset = 16 if self.tcp else 6
        hint = struct.pack("=BBHHHH", 1, kind, header, mss, len(ip), offset)
        return bytearray(hint + ip + segment)


def same_packets(ours: Sequence[bytes], theirs: Sequence[bytes]) -> bool:
    """Whether packets are equal; of an IPv4 checksum or TCP's both forms of zero are."""
    return len(ours) == len(theirs) and all(
        a == b or _normal(a) == _normal(b) for a, b in zip(ours, theirs, strict=True)
    )


def without_identification(packet: bytes) -> bytes:
    """Blank the identification and checksum of an IPv4 packet that may not be fragmented."""
    if len(packet) >= 20 and packet[0] == 0x45 and packet[6] & 0x40:
        return packet[:4] + bytes(2) + packet[6:10] + bytes(2) + packet[12:]
    return packet


def _normal(packet: bytes) -> bytes:
    data = bytearray(packet)
    four = data[0] >> 4 == 4
    places = [10] if four else []
    start = 4 * (data[0] & 15) if four else 40
    protocol = data[9] if four else data[6]
    if not four and protocol == 60:
        protocol, start = data[40], 48 + 8 * data[41]
    if protocol == 6:
        places.append(start + 16)
    for at in places:
        if data[at : at + 2] == b"\xff\xff":
            data[at : at + 2] = bytes(2)
    return bytes(data)


def is_whole(packet: bytes) -> bool:
    """Whether an IP packet without extension headers has the right length and checksums."""
    if packet[0] >> 4 == 4:
        start, protocol = 20, packet[9]
        if internet_checksum(packet[:20]) not in {0, 0xFFFF}:
            return False
        pseudo = packet[12:20] + struct.pack("!HH", protocol, len(packet) - 20)
        length = struct.unpack_from("!H", packet, 2)[0]
    else:
        start, protocol = 40, packet[6]
        pseudo = packet[8:40] + struct.pack("!II", len(packet) - 40, protocol)
        length = struct.unpack_from("!H", packet, 4)[0] + 40
    return length == len(packet) and internet_checksum(pseudo + packet[start:]) in {0, 0xFFFF}


@st.composite
def flows(draw: st.DrawFn, *, extensions: bool = False) -> Flow:
    """Any flow whose packets make trains."""
    six = draw(st.booleans())
    tcp = draw(st.booleans())
    flow = Flow(
        *(V6 if six else V4),
        tcp=tcp,
        ports=(draw(st.integers(0, 65535)), draw(st.integers(0, 65535))),
        tos=draw(st.integers(0, 255)),
        ttl=draw(st.integers(0, 255)),
        dont_fragment=draw(st.booleans()),
        acknowledged=draw(st.integers(0, (1 << 32) - 1)),
        options=draw(st.sampled_from([b"", TIMESTAMPS, bytes(40)])),
    )
    if six and extensions and draw(st.booleans()):
        return replace(flow, extension=bytes(draw(st.sampled_from([8]))))
    return flow
