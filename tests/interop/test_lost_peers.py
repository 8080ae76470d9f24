"""Peers whose name leads elsewhere by now: they are found again, and only they are looked for."""

import contextlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.lab.hosts import Host
from bench.lab.programs import wireguard_go, wiresnake
from bench.lab.traffic import reaches
from bench.lab.tunnels import OUTER, SECOND_OUTER, Tunnel, endpoint, tunnel
from wiresnake.cli import control

pytestmark = [pytest.mark.root, pytest.mark.needs("wg", "wireguard-go", "ping", "mount")]

HAND_OVER = """
import json, sys
from wiresnake.cli.control import hand_over_endpoints
assert hand_over_endpoints("wg0", json.loads(sys.argv[1]))
"""


def hand_over(made: Tunnel, *names: str) -> None:
    names_of = json.dumps({made.right.public_key: names})
    made.left.host.call(sys.executable, "-c", HAND_OVER, names_of)


class Names:
    """What a host knows of names: /etc/hosts and no server."""

    def __init__(self, host: Host, file: Path) -> None:
        self._file = file
        self.lead()
        host.call("mount", "--bind", str(file), "/etc/hosts")

    def lead(self, **addresses: str) -> None:
        """Let ``name.test`` lead to these addresses from now on."""
        self._file.write_text(
            "".join(f"{address} {name}.test\n" for name, address in addresses.items())
        )


class Following:
    """What the left end tells of itself, from the moment this is made."""

    def __init__(self, made: Tunnel, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(control, "SOCKETS", str(made.left.host.path(control.SOCKETS)))
        self._told: list[dict] = []
        lines = control.stream("wg0", {"ask": "events"})
        self._thread = threading.Thread(target=lambda: self._told.extend(lines), daemon=True)
        self._thread.start()

    def events(self, kind: str) -> list[dict]:
        return [each for each in list(self._told) if each["event"] == kind]

    def wait_for(self, kind: str, within: float) -> dict:
        give_up = time.monotonic() + within
        while not (told := self.events(kind)):
            assert time.monotonic() < give_up, self._told
            time.sleep(0.05)
        return told[-1]

    def close(self) -> None:
        """Wait for the end of the daemon, which ends the stream."""
        self._thread.join(10)
        assert not self._thread.is_alive()


@pytest.fixture
def made() -> Iterator[Tunnel]:
    with tunnel(wiresnake(), wireguard_go(), keepalive=1, second_addresses=True) as made:
        yield made


@pytest.fixture
def names(made: Tunnel, tmp_path: Path) -> Names:
    return Names(made.left.host, tmp_path / "hosts")


@pytest.fixture
def following(made: Tunnel, monkeypatch: pytest.MonkeyPatch) -> Iterator[Following]:
    following = Following(made, monkeypatch)
    yield following
    made.left.running.stop()
    following.close()


def ask_at(made: Tunnel, address: str) -> None:
    made.left.set("peer", made.right.public_key, "endpoint", endpoint(address))


def test_a_peer_that_never_answered_is_found_by_the_second_of_its_names(
    made: Tunnel, names: Names, following: Following
) -> None:
    made.left.setconf(made.config(made.left).replace("192.0.2.2", "192.0.2.99"))
    names.lead(second=OUTER[4][1])
    hand_over(made, "first.test:51820", "second.test:51820")
    reaches(made.left.host, made.right.inner(4), within=30)
    assert following.wait_for("unresolved", 5)["name"] == "first.test:51820"
    resolved = following.wait_for("resolved", 5)
    assert (resolved["name"], resolved["endpoint"]) == ("second.test:51820", endpoint(OUTER[4][1]))
    assert made.left.show("endpoints").split()[1] == endpoint(OUTER[4][1])


def test_a_peer_that_is_there_is_not_looked_for(
    made: Tunnel, names: Names, following: Following
) -> None:
    """It roams, and answers from where no name leads."""
    reaches(made.left.host, made.right.inner(4), within=8)
    names.lead(peer="192.0.2.99")
    hand_over(made, "peer.test:51820")
    second = endpoint(SECOND_OUTER[4][1])
    ask_at(made, SECOND_OUTER[4][1])
    hand_over(made, "peer.test:51820")
    reaches(made.left.host, made.right.inner(4), within=8)
    assert following.wait_for("endpoint", 15)["endpoint"] == second
    time.sleep(17)  # a whole round, were there one
    assert not following.events("resolved")
    assert made.left.show("endpoints").split()[1] == second


@pytest.mark.long
def test_a_peer_that_moved_is_found_when_its_handshake_is_old(
    made: Tunnel, names: Names, following: Following
) -> None:
    """The far host is given another address while the tunnel lives, as a home line at night."""
    reaches(made.left.host, made.right.inner(4), within=8)
    names.lead(peer=OUTER[4][1])
    hand_over(made, "peer.test:51820")
    right = made.right.host
    made.right.running.stop()
    right.ip("address", "del", f"{OUTER[4][1]}/24", "dev", "eth0")
    made.right.daemon = None
    began = time.monotonic()
    with contextlib.suppress(subprocess.CalledProcessError):
        right.ip("link", "del", "wg0")
    # The kernel took the second address away with the first.
    right.add_address("eth0", f"{SECOND_OUTER[4][1]}/24")
    made.right.bring_up(made.config(made.right, knows_endpoint=False))
    names.lead(peer=SECOND_OUTER[4][1])
    resolved = following.wait_for("resolved", 200)
    assert 100 < time.monotonic() - began < 190
    assert resolved["endpoint"] == endpoint(SECOND_OUTER[4][1])
    reaches(made.left.host, made.right.inner(4), within=10)
