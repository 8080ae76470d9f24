"""Addresses that change under a tunnel: roaming, sticky source, NAT."""

import contextlib
import time
from collections.abc import Iterator

import pytest

from bench.lab.hosts import Host, cable
from bench.lab.programs import Program
from bench.lab.traffic import CountedDatagrams, StreamInFlight, ping, reaches, stream
from bench.lab.tunnels import LENGTH, OUTER, SECOND_OUTER, End, Tunnel, endpoint, tunnel

pytestmark = [pytest.mark.root, pytest.mark.needs("wg", "wireguard-go", "ping")]
MEGABYTE = 1 << 20


@pytest.fixture(params=[4, 6])
def family(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def live(pair: tuple[Program, Program], family: int) -> Iterator[Tunnel]:
    with tunnel(*pair, family=family) as made:
        reaches(made.left.host, made.right.inner(4), within=8)
        yield made


def sees(end: End, address: str, within: float = 3) -> None:
    """Wait until ``end`` shows ``address`` as the endpoint of its only peer."""
    give_up = time.monotonic() + within
    while (shown := end.show("endpoints").split()[1]) != address:
        assert time.monotonic() < give_up, f"{shown}, not {address}"
        time.sleep(0.02)


def quiet(end: End) -> None:
    """Wait until nothing is on its way to ``end``, or from there.

    A packet that was sent before an endpoint was set, and arrives after, would move it back.
    """
    before = None
    while (counted := end.transfer()) != before:
        before = counted
        time.sleep(0.2)


def move(end: End, family: int) -> None:
    """Give ``end`` another outer address instead of the one it has."""
    length = LENGTH[family]
    end.host.ip("address", "del", f"{OUTER[family][end.side]}/{length}", "dev", "eth0")
    end.host.add_address("eth0", f"{SECOND_OUTER[family][end.side]}/{length}")


@pytest.fixture
def travelling(live: Tunnel, subject: Program) -> tuple[End, End]:
    """Return the end that travels, always the subject, whoever initiated, and the one that stays.

    The traveller sends keepalives, for a host that only listens is not found again by anyone.
    """
    left, right = live.left, live.right
    traveller, home = (left, right) if left.program == subject else (right, left)
    traveller.set("peer", home.public_key, "persistent-keepalive", "1")
    return traveller, home


@pytest.mark.parametrize("direction", ["sending", "receiving"])
def test_a_stream_survives_a_new_address_of_the_laptop(
    travelling: tuple[End, End], family: int, direction: str
) -> None:
    traveller, home = travelling
    here, there = (traveller, home) if direction == "sending" else (home, traveller)
    flow = StreamInFlight(here.host, there.host, there.inner(4))
    try:
        flow.wait_for_more(MEGABYTE)
        move(traveller, family)
        sees(home, endpoint(SECOND_OUTER[family][traveller.side]))
        flow.wait_for_more(10 * MEGABYTE, limit=10)
    finally:
        ended = flow.stop()
    assert ended.intact


@pytest.fixture
def asked_elsewhere(
    pair: tuple[Program, Program], subject: Program, family: int
) -> Iterator[tuple[End, End]]:
    """Make a tunnel whose one end, the subject, is known to the other by its second address.

    Return both ends, the subject first.
    """
    with tunnel(*pair, family=family, second_addresses=True) as made:
        end, opposite = made.right, made.left
        if end.program != subject:
            end, opposite = opposite, end
        reaches(made.left.host, made.right.inner(4), within=8)
        time.sleep(1)  # the daemons hear of the addresses that came with the links
        quiet(opposite)
        second = endpoint(SECOND_OUTER[family][end.side])
        opposite.set("peer", end.public_key, "endpoint", second)
        assert ping(opposite.host, end.inner(4))
        sees(opposite, second)
        yield end, opposite


def test_replies_come_from_the_address_that_was_asked(
    asked_elsewhere: tuple[End, End], family: int
) -> None:
    end, opposite = asked_elsewhere
    for inner in (4, 6):
        assert ping(opposite.host, end.inner(inner))
        assert ping(end.host, opposite.inner(inner))
        assert stream(end.host, opposite.host, opposite.inner(inner), 5 * MEGABYTE).intact
    sees(opposite, endpoint(SECOND_OUTER[family][end.side]))


def test_a_source_address_that_went_away_is_given_up(
    asked_elsewhere: tuple[End, End], family: int
) -> None:
    end, opposite = asked_elsewhere
    second = f"{SECOND_OUTER[family][end.side]}/{LENGTH[family]}"
    end.host.ip("address", "del", second, "dev", "eth0")
    reaches(end.host, opposite.inner(4), within=3)
    sees(opposite, endpoint(OUTER[family][end.side]))


def test_a_change_of_other_addresses_leaves_the_source_alone(
    asked_elsewhere: tuple[End, End], family: int
) -> None:
    end, opposite = asked_elsewhere
    # One way only: an answer would teach the source anew.
    with CountedDatagrams(end.host, opposite.host, opposite.inner(4), rate=20):
        end.host.add_address("lo", "198.51.100.77/32")
        time.sleep(1.5)  # long after the daemon has heard of it
        sees(opposite, endpoint(SECOND_OUTER[family][end.side]), within=0)


def test_a_tunnel_moves_to_the_other_outer_family(live: Tunnel, family: int) -> None:
    left, right = live.left, live.right
    quiet(left)
    left.set("peer", right.public_key, "endpoint", endpoint(OUTER[10 - family][1]))
    assert stream(left.host, right.host, right.inner(4), 20 * MEGABYTE).intact
    sees(right, endpoint(OUTER[10 - family][0]))
    sees(left, endpoint(OUTER[10 - family][1]))


NAT = """
table ip nat {
    chain post {
        type nat hook postrouting priority 100
        oifname "outside" masquerade
    }
}
"""


@contextlib.contextmanager
def behind_nat(left: Program, right: Program, keepalive: int) -> Iterator[tuple[Tunnel, Host]]:
    """Make a tunnel through a router whose mappings are forgotten after two seconds.

    left 10.1.0.2 --- 10.1.0.1 router 192.0.2.1 --- 192.0.2.2 right
    """
    with Host("left") as home, Host("router") as router, Host("right") as server:
        cable(home, router, ["10.1.0.2/24"], ["10.1.0.1/24"], ("eth0", "inside"))
        cable(router, server, ["192.0.2.1/24"], ["192.0.2.2/24"], ("outside", "eth0"))
        home.ip("route", "add", "default", "via", "10.1.0.1")
        forgetful = "net.netfilter.nf_conntrack_udp_timeout"
        router.sysctl({"net.ipv4.ip_forward": 1, forgetful: 2, f"{forgetful}_stream": 2})
        router.call("nft", "-f", "-", text=NAT)
        ends = End(home, left, 0, "192.0.2.1:1"), End(server, right, 1, endpoint("192.0.2.2"))
        made = Tunnel(*ends, keepalive=keepalive)
        made.right.bring_up(made.config(made.right, knows_endpoint=False))
        made.left.bring_up(made.config(made.left))
        yield made, router


@pytest.mark.needs("nft", "sysctl")
def test_keepalives_hold_a_nat_open(pair: tuple[Program, Program]) -> None:
    with behind_nat(*pair, keepalive=1) as (made, _):
        left, right = made.left, made.right
        reaches(left.host, right.inner(4))
        right.set("peer", left.public_key, "persistent-keepalive", "0")
        with CountedDatagrams(right.host, left.host, left.inner(4), rate=0.4) as flow:
            while flow.arrived < 2:
                time.sleep(0.05)
            assert flow.finish().missing == []
        flow = StreamInFlight(right.host, left.host, left.inner(4), 5 << 20)
        assert flow.finish().intact


@pytest.mark.needs("nft", "sysctl")
def test_a_forgotten_nat_mapping_is_found_again_by_the_next_packet(
    pair: tuple[Program, Program],
) -> None:
    with behind_nat(*pair, keepalive=0) as (made, router):
        left, right = made.left, made.right
        reaches(left.host, right.inner(4))
        before = right.show("endpoints").split()[1]
        router.call("nft", "flush", "ruleset")
        router.call(
            "nft",
            "-f",
            "-",
            text=NAT.replace("masquerade", "udp sport 51820 masquerade to :4000-4999"),
        )
        time.sleep(2.2)
        assert len(ping(left.host, right.inner(4), count=3)) == 3
        assert right.show("endpoints").split()[1] != before
