"""The outer sockets: options, ports, families."""

import errno
import os
import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from wiresnake.host import udp
from wiresnake.host.namespaces import Namespace, two_hosts
from wiresnake.host.udp import UdpPair


@pytest.fixture
def pair() -> Iterator[UdpPair]:
    with closing(udp.open_pair(0, 0)) as made:
        yield made


def _option(one: socket.socket | None, level: int, name: int) -> int:
    assert one is not None
    return one.getsockopt(level, name)


def _both(pair: UdpPair) -> tuple[socket.socket, socket.socket]:
    assert pair.v4 is not None
    assert pair.v6 is not None
    return pair.v4, pair.v6


def _descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


class TestPorts:
    def test_port_0_gives_both_families_the_same(self, pair: UdpPair) -> None:
        v4, v6 = _both(pair)
        assert pair.port == v4.getsockname()[1] == v6.getsockname()[1] != 0
        assert v4.getsockname()[0] == "0.0.0.0"
        assert v6.getsockname()[0] == "::"

    def test_a_port_in_use_is_an_error_and_leaves_nothing_open(self, pair: UdpPair) -> None:
        before = _descriptors()
        with pytest.raises(OSError, match="in use") as raised:
            udp.open_pair(pair.port, 0)
        assert raised.value.errno == errno.EADDRINUSE
        assert _descriptors() == before

    @pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
    def test_one_family_in_use_is_enough(self, family: socket.AddressFamily) -> None:
        with socket.socket(family, socket.SOCK_DGRAM) as taken:
            if family == socket.AF_INET6:
                taken.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            taken.bind(("", 0))
            before = _descriptors()
            with pytest.raises(OSError, match="in use"):
                udp.open_pair(taken.getsockname()[1], 0)
            assert _descriptors() == before

    def test_old_and_new_may_be_open_together(self, pair: UdpPair) -> None:
        with closing(udp.open_pair(0, 0)) as other:
            assert other.port != pair.port

    @pytest.mark.root
    def test_port_0_looks_on_where_the_other_family_has_the_port(
        self, host: Namespace, undo: ExitStack
    ) -> None:
        host.run(["sysctl", "-w", "net.ipv4.ip_local_port_range=40000 40003"])
        with host.enter():
            for port in (40000, 40001, 40002):
                taken = undo.enter_context(socket.socket(socket.AF_INET6, socket.SOCK_DGRAM))
                taken.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                taken.bind(("::", port))
            with closing(udp.open_pair(0, 0)) as pair:
                assert pair.port == 40003
                before = _descriptors()
                with pytest.raises(OSError, match="in use"):
                    udp.open_pair(0, 0)
                assert _descriptors() == before

    @pytest.mark.root
    def test_a_privileged_port_needs_rights(self, host: Namespace) -> None:
        program = "from wiresnake.host import privileges, udp; privileges.drop_all()\n"
        program += "try: udp.open_pair(443, 0)\nexcept PermissionError: print('refused')"
        assert host.run([sys.executable, "-c", program]).stdout == "refused\n"


class TestOptions:
    def test_neither_blocks_nor_is_inherited(self, pair: UdpPair) -> None:
        for one in pair.sockets():
            assert not one.getblocking()
            assert not one.get_inheritable()
            with pytest.raises(BlockingIOError):
                one.recv(1)

    def test_large_trains_fit(self, pair: UdpPair) -> None:
        for one in pair.sockets():
            for name in (socket.SO_RCVBUF, socket.SO_SNDBUF):
                assert one.getsockopt(socket.SOL_SOCKET, name) > 65536

    @pytest.mark.root
    def test_with_rights_buffers_pass_the_limit(self, pair: UdpPair) -> None:
        for one in pair.sockets():
            for name in (socket.SO_RCVBUF, socket.SO_SNDBUF):
                assert one.getsockopt(socket.SOL_SOCKET, name) == 2 * udp.BUFFER_SIZE

    def test_datagrams_may_be_fragmented(self, pair: UdpPair) -> None:
        assert _option(pair.v4, socket.IPPROTO_IP, udp._IP_MTU_DISCOVER) == 0
        assert _option(pair.v6, socket.IPPROTO_IPV6, udp._IPV6_MTU_DISCOVER) == 0

    def test_families_are_apart(self, pair: UdpPair) -> None:
        assert _option(pair.v6, socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 1

    def test_segmentation_is_known_to_this_kernel(self, pair: UdpPair) -> None:
        v4, v6 = _both(pair)
        assert udp.can_segment(v4)
        assert udp.can_segment(v6)

    def test_segmentation_is_not_for_tcp(self) -> None:
        with socket.socket() as stream:
            assert not udp.can_segment(stream)

    def test_close_may_be_repeated(self) -> None:
        pair = udp.open_pair(0, 0)
        pair.close()
        pair.close()
        assert all(one.fileno() == -1 for one in pair.sockets())

    @pytest.mark.parametrize(
        ("release", "sound"),
        [("5.11.22-generic", False), ("4.19", False), ("5.12.0", True), ("6.1", True),
         ("10.0-rc1", True), ("unknown", False)],
    )  # fmt: skip
    def test_gro_is_left_off_where_it_mangles(self, release: str, sound: bool) -> None:
        assert udp._gro_is_sound(release) == sound


class TestArrival:
    """What a datagram brings along, on a loopback."""

    def test_ipv4_tells_destination_and_traffic_class(self, pair: UdpPair) -> None:
        v4, _ = _both(pair)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 0x88 | 1)
            sender.sendto(b"hello", ("127.0.0.7", pair.port))
        told = self._ancillary(v4, b"hello")
        interface, _, destination = struct.unpack("=i4s4s", told[socket.IPPROTO_IP, 8])
        assert destination == bytes([127, 0, 0, 7])
        assert interface == socket.if_nametoindex("lo")
        assert told[socket.IPPROTO_IP, socket.IP_TOS][0] == 0x89

    def test_ipv6_tells_destination_and_traffic_class(self, pair: UdpPair) -> None:
        _, v6 = _both(pair)
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sender:
            sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, 0x88 | 2)
            sender.sendto(b"hello", ("::1", pair.port))
        told = self._ancillary(v6, b"hello")
        packed, interface = struct.unpack("=16si", told[socket.IPPROTO_IPV6, socket.IPV6_PKTINFO])
        assert packed == socket.inet_pton(socket.AF_INET6, "::1")
        assert interface == socket.if_nametoindex("lo")
        (traffic_class,) = struct.unpack("=i", told[socket.IPPROTO_IPV6, socket.IPV6_TCLASS])
        assert traffic_class == 0x8A

    def test_trains_arrive_as_trains(self, pair: UdpPair) -> None:
        v4, _ = _both(pair)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.connect(("127.0.0.1", pair.port))
            sender.sendmsg([b"x" * 250], [(udp._SOL_UDP, udp._UDP_SEGMENT, struct.pack("=H", 100))])
        told = self._ancillary(v4, b"x" * 250)
        assert struct.unpack_from("=H", told[udp._SOL_UDP, udp._UDP_GRO]) == (100,)

    def _ancillary(self, one: socket.socket, wanted: bytes) -> dict[tuple[int, int], bytes]:
        received, ancillary, _, _ = one.recvmsg(65536, 256)
        assert received == wanted
        return {(level, kind): value for level, kind, value in ancillary}


class TestFamilies:
    @pytest.mark.parametrize("number", [errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL])
    @pytest.mark.parametrize("missing", [socket.AF_INET, socket.AF_INET6])
    def test_either_may_be_missing(
        self, monkeypatch: pytest.MonkeyPatch, missing: socket.AddressFamily, number: int
    ) -> None:
        _take_away(monkeypatch, {missing}, number)
        with closing(udp.open_pair(0, 0)) as pair:
            assert (pair.v4 is None) == (missing == socket.AF_INET)
            assert (pair.v6 is None) == (missing == socket.AF_INET6)
            (one,) = pair.sockets()
            assert pair.port == one.getsockname()[1]

    def test_both_missing_is_an_error(self, monkeypatch: pytest.MonkeyPatch) -> None:
        _take_away(monkeypatch, {socket.AF_INET, socket.AF_INET6}, errno.EAFNOSUPPORT)
        with pytest.raises(OSError, match="neither IPv4 nor IPv6") as raised:
            udp.open_pair(0, 0)
        assert raised.value.errno == errno.EAFNOSUPPORT

    @pytest.mark.root
    def test_ipv6_turned_off_leaves_ipv4_at_work(self, host: Namespace) -> None:
        host.run(["sysctl", "-w", "net.ipv6.conf.all.disable_ipv6=1"])
        with host.enter(), closing(udp.open_pair(0, 0)) as pair:
            assert pair.v4 is not None
            pair.v4.sendto(b"hello", ("127.0.0.1", pair.port))
            assert pair.v4.recv(10) == b"hello"


def _take_away(
    monkeypatch: pytest.MonkeyPatch, families: set[socket.AddressFamily], number: int
) -> None:
    real = socket.socket

    def open_unless_missing(family: int, *rest: int) -> socket.socket:
        if family in families:
            raise OSError(number, os.strerror(number))
        return real(family, *rest)

    monkeypatch.setattr(socket, "socket", open_unless_missing)


@pytest.mark.root
class TestMark:
    def _marks(self, pair: UdpPair) -> list[int]:
        marks = [_option(one, socket.SOL_SOCKET, socket.SO_MARK) for one in _both(pair)]
        return [mark & 0xFFFFFFFF for mark in marks]

    def test_is_set_at_once_and_changed_later(self, undo: ExitStack) -> None:
        pair = undo.enter_context(closing(udp.open_pair(0, 0xCA6C)))
        assert self._marks(pair) == [0xCA6C, 0xCA6C]
        for mark in (0xFFFFFFFF, 1, 0x80000000, 0):
            udp.set_mark(pair, mark)
            assert self._marks(pair) == [mark, mark]

    def test_needs_rights(self, host: Namespace) -> None:
        program = (
            "from wiresnake.host import privileges, udp; privileges.drop_all()\n"
            "udp.open_pair(0, 0).close()\n"
            "try: udp.open_pair(0, 7)\n"
            "except PermissionError: print('refused')\n"
        )
        assert host.run([sys.executable, "-c", program]).stdout == "refused\n"


@pytest.mark.root
@pytest.mark.parametrize("address", ["192.0.2.2", "2001:db8::2"])
def test_what_exceeds_the_cable_still_crosses_it(address: str, undo: ExitStack) -> None:
    left, right = undo.enter_context(two_hosts())
    with left.enter():
        ours = undo.enter_context(closing(udp.open_pair(0, 0)))
    with right.enter():
        theirs = undo.enter_context(closing(udp.open_pair(0, 0)))
    sender, receiver = (ours.v6, theirs.v6) if ":" in address else (ours.v4, theirs.v4)
    assert sender is not None
    assert receiver is not None
    receiver.settimeout(5)
    sender.sendto(b"x" * 8000, (address, theirs.port))
    assert len(receiver.recv(65536)) == 8000
