"""Which way packets would go, and what becomes of a datagram."""

import errno
import socket
from collections.abc import Iterator

import pytest

from bench.lab.hosts import Host, cable
from wiresnake.host import masquerade, ways
from wiresnake.host.netlink import Requests
from wiresnake.values.addresses import Endpoint, pack_address

pytestmark = pytest.mark.root


@pytest.fixture
def hosts() -> Iterator[tuple[Host, Host]]:
    with Host("left") as left, Host("right") as right:
        cable(left, right, ["192.0.2.1/24", "2001:db8::1/64"], ["192.0.2.2/24", "2001:db8::2/64"])
        yield left, right


def leaving_by(host: Host, address: str, mark: int = 0) -> str:
    with host.enter(), Requests() as requests:
        index = ways.leaving_by(requests, pack_address(address), mark)
        return socket.if_indextoname(index) if index else ""


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("192.0.2.2", "eth0"), ("2001:db8::2", "eth0"), ("198.51.100.1", ""), ("2001:db8:1::", ""),
        ("192.0.2.1", "lo"), ("127.0.0.1", "lo"), ("::1", "lo"),
    ],
)  # fmt: skip
def test_a_way(hosts, address: str, expected: str) -> None:
    assert leaving_by(hosts[0], address) == expected


def test_a_mark_may_have_a_way_of_its_own(hosts) -> None:
    left, _ = hosts
    left.ip("route", "add", "unreachable", "default", "table", "77")
    left.ip("rule", "add", "fwmark", "7", "table", "77")
    assert leaving_by(left, "192.0.2.2") == "eth0"
    assert leaving_by(left, "192.0.2.2", mark=7) == ""


def obstacle(host: Host, endpoint: str) -> int:
    with host.enter():
        return ways.obstacle_to(Endpoint.parse(endpoint), 0, 0.3)


@pytest.mark.parametrize("address", ["192.0.2.2", "[2001:db8::2]"])
def test_nobody_there(hosts, address: str) -> None:
    assert obstacle(hosts[0], f"{address}:7") == errno.ECONNREFUSED


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_somebody_there_who_is_silent(hosts, family: int) -> None:
    with hosts[1].socket(family, socket.SOCK_DGRAM) as listening:
        listening.bind(("", 7))
        address = "192.0.2.2" if family == socket.AF_INET else "[2001:db8::2]"
        assert obstacle(hosts[0], f"{address}:7") == 0
        assert listening.recv(10) == b"\0"


def test_no_way(hosts) -> None:
    assert obstacle(hosts[0], "198.51.100.1:7") == errno.ENETUNREACH


@pytest.mark.needs("nft")
def test_a_firewall_of_ours(hosts) -> None:
    chain = "chain one { type filter hook output priority 0; udp dport 7 drop; }"
    hosts[0].call("nft", f"table inet fault {{ {chain}; }}")
    assert obstacle(hosts[0], "192.0.2.2:7") == errno.EPERM


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_a_port_is_taken_in_either_family(hosts, family: int) -> None:
    with hosts[0].enter():
        assert not ways.port_is_taken(5000)
        with socket.socket(family, socket.SOCK_DGRAM) as taken:
            taken.bind(("", 5000))
            assert ways.port_is_taken(5000)
        assert not ways.port_is_taken(5000)


@pytest.mark.needs("nft")
@pytest.mark.parametrize("rule", ["masquerade", "snat to 192.0.2.1"])
def test_a_host_that_masquerades(hosts, rule: str) -> None:
    with hosts[0].enter():
        assert masquerade.is_on() is False
    chain = f"chain gate {{ type nat hook postrouting priority 100; {rule}; }}"
    hosts[0].call("nft", f"table ip masquerades {{ {chain}; }}")
    with hosts[0].enter():
        assert masquerade.is_on() is True


def test_without_a_firewall_nobody_knows(monkeypatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert masquerade.is_on() is None
