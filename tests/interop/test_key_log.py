"""A capture, and the key log of one end: tshark reads what went through the tunnel."""

import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bench.lab.programs import wireguard_go, wiresnake
from bench.lab.traffic import reaches
from bench.lab.tunnels import Tunnel, new_preshared_key, tunnel

pytestmark = [
    pytest.mark.root,
    pytest.mark.needs("wg", "wireguard-go", "ping", "tcpdump", "tshark"),
]
COUNT = 5


def keeping_keys() -> object:
    program = wiresnake()
    return replace(program, argv=(*program.argv, "--allow-keylog"))


@pytest.fixture(params=["initiator", "responder"])
def made(request: pytest.FixtureRequest) -> Iterator[Tunnel]:
    ends = [keeping_keys(), wireguard_go()]
    if request.param == "responder":
        ends.reverse()
    with tunnel(*ends, preshared=new_preshared_key()) as made:
        yield made


def until(condition, limit: float = 15.0) -> None:
    give_up = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.02)


def test_tshark_reads_a_capture_with_our_key_log(made: Tunnel, tmp_path: Path) -> None:
    ours = made.left if made.left.program.name == "wiresnake" else made.right
    keys, capture = tmp_path / "keys", tmp_path / "capture.pcap"
    command = str(Path(sys.executable).with_name("wiresnake"))
    following = ours.host.start(command, "log", "wg0", "--keylog", str(keys))
    sniffing = ours.host.start(
        "tcpdump", "-U", "--immediate-mode", "-i", "eth0", "-w", str(capture), "udp"
    )
    until(lambda: keys.exists() and capture.exists() and capture.stat().st_size >= 24)
    reaches(made.left.host, made.right.inner(4), within=8)
    until(lambda: "PRESHARED_KEY" in keys.read_text())
    made.left.host.call(
        "ping", "-q", "-c", str(COUNT), "-i", "0.05", "-p", "c0ffee", made.right.inner(4)
    )
    for process in (sniffing, following):
        process.terminate()
        process.wait(10)
    fields = ("-T", "fields", "-e", "ip.src", "-e", "icmp.type", "-e", "data.data")
    read = ("tshark", "-r", str(capture), "-Y", "icmp && wg", *fields)
    decrypted = ours.host.call(*read, "-o", f"wg.keylog_file:{keys}").splitlines()
    shown = [line for line in decrypted if "c0ffee" in line]
    assert len([line for line in shown if made.left.inner(4) in line]) >= COUNT
    assert len([line for line in shown if made.right.inner(4) in line]) >= COUNT
    assert not ours.host.call(*read).splitlines()
    assert keys.stat().st_mode & 0o777 == 0o600
