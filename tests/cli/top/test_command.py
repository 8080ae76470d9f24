"""The command in a terminal of its own, beside daemons that say what they are told to."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.fake_control import controlling, line
from tests.fake_daemon import FakeDaemon
from wiresnake.cli import control
from wiresnake.cli.top import command

LIMIT = 20
RUN = """
import sys
from wiresnake.cli import control, daemons
from wiresnake.cli.main import main
daemons.SOCKETS, control.SOCKETS = sys.argv[1], "/nowhere"
sys.exit(main(["top", *sys.argv[2:]]))
"""
PEER = f"public_key={7:064x}\nendpoint=192.0.2.1:51820\nrx_bytes=5\nerrno=0\n\n".encode()


@pytest.fixture
def peopled(daemon: FakeDaemon) -> FakeDaemon:
    daemon.reply = PEER
    return daemon


class Terminal:
    """A program in a terminal of 80 columns and 24 lines."""

    def __init__(self, argv: list[str]) -> None:
        self.ours, self.theirs = pty.openpty()
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack("4H", 24, 80, 0, 0))
        self.before = termios.tcgetattr(self.theirs)
        self.shown = b""
        ends = dict.fromkeys(("stdin", "stdout", "stderr"), self.theirs)
        environment = {**os.environ, "TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8"}
        self.process = subprocess.Popen(argv, env=environment, start_new_session=True, **ends)

    def wait_for(self, words: bytes) -> None:
        give_up = time.monotonic() + LIMIT
        while words not in self.shown:
            assert time.monotonic() < give_up, self.shown
            if select.select([self.ours], [], [], 0.1)[0]:
                self.shown += os.read(self.ours, 65536)

    def press(self, keys: bytes) -> None:
        os.write(self.ours, keys)

    def ended(self) -> int:
        """Wait for the end, see that the terminal is as it was, and return the status."""
        self.wait_for(b"\x1b[?1049l")  # the other screen is left
        self.wait_for(b"\x1b[?25h")  # the cursor is shown
        status = self.process.wait(LIMIT)
        assert termios.tcgetattr(self.theirs) == self.before
        return status

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.ours)
        os.close(self.theirs)


@contextmanager
def top(directory: Path, *words: str) -> Iterator[Terminal]:
    terminal = Terminal([sys.executable, "-c", RUN, str(directory), *words])
    try:
        yield terminal
    finally:
        terminal.close()


@pytest.mark.parametrize("key", [b"q", b"Q", b"\x1b"])
def test_a_key_ends_it(peopled: FakeDaemon, key: bytes) -> None:
    with top(peopled.path.parent, "--interval", "0.1") as terminal:
        terminal.wait_for(b"q ends")
        terminal.wait_for(b"192.0.2.1:51820")
        terminal.press(b"x")
        terminal.press(key)
        assert terminal.ended() == 0
        assert b"x" not in terminal.shown.rpartition(b"q ends")[2]


def test_an_interrupt_ends_it(peopled: FakeDaemon) -> None:
    with top(peopled.path.parent) as terminal:
        terminal.wait_for(b"q ends")
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.ended() == 130


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_the_terminal_as_it_was(peopled: FakeDaemon, number: int) -> None:
    with top(peopled.path.parent) as terminal:
        terminal.wait_for(b"q ends")
        terminal.process.send_signal(number)
        assert terminal.ended() == 128 + number


def test_it_is_refreshed(peopled: FakeDaemon) -> None:
    with top(peopled.path.parent, "--interval", "0.1") as terminal:
        terminal.wait_for(b"192.0.2.1:51820")
        peopled.reply = PEER.replace(b"192.0.2.1", b"192.0.2.9")
        terminal.wait_for(b"192.0.2.9:51820")
        terminal.press(b"q")
        assert terminal.ended() == 0


def test_one_frame_is_plain_text_where_nobody_watches(
    peopled: FakeDaemon, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(control, "SOCKETS", "/nowhere")
    for words in (["--once"], []):
        assert command.run([*words, "--interval", "0.1", peopled.name]) == 0
        out = capsys.readouterr().out
        assert "\x1b" not in out
        assert out.startswith(peopled.name)
        assert "192.0.2.1:51820" in out


def test_the_control_socket_is_asked_where_there_is_one(
    peopled: FakeDaemon, tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    place = tmp_path_factory.mktemp("control")
    monkeypatch.setattr(control, "SOCKETS", str(place))
    said = line(version="9", plane="paper", uptime=5, up=False, counters={}, peers={})
    with controlling(place / f"{peopled.name}.sock", said) as daemon:
        assert command.run(["--once", "--interval", "0.1", peopled.name]) == 0
    assert "wiresnake 9, paper plane  since 5s  down" in capsys.readouterr().out
    assert len(daemon.asked[0]["peers"]) == 1
    assert daemon.asked[0]["ask"] == "statistics"


def test_friendly_names_come_from_the_configuration(
    peopled: FakeDaemon, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(control, "SOCKETS", "/nowhere")
    monkeypatch.setattr(command, "_CONFIGURATIONS", tmp_path)
    key = "A" * 42 + "c="
    text = f"[Peer]\n# friendly_name = laptop\nPublicKey = {key}\n"
    (tmp_path / f"{peopled.name}.conf").write_text(text)
    assert command.run(["--once", "--interval", "0.1", peopled.name]) == 0
    assert "laptop" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [["--fast"], ["--interval"], ["--interval", "0"], ["--interval", "x"], ["--interval", "nan"]],
)
def test_wrong_words_cost_the_usage(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert command.run(words) == 1
    assert capsys.readouterr() == ("", command.USAGE + "\n")


def test_an_interface_that_is_not_there(
    directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.run(["--once", "wg9"]) == 1
    assert capsys.readouterr().err == "Unable to access interface wg9: No such device\n"
