"""A host of its own for each test of a real daemon, and the daemons started in it."""

import json
import os
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from wiresnake.daemon.doorstep import CONTROL_DIRECTORY, socket_path
from wiresnake.host.namespaces import Namespace

LIMIT = 10.0


def until(condition, limit=LIMIT):
    """Wait for ``condition()`` and return what it returned. Raises TimeoutError."""
    give_up = time.monotonic() + limit
    while not (value := condition()):
        if time.monotonic() > give_up:
            raise TimeoutError
        time.sleep(0.005)
    return value


def alive(pid):
    """Whether the process runs: neither gone nor a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def children(pid):
    """Return the process ids of all that descend from ``pid``."""
    try:
        direct = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [int(each) for each in direct] + [it for each in direct for it in children(int(each))]


@dataclass
class Running:
    """A daemon in the foreground."""

    host: Namespace
    name: str
    process: subprocess.Popen
    errors: Path
    family: list = field(default_factory=list)

    @property
    def socket(self):
        return self.host.path(str(socket_path(self.name)))

    @property
    def control(self):
        return self.host.path(str(socket_path(self.name, CONTROL_DIRECTORY)))

    def ask(self, requests):
        """Send lines to the control socket and return the replies."""
        with socket.socket(socket.AF_UNIX) as connection, connection.makefile("rb") as replies:
            connection.settimeout(LIMIT)
            connection.connect(str(self.control))
            connection.sendall(requests.encode())
            connection.shutdown(socket.SHUT_WR)
            return [json.loads(line) for line in replies]

    def wg(self, *words, text="", check=True):
        return self.host.run(["wg", words[0], self.name, *words[1:]], text=text, check=check).stdout

    def up(self):
        self.host.ip("link", "set", self.name, "up")

    def ended(self):
        """Wait for the end, see that nothing stayed, and return the status and what it said."""
        status = self.process.wait(LIMIT)
        until(lambda: not any(alive(pid) for pid in self.family))
        assert not self.socket.exists()
        assert self.host.run(["ip", "link", "show", self.name], check=False).returncode
        return status, self.errors.read_text()


@dataclass
class Place:
    """Where the daemons of one test live."""

    host: Namespace
    tmp: Path
    started: int = 0

    @property
    def program(self):
        return str(Path(sys.executable).with_name("wiresnaked"))

    def attempt(self, *words, environment=None, before=()):
        """Run the daemon until the process that was started ends; return status and words."""
        done = self.host.run(
            [*before, self.program, *words],
            env={**os.environ, **(environment or {})},
            check=False,
            timeout=LIMIT,
        )
        return done.returncode, done.stdout, done.stderr

    def start(self, name="wg0", *words, environment=None):
        """Start one in the foreground and wait until its socket answers."""
        self.started += 1
        errors = self.tmp / f"{name}.{self.started}.log"
        with errors.open("wb") as sink:
            process = self.host.popen(
                [self.program, "-f", *words, name],
                env={**os.environ, **(environment or {})},
                stderr=sink,
            )
        daemon = Running(self.host, name, process, errors)
        until(lambda: self._answers(daemon))
        daemon.family = [process.pid, *children(process.pid)]
        return daemon

    def _answers(self, daemon):
        assert daemon.process.poll() is None, daemon.errors.read_text()
        return daemon.wg("show", "listen-port", check=False) != ""


@pytest.fixture
def place(tmp_path):
    with Namespace("daemon") as host:
        yield Place(host, tmp_path)


@pytest.fixture(name="until")
def _until():
    return until
