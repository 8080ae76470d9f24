"""The units: what systemd says of them, and what their commands do in its order.

systemd itself is asked where it runs; elsewhere the test starts what the unit would, in its order,
with the rights that it would have.
"""

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench.lab.hosts import Host
from bench.lab.tunnels import new_key
from wiresnake.cli.install_units import UNITS
from wiresnake.cli.main import main

SERVICE = "wiresnake@.service"
MOST_EXPOSED = 3.0
NAME = "wsunit0"
LIMIT = 15.0
# PR_SET_MDWE is what MemoryDenyWriteExecute asks of the kernel.
DENY_WRITE_EXECUTE = "import ctypes, os, sys; libc = ctypes.CDLL(None); libc.prctl(65, 1, 0, 0, 0);"
DENY_WRITE_EXECUTE += "os.execv(sys.argv[1], sys.argv[1:])"


@pytest.fixture
def units(tmp_path: Path, capsys) -> Path:
    directory = tmp_path / "system"
    directory.mkdir()
    assert main(["install-units", "--dir", str(directory)]) == 0
    written = capsys.readouterr().out.splitlines()
    assert written[:-1] == [str(directory / name) for name in UNITS]
    return directory


def test_they_are_for_all_to_read_and_call_these_programs(units: Path) -> None:
    for name in UNITS:
        assert (units / name).stat().st_mode & 0o7777 == 0o644
        assert "@BIN@" not in (units / name).read_text()
    assert {each.name for each in units.iterdir()} == set(UNITS)
    programs = re.findall(r"/\S+/wiresnaked?\b", (units / SERVICE).read_text())
    assert all(os.access(program, os.X_OK) for program in programs)
    assert len(programs) == 6


def test_they_are_renewed_but_those_of_others_are_left(units: Path, capsys) -> None:
    first = (units / SERVICE).read_text()
    (units / SERVICE).write_text(f"{first}\n# edited\n")
    assert main(["install-units", "--dir", str(units)]) == 0
    assert (units / SERVICE).read_text() == first
    (units / SERVICE).write_text("[Unit]\n")
    capsys.readouterr()
    assert main(["install-units", "--dir", str(units)]) == 1
    assert "is not of this command" in capsys.readouterr().err
    assert (units / SERVICE).read_text() == "[Unit]\n"


@pytest.mark.parametrize(
    ("words", "what"),
    [(["--dir", "/nonexistent"], "/nonexistent"), (["--nix"], "`--nix'"), (["x"], "too many")],
)
def test_what_cannot_be_is_refused(words: list[str], what: str, capsys) -> None:
    assert main(["install-units", *words]) == 1
    written, errors = capsys.readouterr()
    assert written == ""
    assert what in errors
    assert errors.count("\n") == 1


def test_help(capsys) -> None:
    assert main(["install-units", "--help"]) == 0
    assert "Usage: wiresnake install-units" in capsys.readouterr().out


@pytest.mark.needs("systemd-analyze")
def test_systemd_understands_them(units: Path) -> None:
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *(str(units / name) for name in UNITS)],
        capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.needs("systemd-analyze")
def test_the_service_is_little_exposed(units: Path) -> None:
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", str(units / SERVICE)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = re.search(r"Overall exposure level for .*: ([0-9.]+)", done.stdout)
    assert found
    assert float(found[1]) <= MOST_EXPOSED


class Manager:
    """Does with one instance of the service what systemd would."""

    def __init__(self, host: Host, unit: Path, tmp_path: Path) -> None:
        self.host = host
        self.lines = [
            line.partition("=")[::2] for line in unit.read_text().splitlines() if "=" in line
        ]
        self.news = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.news.bind(str(tmp_path / "notify"))
        self.news.settimeout(LIMIT)
        self.environment = {**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify")}
        self.daemon: subprocess.Popen[bytes] | None = None

    def commands(self, key: str) -> Iterator[tuple[bool, list[str]]]:
        """Yield the command lines of a key, and whether each may fail."""
        for name, value in self.lines:
            if name == key:
                marks = re.match(r"[+-]*", value)
                assert marks
                text = value[marks.end() :].replace("%I", NAME).replace("$$", "$")
                yield "-" in marks[0], shlex.split(text)

    def run(self, key: str) -> str:
        said = ""
        for may_fail, argv in self.commands(key):
            done = self.host.run(argv, check=not may_fail)
            said += done.stderr
        return said

    def start(self) -> None:
        [(_, argv)] = self.commands("ExecStart")
        bounded = ["setpriv", "--no-new-privs", "--bounding-set=-all,+net_admin,+net_bind_service"]
        denied = [sys.executable, "-c", DENY_WRITE_EXECUTE]
        self.daemon = self.host.popen([*bounded, *denied, *argv], env=self.environment)
        told = self.news.recv(1000).decode()
        assert told.startswith("READY=1\n")
        assert f"MAINPID={self.daemon.pid}" in told
        self.run("ExecStartPost")

    def stop(self) -> None:
        assert self.daemon is not None
        self.run("ExecStop")
        self.daemon.terminate()
        assert self.daemon.wait(LIMIT) == 0
        self.run("ExecStopPost")

    def die(self) -> None:
        assert self.daemon is not None
        for pid in self.host.inhabitants():
            os.kill(pid, signal.SIGKILL)
        self.daemon.wait(LIMIT)
        self.run("ExecStopPost")


@pytest.fixture
def manager(units: Path, tmp_path: Path) -> Iterator[Manager]:
    with Host("unit") as host:
        Path("/etc/wireguard").mkdir(exist_ok=True)
        host.call("mount", "-t", "tmpfs", "-o", "mode=0700", "tmpfs", "/etc/wireguard")
        host.ip("link", "add", "eth0", "type", "veth", "peer", "name", "eth1")
        host.ip("link", "set", "eth1", "up")
        host.ip("link", "set", "eth0", "up")
        host.add_address("eth0", "192.0.2.1/24")
        made = Manager(host, units / SERVICE, tmp_path)
        with made.news:
            yield made


def configure(manager: Manager, tmp_path: Path, allowed: str) -> str:
    hooks = "".join(
        f"{hook} = echo {hook} %i >>{tmp_path}/hooks\n"
        for hook in ("PreUp", "PostUp", "PreDown", "PostDown")
    )
    key = str(new_key().public)
    manager.host.path(f"/etc/wireguard/{NAME}.conf").write_text(
        f"[Interface]\nPrivateKey = {new_key().to_base64()}\nAddress = 10.77.0.1/24\n{hooks}"
        f"[Peer]\nPublicKey = {key}\nEndpoint = 192.0.2.2:51820\nAllowedIPs = {allowed}\n"
    )
    manager.host.path(f"/etc/wireguard/{NAME}.conf").chmod(0o600)
    return key


def surroundings(host: Host) -> list[str]:
    tables = host.ip("route", "show", "table", "all"), host.ip("-6", "rule"), host.ip("rule")
    return [*tables, host.call("nft", "list", "ruleset"), host.ip("-brief", "link")]


def hooks_of(tmp_path: Path) -> list[str]:
    return (tmp_path / "hooks").read_text().split("\n")[:-1]


needs_all = [pytest.mark.root, pytest.mark.needs("wg", "nft", "setpriv", "mount")]


class TestLife:
    """One instance, from its start to its end."""

    pytestmark = needs_all

    @pytest.mark.parametrize("end", [Manager.stop, Manager.die], ids=["stopped", "killed"])
    @pytest.mark.parametrize("allowed", ["10.78.0.0/24", "0.0.0.0/0, ::/0"])
    def test_what_start_did_the_end_undoes(
        self, end: Callable[[Manager], None], allowed: str, manager: Manager, tmp_path: Path
    ) -> None:
        key = configure(manager, tmp_path, allowed)
        before = surroundings(manager.host)
        manager.start()
        assert "10.77.0.1/24" in manager.host.ip("address", "show", NAME)
        assert manager.host.call("wg", "show", NAME, "peers").strip() == key
        assert hooks_of(tmp_path) == [f"PreUp {NAME}", f"PostUp {NAME}"]
        far = "10.78.0.1" if "/24" in allowed else "203.0.113.1"
        assert f"dev {NAME}" in manager.host.ip("route", "get", far)
        end(manager)
        assert hooks_of(tmp_path)[2:] == [f"PreDown {NAME}", f"PostDown {NAME}"]
        give_up = time.monotonic() + LIMIT
        while surroundings(manager.host) != before:
            assert time.monotonic() < give_up, (before, surroundings(manager.host))
            time.sleep(0.05)
        assert not list(manager.host.path("/run/wiresnake").iterdir())

    def test_a_reload_takes_over_what_was_edited(self, manager: Manager, tmp_path: Path) -> None:
        configure(manager, tmp_path, "10.78.0.0/24")
        manager.start()
        key = configure(manager, tmp_path, "10.79.0.0/24")
        manager.run("ExecReload")
        assert manager.host.call("wg", "show", NAME, "allowed-ips").split() == [
            key, "10.79.0.0/24",
        ]  # fmt: skip
        manager.stop()

    def test_a_start_that_fails_leaves_nothing(self, manager: Manager, tmp_path: Path) -> None:
        configure(manager, tmp_path, "10.78.0.0/24")
        path = manager.host.path(f"/etc/wireguard/{NAME}.conf")
        path.write_text(path.read_text().replace("PostUp = echo", "PostUp = false"))
        before = surroundings(manager.host)
        with pytest.raises(subprocess.CalledProcessError):
            manager.start()
        assert manager.daemon is not None
        manager.daemon.terminate()
        assert manager.daemon.wait(LIMIT) == 0
        manager.run("ExecStopPost")
        assert surroundings(manager.host) == before


def systemd_runs() -> bool:
    return Path("/run/systemd/system").is_dir()


@pytest.mark.root
@pytest.mark.needs("systemctl", "wg")
@pytest.mark.skipif(not systemd_runs(), reason="systemd does not run here, as in a container")
def test_systemd_serves_a_tunnel(tmp_path: Path) -> None:
    directory, config = Path("/run/systemd/system"), Path(f"/etc/wireguard/{NAME}.conf")
    key = new_key()
    config.parent.mkdir(mode=0o700, exist_ok=True)
    assert main(["install-units", "--dir", str(directory)]) == 0
    try:
        config.write_text(
            f"[Interface]\nPrivateKey = {key.to_base64()}\nAddress = 10.123.77.1/32\n"
            f"PostUp = echo up >{tmp_path}/hooks\nPostDown = echo down >>{tmp_path}/hooks\n"
        )
        config.chmod(0o600)
        subprocess.run(["systemctl", "daemon-reload"], check=True)
        subprocess.run(["systemctl", "start", f"wiresnake@{NAME}"], check=True)
        shown = subprocess.run(["wg", "show", NAME, "public-key"], capture_output=True, text=True)
        assert shown.stdout.strip() == str(key.public)
        subprocess.run(["systemctl", "reload", f"wiresnake@{NAME}"], check=True)
        subprocess.run(["systemctl", "stop", f"wiresnake@{NAME}"], check=True)
        assert (tmp_path / "hooks").read_text() == "up\ndown\n"
        assert not Path(f"/sys/class/net/{NAME}").exists()
    finally:
        subprocess.run(["systemctl", "stop", f"wiresnake@{NAME}"], check=False)
        config.unlink(missing_ok=True)
        for name in UNITS:
            (directory / name).unlink(missing_ok=True)
        subprocess.run(["systemctl", "daemon-reload"], check=False)
