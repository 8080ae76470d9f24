"""What the watcher makes of packets: nothing else may pass for WireGuard."""

import pytest

from wiresnake.cli.demo.watch import MARKER, MESSAGES, NEIGHBOURS, OTHER, Tally

PORT = 51820


def frame(ether_type: int, packet: bytes, segment_size: int = 0) -> bytes:
    # Flags, kind, header length, segment size, where the checksum starts and where it goes.
    virtio = bytes(4) + segment_size.to_bytes(2, "little") + bytes(4)
    return virtio + bytes(12) + ether_type.to_bytes(2) + packet


def ipv4(protocol: int, payload: bytes) -> bytes:
    return b"\x45" + bytes(8) + bytes([protocol]) + bytes(10) + payload


def ipv6(protocol: int, payload: bytes) -> bytes:
    return b"\x60" + bytes(5) + bytes([protocol]) + bytes(33) + payload


def udp(payload: bytes, source: int = PORT, destination: int = 4000) -> bytes:
    return source.to_bytes(2) + destination.to_bytes(2) + bytes(4) + payload


def kinds(*frames: bytes) -> dict[str, int]:
    tally = Tally(PORT)
    for each in frames:
        tally.look(each)
    return dict(tally.kinds)


@pytest.mark.parametrize("number", MESSAGES)
@pytest.mark.parametrize("version", [4, 6])
def test_messages_are_told_apart_by_their_first_four_bytes(number: int, version: int) -> None:
    datagram = udp(number.to_bytes(4, "little") + bytes(28))
    ether_type, packet = {4: (0x0800, ipv4), 6: (0x86DD, ipv6)}[version]
    assert kinds(frame(ether_type, packet(17, datagram))) == {MESSAGES[number]: 1}


def test_either_port_may_be_the_tunnels() -> None:
    datagram = udp(b"\4\0\0\0" + bytes(28), source=4000, destination=PORT)
    assert kinds(frame(0x0800, ipv4(17, datagram))) == {MESSAGES[4]: 1}


@pytest.mark.parametrize(
    "other",
    [
        frame(0x0800, ipv4(17, udp(b"\4\0\0\0" + bytes(28), source=53))),
        frame(0x0800, ipv4(17, udp(b"\5\0\0\0" + bytes(28)))),
        frame(0x0800, ipv4(17, udp(b"\4\0\0\1" + bytes(28)))),
        frame(0x0800, ipv4(17, udp(b""))),
        frame(0x0800, ipv4(6, udp(b"\4\0\0\0" + bytes(28)))),
        frame(0x0800, ipv4(1, bytes(64))),
        frame(0x0800, b"\x45"),
        frame(0x86DD, ipv6(6, bytes(64))),
        frame(0x86DD, b""),
        frame(0x88CC, bytes(64)),
        frame(0x0800, b""),
    ],
)
def test_anything_else_is_called_so(other: bytes) -> None:
    assert kinds(other) == {OTHER: 1}


@pytest.mark.parametrize(
    "frame", [frame(0x0806, bytes(28)), frame(0x86DD, ipv6(58, b"")), frame(0x86DD, ipv6(0, b""))]
)
def test_neighbours_may_look_for_each_other(frame: bytes) -> None:
    assert kinds(frame) == {NEIGHBOURS: 1}


def test_a_train_counts_as_its_datagrams() -> None:
    train = udp(b"\4\0\0\0" + bytes(1452 * 2 + 100 - 4))
    assert kinds(frame(0x0800, ipv4(17, train), segment_size=1452)) == {MESSAGES[4]: 3}


def test_plaintext_is_found_wherever_it_stands() -> None:
    tally = Tally(PORT)
    tally.look(frame(0x0800, ipv4(17, udp(b"\4\0\0\0" + bytes(900) + MARKER))))
    tally.look(frame(0x0800, ipv4(17, udp(b"\4\0\0\0" + bytes(900)))))
    assert tally.readable == 1


def test_inside_a_tunnel_there_is_no_ethernet() -> None:
    tally = Tally(PORT, ethernet=False)
    tally.look(bytes(10) + ipv4(17, udp(MARKER, source=7)))
    assert (tally.readable, dict(tally.kinds)) == (1, {OTHER: 1})
