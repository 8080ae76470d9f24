"""Pings of a given size between two hosts."""

from collections.abc import Iterator

import pytest

from bench.lab.hosts import Host, cable
from wiresnake.host.echo import IP_HEADER, Pinger, largest_whole
from wiresnake.values.addresses import pack_address

pytestmark = pytest.mark.root
FAR = {4: "192.0.2.2", 6: "2001:db8::2"}


@pytest.fixture
def hosts() -> Iterator[tuple[Host, Host]]:
    with Host("left") as left, Host("right") as right:
        cable(left, right, ["192.0.2.1/24", "2001:db8::1/64"], ["192.0.2.2/24", "2001:db8::2/64"])
        yield left, right


def pinger(host: Host, address: str) -> Pinger:
    with host.enter():
        return Pinger("eth0", pack_address(address))


@pytest.mark.parametrize("family", FAR)
@pytest.mark.parametrize("size", [0, 100, 1499, 1500])
def test_an_answer_tells_the_size_of_its_question(hosts, family: int, size: int) -> None:
    with pinger(hosts[0], FAR[family]) as pings:
        pings.send(size)
        assert pings.heard(2.0) == [size]
        assert pings.heard(0.0) == []


@pytest.mark.parametrize("family", FAR)
def test_what_the_host_itself_refuses_is_lost(hosts, family: int) -> None:
    with pinger(hosts[0], FAR[family]) as pings:
        pings.send(1501)
        assert pings.heard(0.2) == []
        pings.send(1500)
        assert pings.heard(2.0) == [1500]


def test_nobody_answers_for_an_address_that_nobody_has(hosts) -> None:
    with pinger(hosts[0], "192.0.2.99") as pings:
        pings.send()
        assert pings.heard(0.2) == []


def test_answers_to_others_are_not_ours(hosts) -> None:
    with pinger(hosts[0], FAR[4]) as ours, pinger(hosts[0], FAR[4]) as others:
        others.send(100)
        assert others.heard(2.0) == [100]
        assert ours.heard(0.0) == []


@pytest.mark.parametrize("family", FAR)
@pytest.mark.parametrize("mtu", [1300, 1400, 1500])
def test_the_largest_that_comes_back(hosts, family: int, mtu: int) -> None:
    left, right = hosts
    right.ip("link", "set", "eth0", "mtu", str(mtu))
    with pinger(left, FAR[family]) as pings:
        found = largest_whole(pings, 1500, patience=0.2)
    assert mtu - 8 < found <= min(1500, mtu + 4)  # a veth lets a VLAN's four bytes pass


def test_the_smallest_is_what_it_says(hosts) -> None:
    for family, size in ((4, 4), (6, 16)):
        with pinger(hosts[0], FAR[family]) as pings:
            assert pings.smallest == IP_HEADER[size] + 16
