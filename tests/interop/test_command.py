"""Our command on live daemons, ours and wireguard-go, beside `wg`; and under `wg-quick` as `wg`."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.lab.programs import Program, named
from bench.lab.traffic import reaches
from bench.lab.tunnels import Tunnel, endpoint, tunnel, two_hosts
from wiresnake.cli.columns import PARAMETERS

pytestmark = [pytest.mark.root, pytest.mark.needs("wg", "wg-quick", "wireguard-go", "ping")]
OURS = Path(sys.executable).parent / "wiresnake"
SHARED = "QGh0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0U="


@pytest.fixture(scope="module", params=["wiresnake", "wireguard-go"])
def live(request: pytest.FixtureRequest) -> Iterator[Tunnel]:
    program = named(request.param)
    with tunnel(program, program, preshared=SHARED, keepalive=25) as made:
        reaches(made.left.host, made.right.inner(4))
        yield made


def ours(made: Tunnel, *words: str, text: str = "") -> str:
    return made.left.host.call(str(OURS), *words, text=text)


def wg(made: Tunnel, *words: str) -> str:
    return made.left.host.call("wg", *words)


@pytest.mark.parametrize("which", ["wg0", "all"])
@pytest.mark.parametrize("parameter", ["", *PARAMETERS])
def test_a_live_interface_is_shown_as_wg_shows_it(live: Tunnel, which: str, parameter: str) -> None:
    words = ["show", which, *([parameter] if parameter else [])]
    for _ in range(10):  # counters and "ago" may move between the two
        before = wg(live, *words)
        shown = ours(live, *words)
        if wg(live, *words) == before:
            break
    assert shown == before
    assert shown


def test_its_configuration_is_that_of_wg_and_can_be_set_again(live: Tunnel) -> None:
    assert ours(live, "show", "interfaces") == wg(live, "show", "interfaces") == "wg0\n"
    config = ours(live, "showconf", "wg0")
    assert config == wg(live, "showconf", "wg0")
    before = live.left.last_handshake()
    assert before
    ours(live, "syncconf", "wg0", "/dev/stdin", text=config)
    assert live.left.last_handshake() == before
    reaches(live.left.host, live.right.inner(6))
    ours(live, "setconf", "wg0", "/dev/stdin", text=config)
    assert ours(live, "showconf", "wg0") == config
    reaches(live.left.host, live.right.inner(4))


def test_it_is_changed_in_place(live: Tunnel) -> None:
    peer = live.right.public_key
    inner = f"{live.right.inner(4)}/32,{live.right.inner(6)}/128"
    reaches(live.left.host, live.right.inner(4))
    before = live.left.last_handshake()
    ours(live, "set", "wg0", "peer", peer, "allowed-ips", f"{inner},10.9.0.0/16")
    assert "10.9.0.0/16" in wg(live, "show", "wg0", "allowed-ips")
    ours(live, "set", "wg0", "peer", peer, "allowed-ips", "+10.8.0.0/16")
    assert {"10.8.0.0/16", "10.9.0.0/16"} <= set(wg(live, "show", "wg0", "allowed-ips").split())
    ours(live, "set", "wg0", "peer", peer, "allowed-ips", inner)
    assert "10.9.0.0/16" not in wg(live, "show", "wg0", "allowed-ips")
    ours(live, "set", "wg0", "peer", peer, "persistent-keepalive", "off")
    assert wg(live, "show", "wg0", "persistent-keepalive") == f"{peer}\toff\n"
    ours(live, "set", "wg0", "peer", peer, "preshared-key", "/dev/stdin", text=SHARED)
    assert live.left.last_handshake() == before
    reaches(live.left.host, live.right.inner(6))


@pytest.mark.skipif(
    Path("/sys/module/wireguard").exists(), reason="the kernel would serve wg-quick itself"
)
def test_wg_quick_takes_us_for_wg(subject: Program, tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "wg").symlink_to(OURS)
    config = tmp_path / "laptop.conf"
    config.write_text(
        f"[Interface]\nAddress = 10.77.0.1/24\nPrivateKey = {ours_alone('genkey')}\n"
        "ListenPort = 51999\nSaveConfig = true\n"
        f"[Peer]\nPublicKey = {ours_alone('pubkey', ours_alone('genkey'))}\n"
        f"Endpoint = {endpoint('192.0.2.2')}\nAllowedIPs = 0.0.0.0/0\n"
    )
    config.chmod(0o600)
    environment = {
        **os.environ,
        "PATH": f"{programs}:{os.environ['PATH']}",
        "WG_QUICK_USERSPACE_IMPLEMENTATION": subject.argv[0],
        "WIRESNAKE_PLANE": "portable",
    }
    with two_hosts() as (left, _):
        left.run(["wg-quick", "up", str(config)], env=environment)
        assert left.call("wg", "show", "laptop", "fwmark").strip() == "0xca6c"
        assert left.call("wg", "show", "laptop", "listen-port").strip() == "51999"
        left.call("wg", "set", "laptop", "listen-port", "51998")
        done = left.run(["wg-quick", "down", str(config)], env=environment)
        assert "showconf" in done.stderr
    assert "ListenPort = 51998\n" in config.read_text()


def ours_alone(command: str, text: str = "") -> str:
    done = subprocess.run(
        [str(OURS), command], input=text, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()
