"""Giving up rights, seen from /proc, in processes of their own."""

import subprocess
import sys
from pathlib import Path

import pytest

from wiresnake.host import privileges
from wiresnake.host.privileges import Capability

_IMPORTS = """
import ctypes, os, resource, subprocess
from pathlib import Path
from wiresnake.host import privileges
"""


def _said(program: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", _IMPORTS + program],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert not done.stderr
    return done.stdout.splitlines()


def _masks(program: str) -> dict[str, int]:
    """Return the capability sets after ``program``, from /proc."""
    lines = _said(program + "\nprint(Path('/proc/self/status').read_text())")
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    masks = {name: int(value, 16) for name, value in fields.items() if name.startswith("Cap")}
    return {**masks, "NoNewPrivs": int(fields["NoNewPrivs"])}


class TestHarden:
    def test_no_core_no_trace_no_readers(self) -> None:
        assert _said(
            "privileges.harden()\n"
            "print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))\n"
            "print(resource.getrlimit(resource.RLIMIT_CORE))\n"
            "print(oct(os.umask(0)))"
        ) == ["0", "(0, 0)", "0o77"]

    def test_may_be_repeated(self) -> None:
        assert _said("privileges.harden(); privileges.harden(); print('well')") == ["well"]


@pytest.mark.root
class TestReduce:
    def test_only_what_is_kept_remains(self) -> None:
        kept = (1 << 12) | (1 << 10)
        assert _masks("privileges.reduce(privileges.DAEMON_KEEPS)") == {
            "CapInh": 0,
            "CapPrm": kept,
            "CapEff": kept,
            "CapBnd": kept,
            "CapAmb": 0,
            "NoNewPrivs": 1,
        }

    def test_held_says_the_same(self) -> None:
        assert _said(
            "privileges.reduce(privileges.DAEMON_KEEPS)\n"
            "print(sorted(one.name for one in privileges.held()))"
        ) == ["['NET_ADMIN', 'NET_BIND_SERVICE']"]

    def test_a_program_started_afterwards_gets_no_more(self) -> None:
        (line,) = _said(
            "privileges.reduce(privileges.DAEMON_KEEPS)\n"
            "subprocess.run(['grep', 'CapEff', '/proc/self/status'])"
        )
        assert int(line.split()[1], 16) == (1 << 12) | (1 << 10)

    def test_what_was_given_up_does_not_come_back(self) -> None:
        program = "privileges.reduce(frozenset({privileges.Capability.NET_ADMIN}))\n"
        program += "privileges.reduce(privileges.DAEMON_KEEPS)"
        assert _masks(program)["CapEff"] == 1 << 12

    def test_what_is_kept_may_still_be_used(self) -> None:
        assert _said(
            "import socket\n"
            "privileges.reduce(privileges.DAEMON_KEEPS)\n"
            "one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
            "one.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, 7)\n"
            "one.bind(('127.0.0.9', 443)); one.close(); print('well')"
        ) == ["well"]

    def test_drop_all_leaves_nothing(self) -> None:
        masks = _masks("privileges.drop_all()")
        assert masks.pop("NoNewPrivs") == 1
        assert set(masks.values()) == {0}

    @pytest.mark.needs("setpriv")
    def test_a_process_without_rights_notices_nothing(self) -> None:
        program = _IMPORTS + (
            "privileges.harden(); privileges.reduce(privileges.DAEMON_KEEPS)\n"
            "privileges.drop_all(); print(privileges.held())"
        )
        done = subprocess.run(
            ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
             sys.executable, "-c", program],
            capture_output=True,
            text=True,
            check=False,
        )  # fmt: skip
        if "ermission denied" in done.stderr:
            pytest.skip("this Python is not for all users")
        assert (done.stdout, done.stderr) == ("frozenset()\n", "")


def test_held_is_what_the_kernel_says() -> None:
    status = Path("/proc/self/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("CapEff")]
    mask = int(line.split()[1], 16)
    assert privileges.held() == {one for one in Capability if mask & 1 << one}
    assert (Capability.NET_ADMIN in privileges.held()) == bool(mask & 1 << 12)
