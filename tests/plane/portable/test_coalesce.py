"""Packets become trains only where a train says the same, and no flow is reordered."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.plane.portable.packets import (
    ACK,
    CWR,
    FIN,
    PSH,
    TIMESTAMPS,
    V6,
    Flow,
    flows,
    is_whole,
    same_packets,
    without_identification,
)
from tests.plane.portable.trains import FLOWS, TCP_FLOWS, joined, parted
from wiresnake.plane.portable.coalesce import Coalescer
from wiresnake.plane.portable.segment import Train

DATA = bytes(range(251)) * 40


def flow_of(packet: bytes) -> tuple[object, ...]:
    if packet[0] >> 4 == 4:
        return (4, packet[9], packet[12:24])
    return (6, packet[6], packet[8:44])


@settings(max_examples=150)
@given(
    flow=flows(),
    size=st.integers(1, 9000),
    mss=st.integers(30, 1500),
    sequence=st.one_of(st.integers(0, (1 << 32) - 1), st.integers((1 << 32) - 9000, (1 << 32) - 1)),
    identification=st.one_of(st.integers(0, 65535), st.integers(65500, 65535)),
    flags=st.sampled_from([ACK, ACK | PSH, ACK | FIN | PSH, ACK | CWR]),
    verify_tcp=st.booleans(),
)
def test_what_is_joined_and_cut_again_is_the_same(
    flow: Flow,
    size: int,
    mss: int,
    sequence: int,
    identification: int,
    flags: int,
    verify_tcp: bool,
) -> None:
    packets = flow.packets(DATA[:size], mss, sequence, identification, flags)
    frames = joined(packets, verify_tcp=verify_tcp)
    again = [packet for frame in frames for packet in parted(frame)]
    assert same_packets(again, packets)
    assert len(frames) <= 4 + (0 if flow.tcp else len(packets) // 64)


@settings(max_examples=60)
@given(
    flow=flows(),
    size=st.integers(1, 20000),
    mss=st.integers(300, 1500),
    sequence=st.integers(0, (1 << 31)),
    identification=st.integers(0, 60000),
)
def test_what_is_cut_and_joined_again_is_the_same(
    flow: Flow, size: int, mss: int, sequence: int, identification: int
) -> None:
    payload = (DATA + DATA)[:size]
    packets = flow.packets(payload, mss, sequence, identification)
    frame = flow.train(payload, mss, sequence, identification)
    ours = [bytes(segment) for segment in Train(memoryview(frame)).cut()]
    frames = joined(ours)
    if len(frames) > 1:  # the IPv4 checksum passed through 0, whose two forms end a train
        assert len(frames) == 2
        assert same_packets([p for f in frames for p in parted(f)], packets)
    elif len(packets) > 1:
        [again] = frames
        assert len(again) == len(frame)
        assert again[10 + 60 :] == frame_of(flow, payload, mss, sequence, identification)[70:]


def frame_of(flow: Flow, payload: bytes, mss: int, sequence: int, identification: int) -> bytes:
    return bytes(flow.train(payload, mss, sequence, identification))


@pytest.mark.parametrize("flow", FLOWS)
def test_a_train_of_many_becomes_one_frame(flow: Flow) -> None:
    packets = flow.packets(DATA, 200)
    assert len(joined(packets)) == 1


@settings(max_examples=150)
@given(data=st.data())
def test_flows_are_interleaved_without_reordering_any(data: st.DataObject) -> None:
    sources: list[list[bytes]] = []
    for number in range(data.draw(st.integers(1, 4))):
        flow = replace(data.draw(flows()), ports=(number, 7))
        flags = data.draw(st.sampled_from([ACK, ACK | PSH]))
        packets = flow.packets(DATA[: data.draw(st.integers(1, 6000))], 500, flags=flags)
        sources.append(packets)
    mixed = []
    while any(sources):
        source = data.draw(st.sampled_from([source for source in sources if source]))
        packet = source.pop(0)
        fate = data.draw(st.integers(0, 9))
        if fate == 0:  # lost
            continue
        if fate == 1:  # damaged
            packet = packet[:-1] + bytes((packet[-1] ^ 0x55,))
        if fate == 2 and len(mixed) > 1:  # late
            mixed.insert(len(mixed) - 1, packet)
        else:
            mixed.append(packet)
    frames = joined(mixed, verify_tcp=True)
    again = [packet for frame in frames for packet in parted(frame)]
    for key in {flow_of(packet) for packet in mixed}:
        assert same_packets(
            [packet for packet in again if flow_of(packet) == key],
            [packet for packet in mixed if flow_of(packet) == key],
        )
    assert len(again) == len(mixed)


@pytest.mark.parametrize("flow", FLOWS)
def test_two_flows_in_turn_still_make_two_trains(flow: Flow) -> None:
    other = replace(flow, ports=(9, 9))
    pairs = zip(flow.packets(DATA, 500), other.packets(DATA, 500), strict=True)
    assert len(joined([packet for pair in pairs for packet in pair])) == 2


@pytest.mark.parametrize("flow", FLOWS)
@pytest.mark.parametrize("position", range(4))
def test_a_packet_with_a_wrong_checksum_goes_alone(flow: Flow, position: int) -> None:
    packets = flow.packets(bytes(400), 100)
    packets[position] = packets[position][:-1] + b"\1"
    frames = joined(packets, verify_tcp=True)
    again = [packet for frame in frames for packet in parted(frame)]
    assert same_packets(again, packets)
    assert [bytes(10), packets[position]] in [[frame[:10], frame[10:]] for frame in frames]


@pytest.mark.parametrize("flow", TCP_FLOWS)
@pytest.mark.parametrize("mss", [100, 101])
@pytest.mark.parametrize("position", range(5))
@pytest.mark.parametrize("at", [-1, -2])
def test_a_wrong_segment_makes_the_whole_train_wrong_to_the_kernel(
    flow: Flow, mss: int, position: int, at: int
) -> None:
    packets = flow.packets(DATA[: 4 * mss + 50], mss)
    assert is_whole(joined(packets)[0][10:])
    damaged = bytearray(packets[position])
    damaged[at] ^= 0x10
    packets[position] = bytes(damaged)
    [frame] = joined(packets)
    assert frame[0] == 0, "the kernel must not take the checksum for granted"
    assert not is_whole(frame[10:])


@pytest.mark.parametrize("flow", [FLOWS[0], FLOWS[2]])
@pytest.mark.parametrize("position", range(4))
def test_a_packet_with_a_wrong_ipv4_checksum_goes_alone(flow: Flow, position: int) -> None:
    packets = flow.packets(bytes(400), 100)
    damaged = bytearray(packets[position])
    damaged[10] ^= 1
    packets[position] = bytes(damaged)
    frames = joined(packets)
    assert bytes(10) + bytes(damaged) in frames


def test_udp_without_a_checksum_goes_alone() -> None:
    packets = []
    for packet in Flow(tcp=False).packets(bytes(300), 100):
        bare = bytearray(packet)
        bare[26:28] = bytes(2)
        packets.append(bytes(bare))
    assert [frame[10:] for frame in joined(packets)] == packets


def test_udp_whose_length_is_not_the_packets_goes_alone() -> None:
    packets = []
    for packet in Flow(tcp=False).packets(bytes(300), 100):
        lying = bytearray(packet)
        lying[24:26] = (100).to_bytes(2)
        packets.append(bytes(lying))
    assert [frame[10:] for frame in joined(packets)] == packets


@pytest.mark.parametrize("at_and_value", [(6, 0x20), (7, 1), (0, 0x46), (9, 50)])
def test_fragments_options_and_other_protocols_go_alone_and_in_order(
    at_and_value: tuple[int, int],
) -> None:
    at, value = at_and_value
    packets = Flow().packets(bytes(600), 100)
    strange = bytearray(packets[2])
    strange[at] = value
    packets[2] = bytes(strange)
    frames = joined(packets)
    assert [len(frame) for frame in frames] == [10 + 252, 10 + 152, 10 + 352]
    assert frames[1][10:] == bytes(strange)


def test_trains_end_where_the_length_field_does() -> None:
    flow = replace(Flow(), options=b"")
    packets = flow.packets(bytes(1380 * 50), 1380)
    frames = joined(packets)
    assert [len(frame) - 10 for frame in frames] == [40 + 47 * 1380, 40 + 3 * 1380]


def test_udp_trains_have_at_most_64_segments() -> None:
    frames = joined(Flow(tcp=False).packets(bytes(150 * 10), 10))
    assert [len(parted(frame)) for frame in frames] == [64, 64, 22]


@pytest.mark.parametrize(
    ("accepts", "flow", "header"),
    [
        ({"vnet_header": False, "tso": True, "uso": True}, Flow(), b""),
        ({"vnet_header": False, "tso": True, "uso": True}, Flow(tcp=False), b""),
        ({"vnet_header": True, "tso": False, "uso": True}, Flow(), bytes(10)),
        ({"vnet_header": True, "tso": True, "uso": False}, Flow(tcp=False), bytes(10)),
    ],
)
def test_only_what_the_inner_side_accepts_is_joined(
    accepts: dict[str, bool], flow: Flow, header: bytes
) -> None:
    packets = flow.packets(bytes(300), 100)
    coalescer = Coalescer(**accepts)
    for packet in packets:
        coalescer.add(memoryview(packet))
    frames = [b"".join(frame) for frame in coalescer.take()]
    assert frames == [header + packet for packet in packets]


def test_take_begins_anew() -> None:
    packets = Flow().packets(bytes(300), 100)
    coalescer = Coalescer(vnet_header=True, tso=True, uso=True)
    assert coalescer.take() == []
    coalescer.add(memoryview(packets[0]))
    assert len(coalescer.take()) == 1
    coalescer.add(memoryview(packets[1]))
    coalescer.add(memoryview(packets[2]))
    [frame] = coalescer.take()
    assert parted(b"".join(frame)) == packets[1:]
    assert coalescer.take() == []


@settings(max_examples=300)
@given(
    packets=st.lists(
        st.one_of(
            st.binary(max_size=100),
            st.builds(
                lambda base, at, junk, size: (base[:at] + junk + base[at + len(junk) :])[:size],
                st.sampled_from(
                    [
                        *Flow().packets(bytes(300), 100),
                        *Flow(*V6).packets(bytes(300), 100),
                        *Flow(tcp=False).packets(bytes(300), 100),
                        *Flow(*V6, tcp=False, options=TIMESTAMPS).packets(bytes(300), 100),
                    ]
                ),
                st.integers(0, 80),
                st.binary(max_size=2),
                st.integers(0, 300),
            ),
        ),
        max_size=8,
    )
)
def test_no_packet_raises_or_is_lost(packets: list[bytes]) -> None:
    frames = joined(packets, verify_tcp=True)
    again = [packet for frame in frames for packet in parted(frame)]
    assert same_packets(
        sorted(map(without_identification, again)), sorted(map(without_identification, packets))
    )
