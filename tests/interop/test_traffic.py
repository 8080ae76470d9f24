"""What a tunnel is for: packets of both families and every size, over either outer family."""

import subprocess
from collections.abc import Iterator

import pytest

from bench.lab.programs import Program
from bench.lab.traffic import CountedDatagrams, StreamInFlight, ping, reaches, stream
from bench.lab.tunnels import Tunnel, new_preshared_key, tunnel

pytestmark = [pytest.mark.root, pytest.mark.needs("wg", "wireguard-go", "ping")]
MEGABYTE = 1 << 20
IP_HEADERS = {4: 28, 6: 48}  # with the eight bytes of ICMP


@pytest.fixture(scope="module", params=["4", "6 with PSK"])
def live(request: pytest.FixtureRequest, pair: tuple[Program, Program]) -> Iterator[Tunnel]:
    family = int(request.param[0])
    preshared = new_preshared_key() if "PSK" in request.param else ""
    with tunnel(*pair, family=family, preshared=preshared) as made:
        reaches(made.left.host, made.right.inner(4), within=8)
        yield made


@pytest.mark.parametrize("family", [4, 6])
def test_pings_come_back_both_ways(live: Tunnel, family: int) -> None:
    for here, there in ((live.left, live.right), (live.right, live.left)):
        assert len(ping(here.host, there.inner(family), count=5, interval=0.01)) == 5


@pytest.mark.parametrize("family", [4, 6])
def test_a_stream_arrives_intact_both_ways(live: Tunnel, family: int) -> None:
    for here, there in ((live.left, live.right), (live.right, live.left)):
        assert stream(here.host, there.host, there.inner(family), 20 * MEGABYTE).intact


@pytest.mark.parametrize("family", [4, 6])
def test_two_streams_that_meet_arrive_intact(live: Tunnel, family: int) -> None:
    flows = [
        StreamInFlight(here.host, there.host, there.inner(family), 10 * MEGABYTE)
        for here, there in ((live.left, live.right), (live.right, live.left))
    ]
    ended = [flow.finish() for flow in flows]
    assert all(flow.intact for flow in ended)


@pytest.mark.parametrize("family", [4, 6])
def test_datagrams_of_a_steady_flow_all_arrive_once(live: Tunnel, family: int) -> None:
    left, right = live.left, live.right
    with CountedDatagrams(left.host, right.host, right.inner(family), rate=1000) as flow:
        reaches(right.host, left.inner(family))
        while flow.arrived < 500:
            reaches(right.host, left.inner(family))
        count = flow.finish()
    assert (count.missing, count.again) == ([], [])


@pytest.mark.parametrize("family", [4, 6])
def test_packets_of_the_full_mtu_pass_undivided(live: Tunnel, family: int) -> None:
    left, right = live.left, live.right
    full = 1420 - IP_HEADERS[family]
    assert ping(left.host, right.inner(family), size=full, whole=True)
    assert ping(right.host, left.inner(family), size=full, whole=True)


def test_the_mtu_may_grow_to_34736_and_shrink_again(live: Tunnel) -> None:
    left, right = live.left, live.right
    try:
        for mtu in (34736, 1420):
            for end in (left, right):
                end.set_mtu(mtu)
            for family in (4, 6):
                full = mtu - IP_HEADERS[family]
                assert ping(left.host, right.inner(family), size=full, whole=True)
                assert ping(right.host, left.inner(family), size=full, whole=True)
                assert stream(left.host, right.host, right.inner(family), 10 * MEGABYTE).intact
                assert stream(right.host, left.host, left.inner(family), 10 * MEGABYTE).intact
    finally:
        for end in (left, right):
            end.set_mtu(1420)


def test_both_ends_count_what_went_through(live: Tunnel) -> None:
    left, right = live.left, live.right
    before = right.transfer()[0]
    assert stream(left.host, right.host, right.inner(4), MEGABYTE).intact
    reaches(right.host, left.inner(4))
    arrived = right.transfer()[0] - before
    assert MEGABYTE < arrived < 1.2 * MEGABYTE
    assert left.last_handshake() > 0
    assert right.last_handshake() > 0


def test_an_address_of_nobody_is_answered_as_unreachable(live: Tunnel, subject: Program) -> None:
    end = live.left if live.left.program == subject else live.right
    for family, nobody, route in ((4, "10.77.9.9", "10.77.9.0/24"), (6, "fd99::9", "fd99::/64")):
        end.host.ip("route", "replace", route, "dev", end.interface)
        said = end.host.call("ping", f"-{family}", "-c1", "-W2", nobody, check=False)
        assert "nreachable" in said, said


def test_ends_with_different_preshared_keys_stay_apart(pair: tuple[Program, Program]) -> None:
    with tunnel(*pair, preshared=new_preshared_key()) as made:
        made.right.set(
            "peer", made.left.public_key, "preshared-key", "/dev/stdin", text=new_preshared_key()
        )
        with pytest.raises(TimeoutError):
            reaches(made.left.host, made.right.inner(4), within=1.5)
        assert made.left.last_handshake() == 0
        made.right.set(
            "peer", made.left.public_key, "preshared-key", "/dev/stdin", text=made.preshared
        )
        reaches(made.left.host, made.right.inner(4), within=7)


def test_a_second_daemon_for_a_live_name_is_refused(live: Tunnel, subject: Program) -> None:
    end = live.left if live.left.program == subject else live.right
    with pytest.raises(subprocess.CalledProcessError):
        end.host.call(*subject.argv, end.interface, limit=15)
    reaches(live.left.host, live.right.inner(4))
