"""How a daemon begins and ends: nothing of it is left behind, and a move is not an end."""

import os
import signal
import time
from collections.abc import Callable, Iterator

import pytest

from bench.lab.hosts import Host
from bench.lab.programs import Program
from bench.lab.traffic import reaches, stream
from bench.lab.tunnels import End, Tunnel, tunnel

pytestmark = [pytest.mark.root, pytest.mark.needs("wg", "wireguard-go")]


@pytest.fixture
def live(subject: Program, other: Program) -> Iterator[Tunnel]:
    with tunnel(subject, other) as made:
        reaches(made.left.host, made.right.inner(4))
        yield made


def terminated(end: End) -> None:
    end.running.process.terminate()


def interrupted(end: End) -> None:
    end.running.process.send_signal(signal.SIGINT)


def link_deleted(end: End) -> None:
    end.host.ip("link", "del", end.interface)


def socket_removed(end: End) -> None:
    end.running.socket_path.unlink()


@pytest.mark.parametrize("end_it", [terminated, interrupted, link_deleted, socket_removed])
def test_an_ended_daemon_leaves_nothing_behind(live: Tunnel, end_it: Callable[[End], None]) -> None:
    end = live.left
    path = end.running.socket_path
    end_it(end)
    assert end.running.process.wait(5) == 0, end.running.said()
    assert end.host.inhabitants() == []
    assert not path.exists()
    assert end.interface not in end.host.ip("-brief", "link")


def test_a_plane_that_is_killed_ends_the_daemon_with_one_line(
    live: Tunnel, subject: Program
) -> None:
    end = live.left
    if subject.name != "wiresnake portable":
        pytest.skip("it has no process beside its own")
    plane = end.running.processes()[-1]
    assert plane != end.running.process.pid
    path = end.running.socket_path
    before = end.running.said().splitlines()
    os.kill(plane, signal.SIGKILL)
    assert end.running.process.wait(3) == 1
    said = end.running.said().splitlines()[len(before) :]
    assert len(said) == 1, said
    assert "plane" in said[0]
    assert end.host.inhabitants() == []
    assert not path.exists()
    assert end.interface not in end.host.ip("-brief", "link")


def test_an_interface_that_moves_to_another_namespace_goes_on(live: Tunnel) -> None:
    """The daemon and its sockets stay; the interface serves another host from then on."""
    left, right = live.left, live.right
    with Host("container") as container:
        left.host.ip("link", "set", left.interface, "netns", str(container.pid))
        container.add_address(left.interface, f"{left.inner(4)}/24")
        container.ip("link", "set", left.interface, "up")
        reaches(container, right.inner(4))
        container.ip("link", "set", left.interface, "mtu", "9000")
        right.set_mtu(9000)
        assert stream(container, right.host, right.inner(4), 5 << 20).intact
        assert stream(right.host, container, left.inner(4), 5 << 20).intact
        container.ip("link", "set", left.interface, "down")
        container.ip("link", "set", left.interface, "up")
        reaches(container, right.inner(4))
        container.ip("link", "del", left.interface)
        assert left.running.process.wait(5) == 0, left.running.said()


def test_a_tunnel_comes_back_after_down_and_up(live: Tunnel) -> None:
    left, right = live.left, live.right
    before = left.last_handshake()
    left.host.ip("link", "set", left.interface, "down")
    time.sleep(1.1)  # the time of the last handshake is read in seconds
    left.host.ip("link", "set", left.interface, "up")
    left.host.add_address(left.interface, f"{left.inner(6)}/64")
    reaches(left.host, right.inner(4))
    assert left.last_handshake() > before
    assert left.show("endpoints").split()[1] == right.endpoint
