"""Which local addresses still serve toward a peer, asked of a real kernel."""

import socket

import pytest

from wiresnake.host.namespaces import Namespace, two_hosts
from wiresnake.host.sources import Sources
from wiresnake.values.addresses import pack_address

pytestmark = [pytest.mark.root, pytest.mark.needs("ip")]

HERE, THERE = pack_address("192.0.2.1"), pack_address("192.0.2.2")


def index_of(host: Namespace, name: str) -> int:
    with host.enter():
        return socket.if_nametoindex(name)


def test_a_source_serves_while_it_is_local_and_the_route_leaves_by_its_interface() -> None:
    with two_hosts() as (left, _):
        with left.enter():
            sources = Sources()
        cable = index_of(left, "eth0")
        assert sources.serves(HERE, cable, THERE, 0)
        assert not sources.serves(HERE, cable + 7, THERE, 0)
        assert not sources.serves(pack_address("192.0.2.77"), cable, THERE, 0)

        left.ip("link", "add", "other", "type", "veth", "peer", "name", "far")
        left.ip("link", "set", "far", "up")
        left.ip("link", "set", "other", "up")
        assert sources.serves(HERE, cable, THERE, 0)
        left.ip("route", "add", "192.0.2.2/32", "dev", "other", "table", "77")
        left.ip("rule", "add", "fwmark", "5", "table", "77")
        assert sources.serves(HERE, cable, THERE, 0)
        assert not sources.serves(HERE, cable, THERE, 5)

        left.ip("address", "del", "192.0.2.1/24", "dev", "eth0")
        assert not sources.serves(HERE, cable, THERE, 0)
        sources.close()
        sources.close()


def test_an_ipv6_source_is_left_to_its_socket() -> None:
    with two_hosts() as (left, _):
        with left.enter():
            sources = Sources()
        assert sources.serves(pack_address("2001:db8::77"), 99, pack_address("2001:db8::2"), 0)
        sources.close()
