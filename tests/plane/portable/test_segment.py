"""Trains are cut as the sender's own stack would have cut them, and lies are refused."""

import struct
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.plane.portable.packets import (
    ACK,
    CWR,
    ECE,
    FIN,
    PSH,
    V6,
    Flow,
    flows,
    internet_checksum,
    is_whole,
    same_packets,
)
from wiresnake.plane.portable.segment import MalformedTrain, Train


def cut(frame: bytes) -> list[bytes]:
    return [bytes(segment) for segment in Train(memoryview(bytearray(frame))).cut()]


@settings(max_examples=150)
@given(
    flow=flows(extensions=True),
    payload=st.binary(min_size=1, max_size=300).flatmap(
        lambda seed: st.integers(1, 6000).map(lambda size: (seed * 6000)[:size])
    ),
    mss=st.integers(1, 1500),
    sequence=st.one_of(st.integers(0, (1 << 32) - 1), st.integers((1 << 32) - 6000, (1 << 32) - 1)),
    identification=st.one_of(st.integers(0, 65535), st.integers(65500, 65535)),
    flags=st.sampled_from([ACK, ACK | PSH, ACK | FIN | PSH, ACK | CWR, ACK | CWR | PSH | ECE]),
)
def test_a_train_becomes_the_packets_it_stands_for(
    flow: Flow, payload: bytes, mss: int, sequence: int, identification: int, flags: int
) -> None:
    mss = max(mss, -(-len(payload) // 400))
    expected = flow.packets(payload, mss, sequence, identification, flags)
    frame = flow.train(payload, mss, sequence, identification, flags)
    train = Train(memoryview(frame))
    assert train.count == len(expected)
    assert train.length == len(expected[0])
    assert train.last_length == len(expected[-1])
    assert same_packets([bytes(segment) for segment in train.cut()], expected)


@pytest.mark.parametrize("first_check", [0, 1, 2, 3, 9, 10, 0xFFFE])
def test_an_ipv4_checksum_may_wrap_around_within_a_train(first_check: int) -> None:
    flow = Flow()
    identification = next(
        number
        for number in range(65536)
        if flow.ip_header(32 + 100, number)[10:12] == first_check.to_bytes(2)
    )
    frame = flow.train(bytes(1000), 100, 0, identification)
    assert same_packets(cut(frame), flow.packets(bytes(1000), 100, 0, identification))


@pytest.mark.parametrize("flow", [Flow(), Flow(*V6), Flow(tcp=False), Flow(*V6, tcp=False)])
def test_a_packet_by_itself_has_its_checksum_completed(flow: Flow) -> None:
    frame = flow.train(b"odd number of bytes", 1000)
    frame[1] = 0
    [packet] = cut(frame)
    assert is_whole(packet)
    assert packet == flow.packet(b"odd number of bytes")


def test_a_udp_checksum_of_zero_is_sent_as_ones() -> None:
    flow = Flow(tcp=False)
    bare = flow.transport(bytes(2), 0, 0, 0)
    rest = internet_checksum(flow.pseudo_header(len(bare)) + bare)
    payload = struct.pack("!H", rest)
    for kind in (0, 5):
        frame = flow.train(payload, 1000)
        frame[1] = kind
        [packet] = cut(frame)
        assert packet[26:28] == b"\xff\xff"


def test_a_whole_packet_is_passed_on_as_it_is() -> None:
    for packet in (b"", b"x", bytes(range(100))):
        assert cut(bytes(10) + packet) == [packet]


def test_a_view_of_a_segment_holds_until_the_next_is_asked_for() -> None:
    flow = Flow()
    expected = flow.packets(bytes(range(200)), 20)
    for segment, packet in zip(
        Train(memoryview(flow.train(bytes(range(200)), 20))).cut(), expected, strict=True
    ):
        assert segment == packet


TRAIN = bytes(Flow().train(bytes(range(250)) * 4, 100))
TRAIN_V6 = bytes(Flow(*V6).train(bytes(range(250)) * 4, 100))
UDP_TRAIN = bytes(Flow(tcp=False).train(bytes(range(250)) * 4, 100))


def altered(frame: bytes, **changes: int) -> bytes:
    """Return the frame with fields of its virtio header changed."""
    names = ("flags", "kind", "header", "size", "start", "offset")
    fields = dict(zip(names, struct.unpack_from("=BBHHHH", frame), strict=True)) | changes
    return struct.pack("=BBHHHH", *fields.values()) + frame[10:]


def with_byte(frame: bytes, at: int, value: int) -> bytes:
    return frame[: 10 + at] + bytes((value,)) + frame[11 + at :]


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(TRAIN[:9], id="no virtio header"),
        pytest.param(TRAIN[:10], id="no packet"),
        pytest.param(TRAIN[:29], id="no IP header"),
        pytest.param(TRAIN[:49], id="no TCP header"),
        pytest.param(TRAIN[:61], id="no TCP options"),
        pytest.param(TRAIN[:62], id="no payload"),
        pytest.param(TRAIN[:-1], id="shorter than its length"),
        pytest.param(TRAIN + b"x", id="longer than its length"),
        pytest.param(TRAIN_V6[:-1], id="IPv6 shorter than its length"),
        pytest.param(altered(TRAIN, flags=0), id="with a checksum"),
        pytest.param(altered(TRAIN, kind=2), id="unknown type"),
        pytest.param(altered(TRAIN, kind=3), id="UFO"),
        pytest.param(altered(TRAIN, kind=4), id="the other family"),
        pytest.param(altered(TRAIN_V6, kind=1), id="the other family, IPv6"),
        pytest.param(altered(TRAIN, kind=5), id="UDP that is TCP"),
        pytest.param(altered(TRAIN, kind=5, offset=6), id="UDP that is TCP, well hidden"),
        pytest.param(altered(UDP_TRAIN, kind=1, offset=16), id="TCP that is UDP"),
        pytest.param(altered(TRAIN, size=0), id="segments of nothing"),
        pytest.param(altered(TRAIN, start=0), id="transport at 0"),
        pytest.param(altered(TRAIN, start=24), id="transport not where IP ends"),
        pytest.param(altered(TRAIN, start=65535), id="transport past the end"),
        pytest.param(altered(TRAIN_V6, start=39), id="transport within IPv6"),
        pytest.param(altered(TRAIN_V6, start=50), id="transport unaligned"),
        pytest.param(altered(TRAIN_V6, start=65528), id="IPv6 transport past the end"),
        pytest.param(altered(TRAIN, offset=6), id="another checksum"),
        pytest.param(altered(TRAIN, kind=0, offset=65535), id="checksum past the end"),
        pytest.param(altered(TRAIN, kind=0, start=1057), id="checksum half past the end"),
        pytest.param(with_byte(TRAIN, 0, 0x44), id="IPv4 header too short"),
        pytest.param(with_byte(TRAIN, 0, 0x46), id="IPv4 header longer than transport says"),
        pytest.param(with_byte(TRAIN, 0, 0x55), id="IP version 5"),
        pytest.param(with_byte(TRAIN, 6, 0x20), id="a fragment"),
        pytest.param(with_byte(TRAIN, 7, 1), id="a later fragment"),
        pytest.param(with_byte(TRAIN, 9, 17), id="protocol UDP"),
        pytest.param(with_byte(TRAIN_V6, 6, 17), id="next header UDP"),
        pytest.param(with_byte(TRAIN, 32, 0x40), id="TCP header too short"),
    ],
)
def test_a_virtio_header_that_lies_is_refused(frame: bytes) -> None:
    with pytest.raises(MalformedTrain):
        cut(frame)


@settings(max_examples=300)
@given(
    hint=st.tuples(
        st.integers(0, 3),
        st.sampled_from([0, 1, 4, 5, 0x81, 3, 255]),
        st.integers(0, 65535),
        st.one_of(st.integers(0, 65535), st.integers(0, 200)),
        st.one_of(st.sampled_from([20, 40, 48]), st.integers(0, 65535)),
        st.one_of(st.sampled_from([6, 16]), st.integers(0, 65535)),
    ),
    frame=st.one_of(
        st.binary(max_size=200),
        st.builds(
            lambda base, at, junk, size: (base[:at] + junk + base[at + len(junk) :])[:size],
            st.sampled_from([TRAIN[10:], TRAIN_V6[10:], UDP_TRAIN[10:]]),
            st.integers(0, 80),
            st.binary(max_size=4),
            st.integers(0, 1200),
        ),
    ),
)
def test_no_frame_raises_anything_but_the_declared_error(
    hint: tuple[int, ...], frame: bytes
) -> None:
    buffer = memoryview(bytearray(struct.pack("=BBHHHH", *hint) + frame))
    try:
        train = Train(buffer)
    except MalformedTrain:
        return
    segments = [len(segment) for segment in train.cut()]
    assert len(segments) == train.count
    assert segments[-1] == train.last_length
    assert all(length == train.length for length in segments[:-1])


def test_a_train_of_the_greatest_length_is_cut() -> None:
    flow = replace(Flow(), options=b"")
    payload = bytes(range(255)) * 257
    payload = payload[: 65535 - 40]
    assert same_packets(cut(flow.train(payload, 1380)), flow.packets(payload, 1380))
