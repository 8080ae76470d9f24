"""The real `wg-quick`, and ours, with a daemon as what they fall back to."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.lab.hosts import Host
from bench.lab.programs import Program
from bench.lab.traffic import reaches, stream
from bench.lab.tunnels import OUTER, End, Tunnel, endpoint, two_hosts

pytestmark = [
    pytest.mark.root,
    pytest.mark.needs("wg", "wg-quick", "wireguard-go", "nft", "ping"),
    pytest.mark.skipif(
        Path("/sys/module/wireguard").exists(), reason="the kernel would serve wg-quick itself"
    ),
]
FAR = {4: "203.0.113.9", 6: "2001:db8:9::9"}


class Quick:
    """One configuration file on one host, and a `wg-quick` for it."""

    def __init__(self, called: str, host: Host, program: Program, file: Path) -> None:
        self._called = called
        self._host = host
        self._file = file
        self._environment = ["env", f"WG_QUICK_USERSPACE_IMPLEMENTATION={program.argv[0]}"]
        if "--plane" in program.argv:
            plane = program.argv[program.argv.index("--plane") + 1]
            self._environment += [f"WIRESNAKE_PLANE={plane}"]

    def __call__(self, verb: str) -> str:
        return self._host.call(*self._environment, self._called, verb, str(self._file))

    def write(self, text: str) -> None:
        self._file.write_text(text)
        self._file.chmod(0o600)


@pytest.fixture(params=["real", "ours"])
def called(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return what is called as `wg-quick`."""
    if request.param == "real":
        return "wg-quick"
    link = tmp_path / "wg-quick"
    link.symlink_to(Path(sys.executable).with_name("wiresnake"))
    return str(link)


@pytest.fixture
def ends(subject: Program, other: Program) -> Iterator[Tunnel]:
    """Make two hosts; only the right end, which has far addresses too, is up."""
    with two_hosts() as (left, right):
        made = Tunnel(
            End(left, subject, 0, endpoint(OUTER[4][0]), interface="laptop"),
            End(right, other, 1, endpoint(OUTER[4][1])),
        )
        made.right.bring_up(made.config(made.right, knows_endpoint=False))
        for far in FAR.values():
            right.add_address("lo", f"{far}/{128 if ':' in far else 32}")
        yield made


def configuration(ends: Tunnel, allowed: str) -> str:
    left, right = ends.left, ends.right
    return f"""\
[Interface]
Address = {left.inner(4)}/24, {left.inner(6)}/64
PrivateKey = {left.key.to_base64()}
PostUp = ip -brief link show %i >{left.host.path("/run")}/hook

[Peer]
PublicKey = {right.public_key}
Endpoint = {right.endpoint}
AllowedIPs = {allowed}
"""


def everything_gone(host: Host) -> bool:
    links = host.ip("-brief", "link")
    rules = host.ip("rule") + host.ip("-6", "rule")
    tables = host.call("nft", "list", "ruleset")
    return "laptop" not in links and "51820" not in rules and not tables.strip()


@pytest.mark.parametrize("round_", ["once", "again"])
def test_up_and_down(
    ends: Tunnel, subject: Program, called: str, tmp_path: Path, round_: str
) -> None:
    left, right = ends.left, ends.right
    quick = Quick(called, left.host, subject, tmp_path / "laptop.conf")
    quick.write(configuration(ends, "10.77.0.0/24, fd77::/64"))
    for _ in range(1 if round_ == "once" else 2):
        quick("up")
        assert "mtu 1420" in left.host.ip("link", "show", "laptop")
        for family in (4, 6):
            reaches(left.host, right.inner(family))
        assert left.show("peers").split() == [right.public_key]
        quick("down")
        ended(left.host)


@pytest.mark.parametrize("families", ["0.0.0.0/0", "::/0", "0.0.0.0/0, ::/0"])
def test_a_peer_that_is_the_way_to_everywhere(
    ends: Tunnel, subject: Program, called: str, tmp_path: Path, families: str
) -> None:
    left, right = ends.left, ends.right
    quick = Quick(called, left.host, subject, tmp_path / "laptop.conf")
    quick.write(configuration(ends, families))
    quick("up")
    assert left.show("fwmark").strip() == "0xca6c"
    for family, all_of_it in ((4, "0.0.0.0/0"), (6, "::/0")):
        if all_of_it in families:
            reaches(left.host, FAR[family])
            assert stream(left.host, right.host, FAR[family], 5 << 20).intact
    assert left.host.call("ping", "-c1", "-W2", "-I", "eth0", OUTER[4][1])
    quick("down")
    ended(left.host)


def ended(host: Host) -> None:
    """Wait until nothing of the tunnel is left on ``host``."""
    give_up = time.monotonic() + 5
    while host.inhabitants() or not everything_gone(host):
        assert time.monotonic() < give_up, f"left behind: {host.inhabitants()}"
        time.sleep(0.05)
    assert not host.path("/var/run/wireguard/laptop.sock").exists()


def test_a_change_of_the_file_is_taken_by_syncconf(
    ends: Tunnel, subject: Program, called: str, tmp_path: Path
) -> None:
    left, right = ends.left, ends.right
    quick = Quick(called, left.host, subject, tmp_path / "laptop.conf")
    quick.write(configuration(ends, "10.77.0.0/24, fd77::/64"))
    quick("up")
    reaches(left.host, right.inner(4))
    before = left.last_handshake()
    quick.write(configuration(ends, "10.77.0.0/16, fd77::/64"))
    left.setconf(quick("strip"), "syncconf")
    assert "10.77.0.0/16" in left.show("allowed-ips")
    reaches(left.host, right.inner(6))
    assert left.last_handshake() == before
    quick("down")
    ended(left.host)
