"""Real daemons, in a network namespace of each test's own: how they begin and how they end."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from wiresnake.daemon.doorstep import socket_path
from wiresnake.host.namespaces import Namespace
from wiresnake.values.keys import PrivateKey

pytestmark = [pytest.mark.root, pytest.mark.needs("wg", "ping", "setpriv", "ss")]

NET_ADMIN, NET_BIND_SERVICE = 12, 10
PLANES = ["portable", pytest.param("native", marks=pytest.mark.native)]


def one_line(text):
    assert text.count("\n") == 1, text
    assert text.endswith("\n")
    assert "Traceback" not in text
    return text


def status_field(pid, field):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(line.split()[1] for line in lines if line.startswith(field + ":"))


def test_it_goes_to_the_background_when_it_can_be_used(place, until):
    began = time.monotonic()
    assert place.attempt("wg0") == (0, "", "")
    assert time.monotonic() - began < 5
    assert place.host.run(["wg", "show", "wg0", "listen-port"]).stdout == "0\n"
    assert "mtu 1420" in place.host.ip("-o", "link", "show", "wg0")
    place.host.ip("link", "del", "wg0")
    until(lambda: not place.host.inhabitants())
    assert not place.host.path(str(socket_path("wg0"))).exists()


def test_a_background_daemon_logs_where_it_was_told_to(place, until):
    log = place.tmp / "log"
    with log.open("wb") as sink:
        environment = {**os.environ, "LOG_LEVEL": "verbose"}
        starting = place.host.popen([place.program, "wg0"], stderr=sink, env=environment)
        assert starting.wait(10) == 0
    place.host.ip("link", "set", "wg0", "up")
    until(lambda: "interface up" in log.read_text())
    place.host.ip("link", "del", "wg0")
    until(lambda: "ended: the interface was deleted" in log.read_text())
    assert "(wg0)" in log.read_text()


@pytest.mark.parametrize(
    ("asked", "served"),
    [
        pytest.param("portable", "portable"),
        pytest.param("native", "native", marks=pytest.mark.native),
        pytest.param("auto", "native", marks=pytest.mark.native),
    ],
)
def test_it_says_which_plane_it_chose(place, until, asked, served):
    environment = {"LOG_LEVEL": "verbose", "WIRESNAKE_PLANE": asked}
    daemon = place.start(environment=environment)
    until(lambda: "wiresnaked" in daemon.errors.read_text())
    assert f"packets go through the {served} plane" in daemon.errors.read_text()


@pytest.mark.parametrize("plane", PLANES)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_and_nothing_stays(place, number, plane):
    daemon = place.start("wg0", "--plane", plane)
    daemon.up()
    assert (len(daemon.family) == 1) == (plane == "native")
    os.kill(daemon.process.pid, number)
    assert daemon.ended() == (0, "")


def test_a_deleted_link_ends_it(place):
    daemon = place.start()
    place.host.ip("link", "del", "wg0")
    assert daemon.ended() == (0, "")


def test_an_interface_that_moves_elsewhere_is_followed_there(place, until):
    daemon = place.start()
    with Namespace("elsewhere") as elsewhere:
        place.host.ip("link", "set", "wg0", "netns", str(elsewhere.pid))
        elsewhere.ip("link", "set", "wg0", "up")
        until(lambda: daemon.wg("show", "listen-port") != "0\n")
        port = daemon.wg("show", "listen-port").strip()
        assert place.host.run(["ss", "-Hlun", "sport", "=", port]).stdout
        elsewhere.ip("link", "del", "wg0")
        assert daemon.ended() == (0, "")


def test_the_control_socket_comes_and_goes_with_it(place):
    daemon = place.start()
    assert stat.S_IMODE(daemon.control.stat().st_mode) == 0o600
    assert stat.S_IMODE(daemon.control.parent.stat().st_mode) == 0o700
    told = daemon.ask('{"ask": "statistics"}\n{"ask": "nothing"}\n{"ask": "keylog"}\n')
    assert told[0]["interface"] == "wg0"
    assert [list(each) for each in told[1:]] == [["error"], ["error"]]
    os.kill(daemon.process.pid, signal.SIGTERM)
    assert daemon.ended() == (0, "")
    assert not daemon.control.exists()


def test_a_stream_ends_with_a_word(place):
    daemon = place.start()
    with socket.socket(socket.AF_UNIX) as connection, connection.makefile("rw") as talk:
        connection.settimeout(10)
        connection.connect(str(daemon.control))
        talk.write('{"ask": "events"}\n')
        talk.flush()
        assert json.loads(talk.readline()) == {"done": True}
        os.kill(daemon.process.pid, signal.SIGTERM)
        last = [json.loads(line) for line in talk][-1]
    assert (last["event"], last["why"], last["failed"]) == ("ended", "SIGTERM", False)
    assert daemon.ended() == (0, "")


def test_without_a_place_for_the_control_socket_it_goes_on(place):
    place.host.run(["mkdir", "-m", "777", "/run/wiresnake"])
    daemon = place.start()
    assert not daemon.control.exists()
    daemon.up()
    os.kill(daemon.process.pid, signal.SIGTERM)
    status, said = daemon.ended()
    assert status == 0
    assert "chmod 0700" in one_line(said)


def test_the_control_socket_of_a_killed_daemon_is_replaced(place):
    killed = place.start()
    os.kill(killed.process.pid, signal.SIGKILL)
    killed.process.wait()
    assert killed.control.exists()
    daemon = place.start()
    assert daemon.ask('{"ask": "statistics"}\n')[0]["interface"] == "wg0"


def test_a_removed_socket_ends_it(place):
    daemon = place.start()
    daemon.socket.unlink()
    assert daemon.ended() == (0, "")


def test_an_ended_plane_ends_it_with_one_line(place):
    daemon = place.start("wg0", "--plane", "portable")
    daemon.up()
    for pid in daemon.family[1:]:
        os.kill(pid, signal.SIGKILL)
    status, said = daemon.ended()
    assert status == 1
    assert "plane" in one_line(said)


def test_a_second_daemon_for_a_live_name_is_refused(place):
    daemon = place.start()
    for words in (["wg0"], ["-f", "wg0"]):
        status, _, err = place.attempt(*words)
        assert status == 1
        assert "in use" in one_line(err)
    assert daemon.wg("show", "listen-port") == "0\n"


def test_the_place_of_a_killed_daemon_is_taken_at_once(place):
    killed = place.start()
    killed.up()
    os.kill(killed.process.pid, signal.SIGKILL)
    killed.process.wait()
    assert killed.socket.exists()
    daemon = place.start()
    assert daemon.wg("show", "listen-port") == "0\n"
    os.kill(daemon.process.pid, signal.SIGTERM)
    assert daemon.ended() == (0, "")


@pytest.mark.parametrize("way", ["signal", "link"])
def test_one_that_is_about_to_end_is_waited_for(place, way):
    ending = place.start()
    ending.up()
    os.kill(ending.process.pid, signal.SIGSTOP)
    if way == "link":
        place.host.ip("link", "del", "wg0")
    else:
        os.kill(ending.process.pid, signal.SIGTERM)
    starting = place.host.popen([place.program, "wg0"])
    with pytest.raises(subprocess.TimeoutExpired):
        starting.wait(0.5)
    os.kill(ending.process.pid, signal.SIGCONT)
    assert starting.wait(10) == 0
    assert ending.process.wait(10) == 0
    assert ending.wg("show", "listen-port") == "0\n"


def test_another_interface_of_the_name_is_in_the_way(place):
    place.host.ip("link", "add", "wg0", "type", "veth", "peer", "name", "eth9")
    status, _, err = place.attempt("wg0")
    assert status == 1
    assert "wg0 exists" in one_line(err)
    assert not place.host.path(str(socket_path("wg0"))).exists()


def test_without_rights_it_says_so(place):
    before = ("setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin", "--")
    status, _, err = place.attempt("wg0", before=before)
    assert status == 1
    assert "CAP_NET_ADMIN" in one_line(err)


def test_without_the_device_it_says_so(place):
    before = ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /dev/net && exec "$@"', "sh")
    status, _, err = place.attempt("wg0", before=before)
    assert status == 1
    assert "/dev/net/tun" in one_line(err)


@pytest.mark.parametrize(
    ("words", "environment"),
    [
        (("../wg0",), {}),
        ((), {}),
        (("--plane", "paper", "wg0"), {}),
        (("wg0",), {"WG_TUN_FD": "1"}),
        (("wg0",), {"WG_TUN_FD": "99"}),
        (("wg0",), {"WG_UAPI_FD": "99"}),
    ],
)
@pytest.mark.parametrize("foreground", [True, False])
def test_a_wrong_start_costs_one_line(place, words, environment, foreground):
    flags = ["-f"] if foreground else []
    status, out, err = place.attempt(*flags, *words, environment=environment)
    assert status == 1
    assert out == ""
    assert one_line(err).startswith("wiresnaked: ")


@pytest.mark.parametrize("plane", PLANES)
def test_rights_are_reduced_and_enough_stay(place, plane):
    daemon = place.start("wg0", "--plane", plane)
    daemon.up()
    control, *planes = daemon.family
    kept = 1 << NET_ADMIN | 1 << NET_BIND_SERVICE
    for field in ("CapEff", "CapPrm", "CapBnd"):
        assert int(status_field(control, field), 16) == kept
    for child in planes:
        for field in ("CapEff", "CapPrm", "CapBnd"):
            assert int(status_field(child, field), 16) == 0
    threads = [f"{control}/task/{task.name}" for task in Path(f"/proc/{control}/task").iterdir()]
    movers = [it for it in threads if status_field(it, "Name").startswith(("inward", "outward"))]
    assert bool(movers) == (daemon.family == [control])
    for mover in movers:
        assert status_field(mover, "NoNewPrivs") == "1"
        assert {status_field(mover, field) for field in ("CapEff", "CapPrm")} == {"0" * 16}
    for pid in daemon.family:
        limits = Path(f"/proc/{pid}/limits").read_text()
        core = next(line for line in limits.splitlines() if line.startswith("Max core"))
        assert core.split()[4] == "0"
    daemon.wg("set", "listen-port", "443", "fwmark", "7")
    assert daemon.wg("show", "listen-port") == "443\n"
    sockets = place.host.run(["ss", "-Hlun", "sport", "=", "443"]).stdout
    assert len(sockets.splitlines()) == 2
    os.kill(control, signal.SIGTERM)
    assert daemon.ended() == (0, "")


def test_rights_are_kept_when_asked_to(place):
    daemon = place.start("wg0", "--keep-privileges")
    own = int(status_field("self", "CapEff"), 16)
    assert int(status_field(daemon.process.pid, "CapEff"), 16) == own


def test_a_port_in_use_is_refused_and_nothing_changes(place):
    daemon = place.start()
    daemon.up()
    before = daemon.wg("show", "listen-port")
    with place.host.enter(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as squatter:
        squatter.bind(("0.0.0.0", 4443))
        done = place.host.run(
            ["wg", "set", "wg0", "listen-port", "4443", "fwmark", "5"], check=False
        )
    assert done.returncode == 1
    assert "Address already in use" in done.stderr
    assert daemon.wg("show", "listen-port") == before
    assert daemon.wg("show", "fwmark") == "off\n"


PARENT = """
import os, socket, sys
from wiresnake.host import tun
device = tun.create("wg0", 1400)
os.mkdir("/var/run/wireguard")
listener = socket.socket(socket.AF_UNIX)
listener.bind("/var/run/wireguard/wg0.sock")
listener.listen()
for fd in (device.fd, listener.fileno()):
    os.set_inheritable(fd, True)
os.environ.update(WG_TUN_FD=str(device.fd), WG_UAPI_FD=str(listener.fileno()))
os.execv(sys.argv[1], [sys.argv[1], "-f", "other"])
"""


def test_descriptors_can_be_handed_in(place, until):
    """The TUN and the listening socket come from outside, as wireguard-go's parent does it."""
    process = place.host.popen([sys.executable, "-c", PARENT, place.program])

    def port():
        return place.host.run(["wg", "show", "wg0", "listen-port"], check=False).stdout

    until(port)
    place.host.ip("link", "set", "wg0", "up")
    until(lambda: port() != "0\n")
    assert "mtu 1400" in place.host.ip("-o", "link", "show", "wg0")
    process.terminate()
    assert process.wait(10) == 0
    assert place.host.run(["ip", "link", "show", "wg0"], check=False).returncode
    assert not place.host.path(str(socket_path("wg0"))).exists()


def test_the_service_manager_is_told(place):
    path = str(place.tmp / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        manager.settimeout(10)
        daemon = place.start(environment={"NOTIFY_SOCKET": path})
        assert manager.recv(100).startswith(b"READY=1\n")
        for path in (daemon.socket, daemon.control):
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(str(path))
    assert daemon.process.poll() is None


def config(key, port, peer, peer_port, inner):
    return (
        f"[Interface]\nPrivateKey = {key.to_base64()}\nListenPort = {port}\n[Peer]\n"
        f"PublicKey = {peer.public}\nAllowedIPs = {inner}\nEndpoint = 127.0.0.1:{peer_port}\n"
    )


def test_two_daemons_of_one_host_shake_hands(place, until):
    keys = [PrivateKey.generate(os.urandom(32)) for _ in range(2)]
    left, right = place.start("wg0"), place.start("wg1")
    for daemon, me, other in ((left, 0, 1), (right, 1, 0)):
        inner = f"10.88.{other}.0/24, fd88:{other}::/64"
        text = config(keys[me], 5001 + me, keys[other], 5001 + other, inner)
        daemon.wg("setconf", "/dev/stdin", text=text)
        daemon.up()
    left.wg("set", "peer", str(keys[1].public), "persistent-keepalive", "25")
    for daemon in (left, right):
        until(lambda daemon=daemon: not daemon.wg("show", "latest-handshakes").endswith("\t0\n"))
        transfer = daemon.wg("show", "transfer").split()
        assert int(transfer[1]) > 0
        assert int(transfer[2]) > 0
