"""The real wg-quick, which starts the daemon where the kernel has no WireGuard of its own."""

import os
from pathlib import Path

import pytest

from wiresnake.daemon.doorstep import socket_path
from wiresnake.values.keys import PrivateKey

pytestmark = [
    pytest.mark.root,
    pytest.mark.needs("wg", "wg-quick", "ping", "bash", "nft"),
    pytest.mark.skipif(
        Path("/sys/module/wireguard").exists(), reason="wg-quick would take the kernel's WireGuard"
    ),
]


def wg_quick(place, verb, config):
    environment = {**os.environ, "WG_QUICK_USERSPACE_IMPLEMENTATION": place.program}
    return place.host.run(["wg-quick", verb, str(config)], env=environment)


def ways(place):
    """Return the rules and routes of both families, as text to compare."""
    return [
        place.host.ip(family, *words)
        for family in ("-4", "-6")
        for words in (("rule",), ("route", "show", "table", "all"))
    ]


@pytest.fixture
def far_end(place):
    """Start what is to answer at 127.0.0.1:5002 for 10.89.0.2 and fd89::2."""
    daemon = place.start("far")
    daemon.up()
    return daemon


@pytest.mark.parametrize(
    "allowed", ["10.89.0.2/32, fd89::2/128", "0.0.0.0/0, ::/0"], ids=["one host", "everything"]
)
def test_up_and_down(place, far_end, until, allowed):
    keys = [PrivateKey.generate(os.urandom(32)) for _ in range(2)]
    far_end.wg("set", "private-key", "/dev/stdin", "listen-port", "5002", text=keys[1].to_base64())
    far_end.wg("set", "peer", str(keys[0].public), "allowed-ips", "10.89.0.1/32,fd89::1/128")
    config = place.tmp / "wg0.conf"
    config.write_text(
        f"[Interface]\nPrivateKey = {keys[0].to_base64()}\nAddress = 10.89.0.1/24, fd89::1/64\n"
        f"[Peer]\nPublicKey = {keys[1].public}\nAllowedIPs = {allowed}\n"
        "Endpoint = 127.0.0.1:5002\nPersistentKeepalive = 25\n"
    )
    config.chmod(0o600)
    before = ways(place)

    wg_quick(place, "up", config)
    until(lambda: not far_end.wg("show", "latest-handshakes").endswith("\t0\n"))
    mark = place.host.run(["wg", "show", "wg0", "fwmark"]).stdout
    assert (mark != "off\n") == ("0.0.0.0/0" in allowed)

    wg_quick(place, "down", config)
    until(lambda: set(place.host.inhabitants()) == set(far_end.family))
    assert not place.host.path(str(socket_path("wg0"))).exists()
    assert ways(place) == before
