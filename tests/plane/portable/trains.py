"""Joining packets to frames, and taking frames apart as a kernel does."""

import struct
from collections.abc import Sequence

import pytest

from tests.plane.portable.packets import V6, Flow, internet_checksum, is_whole
from wiresnake.plane.portable.coalesce import Coalescer
from wiresnake.plane.portable.segment import Train

FLOWS = [
    pytest.param(Flow(), id="tcp4"),
    pytest.param(Flow(*V6), id="tcp6"),
    pytest.param(Flow(tcp=False), id="udp4"),
    pytest.param(Flow(*V6, tcp=False), id="udp6"),
]
TCP_FLOWS = FLOWS[:2]


def joined(packets: Sequence[bytes], *, verify_tcp: bool = False) -> list[bytes]:
    """Join packets to frames, each as the bytes of one write."""
    coalescer = Coalescer(vnet_header=True, tso=True, uso=True, verify_tcp=verify_tcp)
    for packet in packets:
        coalescer.add(memoryview(bytearray(packet)))
    return [b"".join(frame) for frame in coalescer.take()]


def parted(frame: bytes) -> list[bytes]:
    """Take a frame apart as a kernel does, its checksum verified."""
    flags, kind, header, mss, start, _ = struct.unpack_from("=BBHHHH", frame)
    packet = bytearray(frame[10:])
    if not kind:
        assert not any(frame[:10])
        return [bytes(packet)]
    four = packet[0] >> 4 == 4
    start_expected = 20 if four else 40
    tcp = kind & 0x7F != 5
    offset = 16 if tcp else 6
    if flags & 1:
        assert start == start_expected
    else:
        assert tcp
        assert is_whole(bytes(packet)), "a kernel would find this train's checksum wrong"
        at = start_expected + offset
        length = len(packet) - start_expected
        packet[at : at + 2] = bytes(2)
        ends = bytes(packet[12:20] if four else packet[8:40])
        pseudo = ends + struct.pack("!II", length, 6)
        packet[at : at + 2] = (internet_checksum(pseudo) ^ 0xFFFF).to_bytes(2)
    assert header == start_expected + (4 * (packet[start_expected + 12] >> 4) if tcp else 8)
    hint = struct.pack("=BBHHHH", 1, kind, header, mss, start_expected, offset)
    train = Train(memoryview(bytearray(hint) + packet))
    return [bytes(segment) for segment in train.cut()]
