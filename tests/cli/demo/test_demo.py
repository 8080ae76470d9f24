"""The whole demo, as whoever types `make demo` sees it."""

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from wiresnake.cli import demo
from wiresnake.cli.demo import stage
from wiresnake.cli.demo.stage import DemoFailed, check_machine

COMMAND = [sys.executable, "-m", "wiresnake.cli.main", "demo"]
MARK = "WIRESNAKE_DEMO_TEST"


@pytest.fixture
def mark() -> str:
    """Return what stands in the environment of every process of this test's demo."""
    return uuid.uuid4().hex


def left_behind(mark: str) -> list[str]:
    wanted = f"{MARK}={mark}".encode()
    found = []
    for environment in Path("/proc").glob("[0-9]*/environ"):
        try:
            if wanted in environment.read_bytes().split(b"\0"):
                found.append((environment.parent / "cmdline").read_text())
        except OSError:
            continue
    return found


def nothing_is_left(mark: str) -> None:
    give_up = time.monotonic() + 10
    while remains := left_behind(mark):
        assert time.monotonic() < give_up, remains
        time.sleep(0.05)


@pytest.mark.root
def test_everything_it_promises_comes_true(mark: str) -> None:
    shown = subprocess.run(
        COMMAND, env={**os.environ, MARK: mark}, capture_output=True, text=True, timeout=60
    )
    assert shown.returncode == 0, shown.stdout + shown.stderr
    for promised in (
        "10.77.0.2 answers",
        "fd77::2 answers",
        "Mbit/s",
        "has followed to 192.0.2.77",
        "latest handshake",
        "0 anything else",
        "the plaintext in none of it",
        "[#] ip link delete dev wg0",
        "Everything is undone",
    ):
        assert promised in shown.stdout
    assert shown.stdout.count("SHA-256 of both ends") == 2
    assert "PrivateKey = (hidden)" in shown.stdout
    assert "\x1b" not in shown.stdout
    assert shown.stderr == ""
    nothing_is_left(mark)


@pytest.mark.root
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("when", ["`wiresnake up", "A file over TCP"])
def test_whatever_ends_it_leaves_nothing_behind(mark: str, how: signal.Signals, when: str) -> None:
    with subprocess.Popen(
        COMMAND, env={**os.environ, MARK: mark}, stdout=subprocess.PIPE, text=True
    ) as told:
        assert told.stdout is not None
        for line in told.stdout:
            if when in line:
                break
        told.send_signal(how)
        rest = told.stdout.read()
        status = told.wait(20)
    if how == signal.SIGKILL:
        assert status == -signal.SIGKILL
    else:
        assert status == 130
        assert "interrupted" in rest
    nothing_is_left(mark)


@pytest.mark.root
def test_a_tunnel_that_does_not_come_up_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(stage, "CONFIG", "/run/a name that is too long.conf")
    assert demo.run([]) == 1
    last = capfd.readouterr().out.strip().split("\n")[-1]
    assert last.startswith("The demo failed: `wiresnake up` failed on the laptop: wiresnake: The ")


def test_a_machine_without_iproute2_is_told_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert demo.run([]) == 1
    assert "lacks ip, mount" in capsys.readouterr().out


def refuse(*_: object) -> int:
    raise PermissionError(1, "Operation not permitted")


def test_a_machine_without_tun_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    everything: Callable[[str], str] = lambda program: f"/bin/{program}"  # noqa: E731
    monkeypatch.setattr(stage.shutil, "which", everything)
    monkeypatch.setattr(stage.os, "open", refuse)
    with pytest.raises(DemoFailed, match="/dev/net/tun cannot be used: Operation not permitted"):
        check_machine()


def test_it_takes_no_argument(capsys: pytest.CaptureFixture[str]) -> None:
    assert demo.run(["please"]) == 1
    assert demo.run(["--help"]) == 0
    assert capsys.readouterr().err.count("Usage: wiresnake demo") == 2
