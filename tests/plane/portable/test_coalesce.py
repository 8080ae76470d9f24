"""Packets become trains only where a train says the same, and no flow is reordered."""

import struct
from collections.abc import Sequence
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
    RST,
    SYN,
    TIMESTAMPS,
    URG,
    V6,
    Flow,
    flows,
    internet_checksum,
    is_whole,
    same_packets,
    without_identification,
)
from wiresnake.plane.portable.coalesce import Coalescer
from wiresnake.plane.portable.segment import Train

FLOWS = [
    pytest.param(Flow(), id="tcp4"),
    pytest.param(Flow(*V6), id="tcp6"),
    pytest.param(Flow(tcp=False), id="udp4"),
    pytest.param(Flow(*V6, tcp=False), id="udp6"),
]
TCP_FLOWS = FLOWS[:2]
DATA = bytes(range(251)) * 40


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


def second(flow: Flow, **changes: object) -> bytes:
    """Make the second packet of a flow whose first has 100 bytes, with something else about it."""
    arguments: dict[str, object] = {"sequence": 100, "identification": 1, "flags": ACK}
    names = arguments.keys() & changes.keys()
    arguments |= {name: changes.pop(name) for name in names}
    payload = changes.pop("payload", bytes(100))
    return replace(flow, **changes).packet(payload, **arguments)  # type: ignore[arg-type]


TCP_CHANGES = [
    pytest.param({"sequence": 101}, id="a gap"),
    pytest.param({"sequence": 0}, id="a retransmission"),
    pytest.param({"acknowledged": 78}, id="another acknowledgement"),
    pytest.param({"window": 502}, id="another window"),
    pytest.param({"options": bytes((1, 1, 8, 10)) + bytes(8)}, id="other timestamps"),
    pytest.param({"options": b""}, id="no options"),
    pytest.param({"flags": ACK | SYN}, id="SYN"),
    pytest.param({"flags": ACK | RST}, id="RST"),
    pytest.param({"flags": ACK | URG}, id="URG"),
    pytest.param({"flags": ACK | ECE}, id="ECE"),
    pytest.param({"flags": ACK | CWR}, id="CWR"),
    pytest.param({"flags": PSH}, id="no ACK"),
    pytest.param({"payload": b""}, id="no payload"),
]
ANY_CHANGES = [
    pytest.param({"tos": 4}, id="another class"),
    pytest.param({"tos": 3}, id="congestion experienced"),
    pytest.param({"ttl": 63}, id="another hop limit"),
    pytest.param({"payload": bytes(101)}, id="longer"),
]
V4_CHANGES = [
    pytest.param({"identification": 2}, id="identification skips"),
    pytest.param({"identification": 65535}, id="identification goes back"),
    pytest.param({"dont_fragment": False}, id="DF gone"),
    pytest.param({"dont_fragment": False, "identification": 0}, id="DF gone, fixed"),
]


def assert_not_joined(flow: Flow, changes: dict[str, object]) -> None:
    packets = [flow.packet(bytes(100)), second(flow, **changes)]
    frames = joined(packets)
    assert len(frames) == 2
    assert same_packets([frame[10:] for frame in frames], packets)
    assert len(joined([packets[0], second(flow)])) == 1


@pytest.mark.parametrize("flow", TCP_FLOWS)
@pytest.mark.parametrize("changes", TCP_CHANGES)
def test_tcp_segments_that_differ_are_not_joined(flow: Flow, changes: dict[str, object]) -> None:
    assert_not_joined(flow, changes)


@pytest.mark.parametrize("flow", FLOWS)
@pytest.mark.parametrize("changes", ANY_CHANGES)
def test_packets_that_differ_are_not_joined(flow: Flow, changes: dict[str, object]) -> None:
    assert_not_joined(flow, changes)


@pytest.mark.parametrize("flow", [FLOWS[0], FLOWS[2]])
@pytest.mark.parametrize("changes", V4_CHANGES)
def test_ipv4_packets_that_differ_are_not_joined(flow: Flow, changes: dict[str, object]) -> None:
    assert_not_joined(flow, changes)


@pytest.mark.parametrize("flow", [FLOWS[0], FLOWS[2]])
def test_a_fixed_identification_is_joined_with_dont_fragment_only(flow: Flow) -> None:
    fixed = [
        flow.packet(bytes(100), sequence=100 * n, identification=7, flags=ACK) for n in range(5)
    ]
    assert len(joined(fixed)) == 1
    shorter = flow.packet(bytes(50), sequence=100, identification=7)
    assert len(joined([fixed[0], shorter])) == 1
    assert len(joined([*fixed[:3], flow.packet(bytes(100), 300, 10)])) == 2
    may = replace(flow, dont_fragment=False)
    fixed = [may.packet(bytes(100), sequence=100 * n, identification=7) for n in range(5)]
    assert len(joined(fixed)) == 5


@pytest.mark.parametrize("flow", TCP_FLOWS)
@pytest.mark.parametrize("flag", [PSH, FIN, PSH | FIN])
def test_push_and_fin_end_a_train(flow: Flow, flag: int) -> None:
    packets = [
        flow.packet(bytes(100), 0, 0),
        flow.packet(bytes(100), 100, 1, ACK | flag),
        flow.packet(bytes(100), 200, 2),
        flow.packet(bytes(100), 300, 3),
    ]
    frames = joined(packets)
    assert [len(parted(frame)) for frame in frames] == [2, 2]
    assert same_packets([packet for frame in frames for packet in parted(frame)], packets)


@pytest.mark.parametrize("flow", FLOWS)
def test_a_shorter_packet_ends_a_train(flow: Flow) -> None:
    packets = [
        flow.packet(bytes(100), 0, 0),
        flow.packet(bytes(99), 100, 1),
        flow.packet(bytes(99), 199, 2),
        flow.packet(bytes(99), 298, 3),
    ]
    assert [len(parted(frame)) for frame in joined(packets)] == [2, 2]


@pytest.mark.parametrize("flow", TCP_FLOWS)
def test_an_acknowledgement_keeps_its_place_in_the_flow(flow: Flow) -> None:
    packets = flow.packets(bytes(300), 100)
    pure = flow.packet(b"", 300, 3)
    later = flow.packets(bytes(300), 100, 300, 3)
    frames = joined([*packets, pure, *later])
    assert [len(parted(frame)) for frame in frames] == [3, 1, 3]


def test_congestion_window_reduced_is_kept_on_the_first_segment() -> None:
    [frame] = joined(Flow().packets(bytes(300), 100, flags=ACK | CWR))
    assert frame[1] == 0x81
    assert [packet[33] & CWR for packet in parted(frame)] == [CWR, 0, 0]


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
