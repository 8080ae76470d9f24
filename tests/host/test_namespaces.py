"""Hosts on one machine: apart from each other, and gone without a trace."""

import os
import select
import signal
import socket
import subprocess
import sys
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from wiresnake.host import tun
from wiresnake.host.namespaces import Namespace, NamespaceUnavailable, two_hosts

pytestmark = pytest.mark.root


def _net(pid: int | str) -> int:
    return Path(f"/proc/{pid}/ns/net").stat().st_ino


def _descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


class TestOneHost:
    def test_begins_with_a_loopback_that_is_up(self, host: Namespace) -> None:
        links = host.ip("-brief", "link").splitlines()
        assert [line.split()[0] for line in links] == ["lo"]
        with host.enter(), socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as one:
            one.bind(("::1", 0))
            one.sendto(b"hello", one.getsockname())
            assert one.recv(9) == b"hello"

    def test_programs_run_inside_and_tests_do_not(self, host: Namespace) -> None:
        inside = host.run(["readlink", "/proc/self/ns/net"]).stdout.strip()
        assert inside == f"net:[{_net(host.pid)}]"
        assert _net("self") != _net(host.pid)

    def test_enter_is_for_the_calling_thread_and_its_block(self, host: Namespace) -> None:
        home = _net("thread-self")
        seen: list[int] = []
        with host.enter():
            assert _net("thread-self") == _net(host.pid)
        with pytest.raises(ZeroDivisionError), host.enter():
            raise ZeroDivisionError
        assert _net("thread-self") == home
        release = threading.Event()
        bystander = threading.Thread(
            target=lambda: (release.wait(5), seen.append(_net("thread-self")))
        )
        bystander.start()
        with host.enter():
            release.set()
            bystander.join()
        assert seen == [home]

    def test_run_gives_input_and_output(self, host: Namespace) -> None:
        done = host.run(["sh", "-c", "cat; echo oops >&2"], text="hällo")
        assert (done.stdout, done.stderr, done.returncode) == ("hällo", "oops\n", 0)

    def test_run_shows_why_a_program_failed(self, host: Namespace) -> None:
        with pytest.raises(subprocess.CalledProcessError) as raised:
            host.run(["sh", "-c", "echo no such luck >&2; exit 3"])
        assert raised.value.returncode == 3
        assert raised.value.__notes__ == ["in host: no such luck"]
        assert host.run(["false"], check=False).returncode == 1

    def test_run_has_a_limit(self, host: Namespace) -> None:
        with pytest.raises(subprocess.TimeoutExpired):
            host.run(["sleep", "60"], timeout=0.05)
        assert host.inhabitants() == []

    def test_arguments_are_not_for_a_shell(self, host: Namespace) -> None:
        words = ["a b", "$(exit)", "'", "-n", ""]
        assert host.run(["printf", "%s|", *words]).stdout == "a b|$(exit)|'|-n||"

    def test_programs_see_the_directory_and_environment(
        self, host: Namespace, tmp_path: Path
    ) -> None:
        environment = {**os.environ, "ODD": "value with spaces"}
        done = host.run(["sh", "-c", 'pwd; echo "$ODD"'], env=environment, cwd=tmp_path)
        assert done.stdout.splitlines() == [str(tmp_path), "value with spaces"]
        assert host.run(["pwd"]).stdout.strip() == str(Path.cwd())

    def test_the_pid_is_the_programs_own(self, host: Namespace) -> None:
        program = host.popen(["sh", "-c", "echo $$"], stdout=subprocess.PIPE)
        output, _ = program.communicate(timeout=5)
        assert int(output) == program.pid

    def test_its_run_is_its_own(self, host: Namespace, elsewhere: Namespace) -> None:
        for one in (host, elsewhere):
            one.run(["mkdir", "-p", "/var/run/wireguard"])
            one.run(["sh", "-c", 'echo "$1" > /var/run/wireguard/mark', "sh", one.label])
        for one in (host, elsewhere):
            assert one.run(["cat", "/run/wireguard/mark"]).stdout == f"{one.label}\n"
            assert one.path("/var/run/wireguard/mark").read_text() == f"{one.label}\n"
        assert not Path("/run/wireguard/mark").exists()

    def test_both_may_have_an_interface_of_one_name(
        self, host: Namespace, elsewhere: Namespace, undo: ExitStack
    ) -> None:
        for one in (host, elsewhere):
            with one.enter():
                undo.callback(os.close, tun.create("wg0", 1420).fd)
            assert "wg0" in one.ip("link")


class TestTheEnd:
    def test_nothing_is_left(self) -> None:
        before = _descriptors()
        with Namespace("short-lived") as made:
            made.popen(["sleep", "60"])
            made.run(["sh", "-c", "setsid sleep 60 >/dev/null 2>&1 &"])
            inside = made.inhabitants()
            assert len(inside) == 2
        assert not any(Path(f"/proc/{pid}/ns/net").exists() for pid in [made.pid, *inside])
        assert _descriptors() == before

    def test_close_may_be_repeated(self) -> None:
        made = Namespace("short-lived")
        made.close()
        made.close()

    def test_a_program_that_will_not_go_is_made_to(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("wiresnake.host.namespaces._TERM_LIMIT", 0.05)
        with Namespace("short-lived") as made:
            stubborn = made.popen(
                ["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 9; done"],
                stdout=subprocess.PIPE,
            )
            assert stubborn.stdout is not None
            assert stubborn.stdout.readline() == b"ready\n"
        assert stubborn.returncode == -signal.SIGKILL

    def test_a_program_may_end_in_its_own_way(self) -> None:
        with Namespace("short-lived") as made:
            polite = made.popen(
                ["sh", "-c", "trap 'exit 7' TERM; echo ready; while :; do read -r _; done"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            assert polite.stdout is not None
            assert polite.stdout.readline() == b"ready\n"
        assert polite.returncode == 7

    def test_killed_its_owner_leaves_nothing_behind(self) -> None:
        program = (
            "import signal, sys\n"
            "from wiresnake.host.namespaces import Namespace\n"
            "made = Namespace('doomed')\n"
            "made.run(['sh', '-c', 'setsid sleep 60 >/dev/null 2>&1 &'])\n"
            "print(made.pid, *made.inhabitants(), flush=True)\n"
            "signal.pause()\n"
        )
        with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as owner:
            assert owner.stdout is not None
            pids = [int(word) for word in owner.stdout.readline().split()]
            handles = [os.pidfd_open(pid) for pid in pids]
            owner.kill()
        try:
            assert len(handles) == 2
            for handle in handles:
                assert select.select([handle], [], [], 5)[0]
        finally:
            for handle in handles:
                os.close(handle)


class TestTwoHosts:
    def test_are_joined_by_a_cable_in_both_families(self) -> None:
        with two_hosts(mtu=1400) as (left, right):
            for here, there, number in ((left, right, 2), (right, left, 1)):
                with there.enter():
                    server = socket.create_server(("::", 0), family=socket.AF_INET6)
                    server.close()
                assert "mtu 1400" in here.ip("link", "show", "eth0")
                for address in (f"192.0.2.{number}", f"2001:db8::{number}"):
                    here.run(["ping", "-c1", "-W2", address])

    def test_addresses_are_good_at_once(self) -> None:
        with two_hosts() as (left, _):
            assert "tentative" not in left.ip("-6", "address")

    def test_are_undone_when_the_block_fails(self) -> None:
        before = _descriptors()
        pids: list[int] = []

        def fail() -> None:
            with two_hosts() as (left, right):
                pids.extend([left.pid, right.pid])
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            fail()
        assert len(pids) == 2
        assert not any(Path(f"/proc/{pid}/ns").exists() for pid in pids)
        assert _descriptors() == before


class TestWithoutRights:
    _PROGRAM = (
        "from wiresnake.host import namespaces, tun\n"
        "namespaces.become_root()\n"
        "with namespaces.two_hosts() as (left, right):\n"
        "    left.run(['ping', '-c1', '-W2', '2001:db8::2'])\n"
        "    left.run(['mkdir', '/run/wireguard'])\n"
        "    with right.enter():\n"
        "        try: print(tun.create('wg0', 1420).name)\n"
        "        except tun.TunUnavailable as lack: print(lack)\n"
    )

    @pytest.mark.needs("setpriv", "ping")
    def test_a_user_namespace_will_do(self) -> None:
        nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        if subprocess.run([*nobody, "unshare", "-Urnm", "true"], capture_output=True).returncode:
            pytest.skip("this system gives users no namespaces of their own")
        done = subprocess.run(
            [*nobody, sys.executable, "-c", self._PROGRAM], capture_output=True, text=True
        )
        if "ermission denied" in done.stderr and "tun" not in done.stderr:
            pytest.skip("this Python is not for all users")
        assert done.stderr == ""
        readable = Path(tun.DEVICE).stat().st_mode & 0o006 == 0o006
        assert done.stdout == "wg0\n" if readable else "may not be opened" in done.stdout

    def test_the_lack_of_rights_is_said_in_one_line(self) -> None:
        program = (
            "from wiresnake.host import namespaces, privileges\n"
            "privileges.drop_all()\n"
            "try: namespaces.Namespace('left')\n"
            "except namespaces.NamespaceUnavailable as lack: print(lack)\n"
        )
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True
        )
        assert done.stderr == ""
        (line,) = done.stdout.splitlines()
        assert line.startswith("no network namespace for left: unshare: ")
        assert "root is needed" in line

    def test_a_missing_program_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", "/nonexistent")
        with pytest.raises(NamespaceUnavailable, match=r"unshare .* is missing"):
            Namespace("left")
