"""Real daemons, in a network namespace of each test's own: how they begin and how they end."""

import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from wiresnake.daemon.doorstep import socket_path
from wiresnake.values.keys import PrivateKey

pytestmark = [pytest.mark.root, pytest.mark.needs("wg", "ping")]

NET_ADMIN, NET_BIND_SERVICE = 12, 10


def one_line(text):
    assert text.count("\n") == 1, text
    assert text.endswith("\n")
    assert "Traceback" not in text
    return text


def status_field(pid, field):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(line.split()[1] for line in lines if line.startswith(field + ":"))


def test_it_goes_to_the_background_when_it_can_be_used(place, until):
    name = place.name()
    status, out, err = place.attempt(name)
    assert (status, out, err) == (0, "", "")
    assert place.host.run("wg", "show", name, "listen-port") == "0\n"
    assert "mtu 1420" in place.host.ip(f"-o link show {name}")
    place.host.ip(f"link del {name}")
    until(lambda: not place.host.pids())
    assert not socket_path(name).exists()


def test_a_background_daemon_logs_where_it_was_told_to(place, until):
    name = place.name()
    log = place.tmp / "log"
    with log.open("wb") as sink:
        starting = place.host.start(
            place.program, name, errors=sink, environment={"LOG_LEVEL": "verbose"}
        )
        assert starting.wait(10) == 0
    place.host.ip(f"link set {name} up")
    until(lambda: "interface up" in log.read_text())
    place.host.ip(f"link del {name}")
    until(lambda: "ended: the interface was deleted" in log.read_text())
    assert f"({name})" in log.read_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_and_nothing_stays(place, number):
    daemon = place.start()
    place.host.ip(f"link set {daemon.name} up")
    assert len(daemon.family) >= 2
    os.kill(daemon.process.pid, number)
    assert daemon.ended() == (0, "")


def test_a_deleted_link_ends_it(place):
    daemon = place.start()
    place.host.ip(f"link del {daemon.name}")
    assert daemon.ended() == (0, "")


def test_a_removed_socket_ends_it(place):
    daemon = place.start()
    daemon.socket.unlink()
    assert daemon.ended() == (0, "")


def test_an_ended_plane_ends_it_with_one_line(place):
    daemon = place.start()
    place.host.ip(f"link set {daemon.name} up")
    for pid in daemon.family[1:]:
        os.kill(pid, signal.SIGKILL)
    status, said = daemon.ended()
    assert status == 1
    assert "plane" in one_line(said)


def test_a_second_daemon_for_a_live_name_is_refused(place):
    daemon = place.start()
    status, _, err = place.attempt(daemon.name)
    assert status == 1
    assert "in use" in one_line(err)
    status, _, err = place.attempt("-f", daemon.name)
    assert status == 1
    assert "in use" in one_line(err)
    assert daemon.wg("show", "listen-port") == "0\n"


def test_the_place_of_a_killed_daemon_is_taken_at_once(place, until):
    killed = place.start()
    place.host.ip(f"link set {killed.name} up")
    os.kill(killed.process.pid, signal.SIGKILL)
    killed.process.wait()
    assert killed.socket.exists()
    daemon = place.start(killed.name)
    assert daemon.wg("show", "listen-port") == "0\n"
    os.kill(daemon.process.pid, signal.SIGTERM)
    assert daemon.ended() == (0, "")


def test_another_interface_of_the_name_is_in_the_way(place):
    name = place.name()
    place.host.ip(f"link add {name} type dummy")
    status, _, err = place.attempt(name)
    assert status == 1
    assert name in one_line(err)
    assert "exists" in err
    assert not socket_path(name).exists()


def test_without_rights_it_says_so(place):
    before = ("setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin", "--")
    status, _, err = place.attempt(place.name(), before=before)
    assert status == 1
    assert "CAP_NET_ADMIN" in one_line(err)


def test_without_the_device_it_says_so(place):
    hidden = 'mount -t tmpfs none /dev/net && exec "$@"'
    before = ("unshare", "--mount", "sh", "-c", hidden, "sh")
    status, _, err = place.attempt(place.name(), before=before)
    assert status == 1
    assert "/dev/net/tun" in one_line(err)


@pytest.mark.parametrize(
    ("words", "environment"),
    [
        (("../wg0",), {}),
        ((), {}),
        (("--plane", "paper", "wg0"), {}),
        (("wsg-fd",), {"WG_TUN_FD": "1"}),
        (("wsg-fd",), {"WG_TUN_FD": "99"}),
        (("wsg-fd",), {"WG_UAPI_FD": "99"}),
    ],
)
@pytest.mark.parametrize("foreground", [True, False])
def test_a_wrong_start_costs_one_line(place, words, environment, foreground):
    flags = ["-f"] if foreground else []
    status, out, err = place.attempt(*flags, *words, environment=environment)
    assert status == 1
    assert out == ""
    assert one_line(err).startswith("wiresnaked: ")


def test_rights_are_reduced_and_enough_stay(place):
    daemon = place.start()
    place.host.ip(f"link set {daemon.name} up")
    control, *planes = daemon.family
    kept = 1 << NET_ADMIN | 1 << NET_BIND_SERVICE
    for field in ("CapEff", "CapPrm", "CapBnd"):
        assert int(status_field(control, field), 16) & ~kept == 0
    assert int(status_field(control, "CapEff"), 16) == kept
    for plane in planes:
        assert int(status_field(plane, "CapEff"), 16) == 0
        assert int(status_field(plane, "CapPrm"), 16) == 0
    limits = Path(f"/proc/{control}/limits").read_text()
    core = next(line for line in limits.splitlines() if line.startswith("Max core"))
    assert core.split()[4] == "0"
    daemon.wg("set", "listen-port", "443", "fwmark", "7")
    assert daemon.wg("show", "listen-port") == "443\n"
    sockets = place.host.run("ss", "-Hlun", "sport", "=", "443")
    assert len(sockets.splitlines()) == 2
    os.kill(control, signal.SIGTERM)
    assert daemon.ended() == (0, "")


def test_rights_are_kept_when_asked_to(place):
    daemon = place.start(None, "--keep-privileges")
    own = int(status_field("self", "CapEff"), 16)
    assert int(status_field(daemon.process.pid, "CapEff"), 16) == own


def test_a_port_in_use_is_refused_and_nothing_changes(place):
    daemon = place.start()
    place.host.ip(f"link set {daemon.name} up")
    before = daemon.wg("show", "listen-port")
    with place.host.socket(socket.AF_INET, socket.SOCK_DGRAM) as squatter:
        squatter.bind(("0.0.0.0", 4443))
        done = subprocess.run(
            ["wg", "set", daemon.name, "listen-port", "4443", "fwmark", "5"],
            capture_output=True,
            text=True,
        )
    assert done.returncode == 1
    assert "Address already in use" in done.stderr
    assert daemon.wg("show", "listen-port") == before
    assert daemon.wg("show", "fwmark") == "off\n"


def test_descriptors_can_be_handed_in(place, until):
    """As wireguard-go's parent does it: the TUN and the listening socket come from outside."""
    from wiresnake.host import tun

    name = place.name()
    path = socket_path(name)
    with place.host.entered():
        device = tun.create(name, 1400)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        environment = {"WG_TUN_FD": str(device.fd), "WG_UAPI_FD": str(listener.fileno())}
        process = subprocess.Popen(
            ["nsenter", f"--net=/run/netns/{place.host.name}", "--", place.program, "-f", "other"],
            env={**os.environ, **environment},
            pass_fds=(device.fd, listener.fileno()),
        )
    os.close(device.fd)
    try:
        until(lambda: place.host.run("wg", "show", name, "listen-port", check=False))
        place.host.ip(f"link set {name} up")
        until(lambda: place.host.run("wg", "show", name, "listen-port") != "0\n")
        assert "mtu 1400" in place.host.ip(f"-o link show {name}")
    finally:
        process.terminate()
        assert process.wait(10) == 0
    assert not path.exists()
    assert place.host.run("ip", "link", "show", name, check=False) == ""


def test_the_service_manager_is_told(place, tmp_path):
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        manager.settimeout(10)
        daemon = place.start(environment={"NOTIFY_SOCKET": path})
        assert manager.recv(100).startswith(b"READY=1\n")
    assert daemon.process.poll() is None


def config(key, port, peer, peer_port, inner):
    return (
        f"[Interface]\nPrivateKey = {key.to_base64()}\nListenPort = {port}\n[Peer]\n"
        f"PublicKey = {peer.public}\nAllowedIPs = {inner}\nEndpoint = 127.0.0.1:{peer_port}\n"
    )


def test_two_daemons_of_one_host_shake_hands(place, until):
    keys = [PrivateKey.generate(os.urandom(32)) for _ in range(2)]
    left, right = place.start(), place.start()
    for daemon, me, other in ((left, 0, 1), (right, 1, 0)):
        inner = f"10.88.{other}.0/24, fd88:{other}::/64"
        text = config(keys[me], 5001 + me, keys[other], 5001 + other, inner)
        daemon.wg("setconf", "/dev/stdin", text=text)
        place.host.ip(f"link set {daemon.name} up")
    left.wg("set", "peer", str(keys[1].public), "persistent-keepalive", "25")
    for daemon in (left, right):
        until(lambda daemon=daemon: not daemon.wg("show", "latest-handshakes").endswith("\t0\n"))
        transfer = daemon.wg("show", "transfer").split()
        assert int(transfer[1]) > 0
        assert int(transfer[2]) > 0
