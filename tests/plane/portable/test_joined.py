"""Which packets go on with a train, and which do not."""

import struct
from dataclasses import replace

import pytest

from tests.plane.portable.packets import (
    ACK,
    CWR,
    ECE,
    FIN,
    PSH,
    RST,
    SYN,
    URG,
    Flow,
    is_whole,
    same_packets,
)
from tests.plane.portable.trains import FLOWS, TCP_FLOWS, joined, parted


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


@pytest.mark.parametrize("flow", FLOWS[2:])
def test_a_last_datagram_whose_length_lies_is_not_joined(flow: Flow) -> None:
    first, last = flow.packets(bytes(180), 100)
    start = len(last) - 88
    lying = bytearray(last)
    length, check = struct.unpack_from("!HH", lying, start + 4)
    struct.pack_into("!HH", lying, start + 4, length + 1, check - 1)
    assert is_whole(bytes(lying)), "its checksum is right"
    frames = joined([first, bytes(lying)])
    assert [frame[10:] for frame in frames] == [first, bytes(lying)]
    assert len(joined([first, last])) == 1
