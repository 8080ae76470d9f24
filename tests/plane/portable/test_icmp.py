"""What has no way is answered, within the limits of the RFCs, and nothing else is."""

import struct
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.plane.portable.packets import SYN, V4, V6, Flow, internet_checksum
from wiresnake.plane.portable.icmp import unreachable
from wiresnake.values.addresses import pack_address

TCP4 = Flow().packet(bytes(100), flags=SYN)
TCP6 = Flow(*V6).packet(bytes(100), flags=SYN)


def at(packet: bytes, where: int, *values: int) -> bytes:
    """Return the packet with other bytes somewhere."""
    return packet[:where] + bytes(values) + packet[where + len(values) :]


def checked(answer: bytes) -> tuple[int, int, bytes]:
    """Return type, code and quote of a well-formed answer."""
    if answer[0] >> 4 == 4:
        assert answer[0] == 0x45
        assert answer[9] == 1
        assert struct.unpack_from("!H", answer, 2)[0] == len(answer) <= 576
        assert internet_checksum(answer[:20]) == 0
        message, pseudo = answer[20:], b""
    else:
        assert answer[6] == 58
        assert struct.unpack_from("!H", answer, 4)[0] + 40 == len(answer) <= 1280
        message = answer[40:]
        pseudo = answer[8:40] + struct.pack("!II", len(message), 58)
    assert internet_checksum(pseudo + message) in {0, 0xFFFF}
    assert message[4:8] == bytes(4)
    return message[0], message[1], message[8:]


def test_ipv4_host_unreachable() -> None:
    answer = unreachable(TCP4)
    assert answer is not None
    assert checked(answer) == (3, 1, TCP4)
    assert answer[12:16] == V4[1], "from where the packet was going"
    assert answer[16:20] == V4[0]


def test_ipv6_address_unreachable() -> None:
    answer = unreachable(TCP6)
    assert answer is not None
    assert checked(answer) == (1, 3, TCP6)
    assert answer[8:24] == V6[1]
    assert answer[24:40] == V6[0]


def test_the_answers_precedence_is_internetwork_control() -> None:
    answer = unreachable(replace(Flow(), tos=0x1F).packet(b""))
    assert answer is not None
    assert answer[1] == 0xDE


@pytest.mark.parametrize(("flow", "limit"), [(Flow(), 548), (Flow(*V6), 1232)])
def test_as_much_is_quoted_as_fits(flow: Flow, limit: int) -> None:
    packet = flow.packet(bytes(range(250)) * 8)
    answer = unreachable(packet)
    assert answer is not None
    assert checked(answer)[2] == packet[:limit]


def test_bytes_behind_an_ipv4_packet_are_not_quoted() -> None:
    answer = unreachable(TCP4 + b"padding")
    assert answer is not None
    assert checked(answer)[2] == TCP4


def icmp(kind: int) -> bytes:
    return at(Flow().packet(b""), 9, 1)[:20] + bytes((kind, 0)) + bytes(40)


def icmp6(kind: int, *, extension: bytes = b"") -> bytes:
    body = extension + bytes((kind, 0)) + bytes(40)
    following = extension[:0] + bytes((60 if extension else 58,))
    head = struct.pack("!IH", 6 << 28, len(body)) + following + b"\x40"
    return head + V6[0] + V6[1] + body


@pytest.mark.parametrize("kind", [0, 8, 13, 14])
def test_icmp_that_is_no_error_is_answered(kind: int) -> None:
    assert unreachable(icmp(kind)) is not None


@pytest.mark.parametrize("kind", [3, 4, 5, 11, 12, 19, 40, 255])
def test_icmp_errors_and_unknown_types_are_not_answered(kind: int) -> None:
    assert unreachable(icmp(kind)) is None


def test_icmp_without_a_type_is_not_answered() -> None:
    assert unreachable(icmp(8)[:20]) is None


@pytest.mark.parametrize("extension", [b"", bytes((58, 0)) + bytes(6)])
def test_icmpv6_errors_and_redirects_are_not_answered(extension: bytes) -> None:
    for kind in (128, 129, 135, 255):
        assert unreachable(icmp6(kind, extension=extension)) is not None
    for kind in (0, 1, 2, 3, 4, 100, 127, 137):
        assert unreachable(icmp6(kind, extension=extension)) is None
    assert unreachable(icmp6(128)[:40]) is None


def with_extension(following: int, extension: bytes) -> bytes:
    return at(TCP6[:40], 6, following) + extension + TCP6[40:]


@pytest.mark.parametrize(
    ("packet", "answered"),
    [
        pytest.param(at(TCP4, 6, 0x20, 0), True, id="first fragment"),
        pytest.param(at(TCP4, 6, 0x20, 1), False, id="later fragment"),
        pytest.param(at(TCP4, 6, 0x00, 1), False, id="last fragment"),
        pytest.param(with_extension(44, bytes((6, 0, 0, 1, 0, 0, 0, 9))), True, id="first, IPv6"),
        pytest.param(with_extension(44, bytes((6, 0, 0, 9, 0, 0, 0, 9))), False, id="later, IPv6"),
        pytest.param(with_extension(0, bytes((44, 0)) + bytes(6) + bytes((6, 0, 1, 0)) + bytes(4)),
                     False, id="later, IPv6, after options"),
        pytest.param(with_extension(51, bytes((6, 4)) + bytes(22)), True, id="authentication"),
        pytest.param(with_extension(43, bytes((58, 1)) + bytes(14) + bytes((1,))), False,
                     id="routing, then an error"),
        pytest.param(with_extension(60, bytes((60, 0)) + bytes(6)) , True, id="options twice"),
        pytest.param(with_extension(0, bytes((0, 0)) + bytes(6))[:48] + (bytes(8) * 9), False,
                     id="options without end"),
        pytest.param(with_extension(0, b"\0\0")[:42], False, id="options cut off"),
        pytest.param(at(TCP4, 0, 0x44), False, id="IPv4 header too short"),
        pytest.param(at(TCP4, 0, 0x4F)[:50], False, id="IPv4 header cut off"),
        pytest.param(at(TCP4, 2, 0, 19), False, id="IPv4 length too short"),
        pytest.param(TCP4[:19], False, id="no IPv4 header"),
        pytest.param(TCP6[:39], False, id="no IPv6 header"),
        pytest.param(at(TCP4, 0, 0x55), False, id="version 5"),
        pytest.param(b"", False, id="nothing"),
    ],
)  # fmt: skip
def test_fragments_headers_and_what_is_malformed(packet: bytes, *, answered: bool) -> None:
    assert (unreachable(packet) is not None) == answered


@pytest.mark.parametrize(
    "address", ["0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.1", "239.1.1.1", "240.0.0.1",
                "255.255.255.255", "::", "::1", "ff02::1", "ff0e::1"]
)  # fmt: skip
def test_who_is_not_one_host_is_neither_answered_nor_answers(address: str) -> None:
    packed = pack_address(address)
    packet, first = (TCP4, 12) if len(packed) == 4 else (TCP6, 8)
    assert unreachable(at(packet, first, *packed)) is None
    assert unreachable(at(packet, first + len(packed), *packed)) is None


@given(st.one_of(st.binary(max_size=120), st.binary(max_size=60).map(TCP6[:7].__add__)))
def test_no_packet_raises(packet: bytes) -> None:
    answer = unreachable(packet)
    if answer is not None:
        checked(answer)
        assert unreachable(answer) is None, "an answer would be answered"
