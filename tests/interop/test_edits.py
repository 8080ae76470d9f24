"""`wg set` and `wg syncconf` on a tunnel that carries traffic: the session goes on."""

import socket
import time
from collections.abc import Callable, Iterator

import pytest

from bench.lab.programs import Program
from bench.lab.traffic import CountedDatagrams, StreamInFlight, reaches
from bench.lab.tunnels import End, Tunnel, endpoint, new_key, new_preshared_key

pytestmark = [pytest.mark.root, pytest.mark.needs("wg", "wireguard-go")]
MEGABYTE = 1 << 20


@pytest.fixture
def flowing(fresh: Tunnel) -> Iterator[tuple[Tunnel, StreamInFlight]]:
    """Make a tunnel, and a stream from left to right that has just begun."""
    reaches(fresh.left.host, fresh.right.inner(4))
    flow = StreamInFlight(fresh.left.host, fresh.right.host, fresh.right.inner(4))
    try:
        flow.wait_for_more(MEGABYTE)
        yield fresh, flow
    finally:
        flow.stop()


def ends_of(tunnel: Tunnel, subject: Program) -> list[tuple[End, End]]:
    """Return each end that the subject serves, with the end opposite."""
    both = [(tunnel.left, tunnel.right), (tunnel.right, tunnel.left)]
    return [(end, opposite) for end, opposite in both if end.program == subject]


def handshakes(tunnel: Tunnel) -> tuple[int, int]:
    return tunnel.left.last_handshake(), tunnel.right.last_handshake()


def another_port(_: Tunnel, end: End, opposite: End) -> None:
    end.set("listen-port", str(51900 + end.side))
    address = end.endpoint.rpartition(":")[0]
    opposite.set("peer", end.public_key, "endpoint", f"{address}:{51900 + end.side}")


def another_preshared_key(_: Tunnel, end: End, opposite: End) -> None:
    end.set("peer", opposite.public_key, "preshared-key", "/dev/stdin", text=new_preshared_key())


def more_peers(_: Tunnel, end: End, opposite: End) -> None:
    stranger = str(new_key().public)
    end.set("peer", stranger, "allowed-ips", "10.77.3.0/24,fd77:3::/64")
    end.set("peer", stranger, "allowed-ips", "")
    end.set("peer", stranger, "remove")


def other_allowed_ips(_: Tunnel, end: End, opposite: End) -> None:
    kept = f"{opposite.inner(4)}/32,{opposite.inner(6)}/128"
    end.set("peer", opposite.public_key, "allowed-ips", f"{kept},10.80.0.0/16")


def the_same_endpoint_and_key_again(_: Tunnel, end: End, opposite: End) -> None:
    end.set("private-key", "/dev/stdin", text=end.key.to_base64())
    end.set("peer", opposite.public_key, "endpoint", opposite.endpoint)


def a_firewall_mark(_: Tunnel, end: End, opposite: End) -> None:
    end.set("fwmark", "0xca6c")
    end.set("fwmark", "off")


def keepalives(_: Tunnel, end: End, opposite: End) -> None:
    end.set("peer", opposite.public_key, "persistent-keepalive", "25")


def the_same_file_by_syncconf(tunnel: Tunnel, end: End, opposite: End) -> None:
    end.setconf(tunnel.config(end), "syncconf")


EDITS = [
    another_port,
    another_preshared_key,
    more_peers,
    other_allowed_ips,
    the_same_endpoint_and_key_again,
    a_firewall_mark,
    keepalives,
    the_same_file_by_syncconf,
]


def test_edits_leave_the_session_and_the_stream_alone(
    flowing: tuple[Tunnel, StreamInFlight], subject: Program
) -> None:
    tunnel, flow = flowing
    before = handshakes(tunnel)
    for edit in EDITS:
        for end, opposite in ends_of(tunnel, subject):
            edit(tunnel, end, opposite)
        flow.wait_for_more(MEGABYTE)
        assert handshakes(tunnel) == before, edit.__name__
    assert flow.stop().intact
    assert handshakes(tunnel) == before


@pytest.mark.parametrize(
    "edit", [more_peers, other_allowed_ips, the_same_file_by_syncconf, keepalives]
)
def test_edits_lose_no_packet(
    fresh: Tunnel, subject: Program, edit: Callable[[Tunnel, End, End], None]
) -> None:
    reaches(fresh.left.host, fresh.right.inner(4))
    for end, opposite in ends_of(fresh, subject):
        with (
            CountedDatagrams(end.host, opposite.host, opposite.inner(4), rate=500) as out,
            CountedDatagrams(opposite.host, end.host, end.inner(4), rate=500) as back,
        ):
            for _ in range(3):
                edit(fresh, end, opposite)
            assert out.arrived
            assert back.arrived
            assert (out.finish().missing, back.finish().missing) == ([], [])


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_new_private_key_in_mid_stream(flowing: tuple[Tunnel, StreamInFlight], side: str) -> None:
    tunnel, flow = flowing
    changed = tunnel.left if side == "left" else tunnel.right
    other = tunnel.right if side == "left" else tunnel.left
    old, changed.key = changed.public_key, new_key()
    other.set(
        "peer", changed.public_key, "endpoint", changed.endpoint,
        "allowed-ips", f"{changed.inner(4)}/32,{changed.inner(6)}/128", "peer", old, "remove",
    )  # fmt: skip
    changed.set("private-key", "/dev/stdin", text=changed.key.to_base64())
    flow.wait_for_more(10 * MEGABYTE)
    assert flow.stop().intact
    assert other.show("peers").split() == [changed.public_key]


def test_a_peer_taken_away_and_given_back_in_mid_stream(
    flowing: tuple[Tunnel, StreamInFlight],
) -> None:
    tunnel, flow = flowing
    left, right = tunnel.left, tunnel.right
    left.set("peer", right.public_key, "remove")
    right.set("peer", left.public_key, "remove")
    left.setconf(tunnel.config(left), "addconf")
    right.setconf(tunnel.config(right), "addconf")
    flow.wait_for_more(10 * MEGABYTE)
    assert flow.stop().intact


def test_a_peer_that_syncconf_leaves_out_is_gone(fresh: Tunnel) -> None:
    left, right = fresh.left, fresh.right
    stranger = str(new_key().public)
    left.set("peer", stranger, "allowed-ips", "10.77.3.0/24")
    assert stranger in left.show("peers")
    left.setconf(fresh.config(left), "syncconf")
    assert left.show("peers").split() == [right.public_key]


def test_a_keepalive_switched_on_is_sent_at_once_and_again(fresh: Tunnel) -> None:
    left, right = fresh.left, fresh.right
    reaches(left.host, right.inner(4))
    before = right.transfer()[0]
    left.set("peer", right.public_key, "persistent-keepalive", "1")
    began = time.monotonic()
    while right.transfer()[0] < before + 32:
        assert time.monotonic() - began < 0.5
        time.sleep(0.01)
    while right.transfer()[0] < before + 3 * 32:
        assert time.monotonic() - began < 4
        time.sleep(0.05)


def test_a_port_in_use_changes_nothing(fresh: Tunnel) -> None:
    left, right = fresh.left, fresh.right
    reaches(left.host, right.inner(4))
    with left.host.socket(socket.AF_INET, socket.SOCK_DGRAM) as squatter:
        squatter.bind(("0.0.0.0", 51999))
        left.host.call("wg", "set", left.interface, "listen-port", "51999", check=False)
        if left.program.name == "wiresnake":
            assert left.show("listen-port").strip() == "51820"
            reaches(left.host, right.inner(4))


def test_what_was_set_is_shown(fresh: Tunnel) -> None:
    left, right = fresh.left, fresh.right
    preshared = new_preshared_key()
    left.set("fwmark", "0x1234", "peer", right.public_key, "preshared-key", "/dev/stdin",
             "endpoint", endpoint("2001:db8::2", 4242), "persistent-keepalive", "17",
             text=preshared)  # fmt: skip
    interface, peer = left.show("dump").strip().split("\n")
    assert interface.split("\t") == [
        left.key.to_base64(), left.public_key, "51820", "0x1234",
    ]  # fmt: skip
    shown = peer.split("\t")
    assert shown[:3] == [right.public_key, preshared, "[2001:db8::2]:4242"]
    assert set(shown[3].split(",")) == {"10.77.0.2/32", "fd77::2/128"}
    assert (shown[4], shown[5], shown[7]) == ("0", "0", "17")
