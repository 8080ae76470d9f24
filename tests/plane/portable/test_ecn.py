"""Congestion marks cross the tunnel as the protocol's table says."""

from dataclasses import replace

import pytest

from tests.plane.portable.packets import V6, Flow, is_whole
from wiresnake.plane.portable.ecn import CE, ECT_0, ECT_1, NOT_ECT, decapsulate, encapsulate
from wiresnake.plane.portable.ecn import outer_tos as outer_tos_of

ENDS = [pytest.param(Flow(), id="IPv4"), pytest.param(Flow(*V6), id="IPv6")]


@pytest.mark.parametrize("flow", ENDS)
@pytest.mark.parametrize("dscp", [0x00, 0x88, 0xFC])
@pytest.mark.parametrize(
    ("inner", "outer"), [(NOT_ECT, NOT_ECT), (ECT_0, ECT_0), (ECT_1, ECT_1), (CE, ECT_0)]
)
def test_going_out_only_what_a_network_may_mark_is_shown(
    flow: Flow, dscp: int, inner: int, outer: int
) -> None:
    packet = replace(flow, tos=dscp | inner).packet(b"data")
    assert outer_tos_of(packet) == outer
    assert encapsulate(dscp | inner) == outer


def test_an_empty_packet_shows_nothing() -> None:
    assert outer_tos_of(b"") == NOT_ECT
    assert outer_tos_of(b"\x45") == NOT_ECT


@pytest.mark.parametrize("flow", ENDS)
@pytest.mark.parametrize("dscp", [0x00, 0x88, 0xFC])
@pytest.mark.parametrize("outer", range(4))
@pytest.mark.parametrize("inner", range(4))
def test_coming_in_marks_reach_packets_that_can_bear_them(
    flow: Flow, dscp: int, outer: int, inner: int
) -> None:
    expected = inner
    if outer == CE and inner != NOT_ECT:
        expected = CE
    if outer == ECT_1 and inner == ECT_0:
        expected = ECT_1
    packet = bytearray(replace(flow, tos=dscp | inner).packet(b"data"))
    decapsulate(memoryview(packet), 0x88 | outer)
    assert bytes(packet) == replace(flow, tos=dscp | expected).packet(b"data")
    assert is_whole(bytes(packet))


def test_every_ipv4_checksum_is_mended() -> None:
    for identification in range(0, 65536, 97):
        packet = bytearray(Flow(tos=ECT_0).packet(b"", identification=identification))
        decapsulate(memoryview(packet), CE)
        assert is_whole(bytes(packet))
        assert packet[1] == CE


def test_a_wrong_ipv4_checksum_stays_wrong() -> None:
    packet = bytearray(Flow(tos=ECT_0).packet(b"data"))
    packet[10] ^= 0x40
    decapsulate(memoryview(packet), CE)
    assert not is_whole(bytes(packet))
