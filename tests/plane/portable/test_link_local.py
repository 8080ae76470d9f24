"""A link-local endpoint keeps the interface by which it was heard."""

import os
import select
import socket

import pytest

from wiresnake.host.namespaces import two_hosts
from wiresnake.host.udp import open_pair
from wiresnake.plane.portable.counters import fresh_counters
from wiresnake.plane.portable.wire import UdpWire
from wiresnake.values.addresses import Endpoint, pack_address


@pytest.mark.root
def test_a_peer_at_a_link_local_address_is_answered_where_it_was_heard():
    with two_hosts() as (left, right), select.epoll() as poller:
        left.ip("address", "add", "fe80::a/64", "dev", "eth0", "nodad")
        right.ip("address", "add", "fe80::b/64", "dev", "eth0", "nodad")
        with left.enter():
            ours, here = open_pair(0, 0), socket.if_nametoindex("eth0")
        with right.enter():
            theirs, there = open_pair(0, 0), socket.if_nametoindex("eth0")
        assert ours.v6 is not None
        assert theirs.v6 is not None
        theirs.v6.settimeout(5)
        wire = UdpWire(fresh_counters(), poller)
        try:
            wire.replace(None, os.dup(ours.v6.fileno()))
            theirs.v6.sendto(b"hello", ("fe80::a", ours.port, 0, there))
            [(fd, _)] = poller.poll(5)
            arrival = wire.receive(wire.by_fileno[fd], [bytearray(100)])
            assert arrival is not None
            _, _, way, _ = arrival
            assert way.endpoint == Endpoint(pack_address("fe80::b"), theirs.port, here)
            assert wire.send(way, b"back", 4, 0) == 4
            answer, (address, *_) = theirs.v6.recvfrom(100)
            assert (answer, address) == (b"back", "fe80::a")
        finally:
            wire.replace(None, None)
            ours.close()
            theirs.close()
