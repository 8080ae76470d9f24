"""Reading netlink messages, good and bad."""

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiresnake.host import netlink
from wiresnake.host.namespaces import Namespace

_attribute = st.tuples(st.integers(0, 0x3FFF), st.binary(max_size=40))


def _pack_message(kind: int, sequence: int, body: bytes) -> bytes:
    header = struct.pack("=IHHII", 16 + len(body), kind, 0, sequence, 0)
    return header + body + bytes(-len(body) % 4)


def _pack_link(family: int, index: int, flags: int, *attributes: tuple[int, bytes]) -> bytes:
    packed = b"".join(netlink.attribute(kind, value) for kind, value in attributes)
    return struct.pack("=BxHiII", family, 0, index, flags, 0) + packed


class TestParsing:
    @given(st.lists(_attribute))
    def test_attributes_come_back_as_they_were_packed(
        self, wanted: list[tuple[int, bytes]]
    ) -> None:
        body = bytes(4) + b"".join(netlink.attribute(kind, value) for kind, value in wanted)
        assert len(body) % 4 == 0
        found = netlink.attributes(memoryview(body), 4)
        assert [(kind, bytes(value)) for kind, value in found] == wanted

    @given(st.lists(st.tuples(st.integers(0, 65535), st.integers(0, 2**32 - 1), st.binary())))
    def test_messages_come_back_as_they_were_packed(
        self, wanted: list[tuple[int, int, bytes]]
    ) -> None:
        received = b"".join(_pack_message(*message) for message in wanted)
        found = netlink.messages(memoryview(received))
        assert [(kind, sequence, bytes(body)) for kind, sequence, body in found] == wanted

    @given(st.binary(max_size=200))
    def test_garbage_ends_the_reading_and_nothing_else(self, garbage: bytes) -> None:
        for _, _, body in netlink.messages(memoryview(garbage)):
            netlink.parse_link(body)
            netlink.parse_namespace_id(body)
        list(netlink.attributes(memoryview(garbage), 0))
        link = netlink.parse_link(memoryview(garbage))
        assert link is None or len(garbage) >= 16

    @given(st.binary(max_size=64), st.integers(0, 64))
    def test_a_truncated_link_is_read_as_far_as_it_goes(self, name: bytes, cut: int) -> None:
        whole = _pack_link(0, 7, 1, (4, struct.pack("=I", 1420)), (3, name))
        link = netlink.parse_link(memoryview(whole)[: len(whole) - cut])
        assert link is None or (link.index == 7 and link.mtu in {0, 1420})

    def test_a_link_has_index_flags_and_mtu(self) -> None:
        body = _pack_link(0, 7, 0x1043, (3, b"wg0\0"), (4, struct.pack("=I", 34736)))
        assert netlink.parse_link(memoryview(body)) == netlink.Link(7, 0x1043, 34736)

    def test_a_short_mtu_attribute_is_no_mtu(self) -> None:
        body = _pack_link(0, 7, 1, (4, b"\1"))
        assert netlink.parse_link(memoryview(body)) == netlink.Link(7, 1, 0)

    @pytest.mark.parametrize("family", [socket.AF_INET6, 7])
    def test_a_link_message_of_another_family_is_not_about_the_link(self, family: int) -> None:
        assert netlink.parse_link(memoryview(_pack_link(family, 7, 1))) is None


class TestRequests:
    def test_the_loopback_is_there(self) -> None:
        requests = netlink.Requests()
        try:
            link = requests.link("lo", None)
        finally:
            requests.close()
        assert link.index == socket.if_nametoindex("lo")
        assert link.mtu > 0

    def test_an_unknown_link_is_an_error(self) -> None:
        requests = netlink.Requests()
        try:
            with pytest.raises(OSError, match="No such device"):
                requests.link("nowhere", None)
            assert requests.link("lo", None).index
        finally:
            requests.close()

    @pytest.mark.root
    def test_a_namespace_keeps_the_id_it_was_given(
        self, host: Namespace, elsewhere: Namespace
    ) -> None:
        with host.enter():
            requests = netlink.Requests()
        try:
            with open(f"/proc/{elsewhere.pid}/ns/net") as other:
                first = requests.namespace_id(other.fileno())
                assert first >= 0
                assert requests.namespace_id(other.fileno()) == first
            assert requests.link("lo", first).index == 1
            with pytest.raises(OSError, match=r"."):
                requests.link("lo", first + 1)
        finally:
            requests.close()
