"""A host of its own for each test of a real daemon, and the daemons started in it."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bench.lab.hosts import Host, host

LIMIT = 10.0
RUNTIME = Path("/var/run/wireguard")


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

    place: Host
    name: str
    process: subprocess.Popen
    errors: Path
    family: list = field(default_factory=list)

    @property
    def socket(self):
        return RUNTIME / f"{self.name}.sock"

    def wg(self, *words, text=""):
        return self.place.run("wg", words[0], self.name, *words[1:], text=text)

    def link(self):
        return self.place.run("ip", "-o", "link", "show", self.name, check=False)

    def ended(self):
        """Wait for the end, see that nothing stayed, and return the status and what it said."""
        status = self.process.wait(LIMIT)
        until(lambda: not any(alive(pid) for pid in self.family))
        assert not self.socket.exists()
        assert self.link() == ""
        return status, self.errors.read_text()


@dataclass
class Place:
    """Where the daemons of one test live."""

    host: Host
    tmp: Path
    serial: int = 0
    started: list = field(default_factory=list)

    def name(self):
        self.serial += 1
        return f"wsg{os.getpid()}x{self.serial}"[-15:]

    @property
    def program(self):
        return str(Path(sys.executable).with_name("wiresnaked"))

    def attempt(self, *words, environment=None, before=()):
        """Run the daemon until the process that was started ends; return status and words."""
        done = subprocess.run(
            ["nsenter", f"--net=/run/netns/{self.host.name}", "--", *before, self.program, *words],
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT,
        )
        return done.returncode, done.stdout, done.stderr

    def start(self, name=None, *words, environment=None):
        """Start one in the foreground and wait until its socket answers."""
        name = name or self.name()
        errors = self.tmp / f"{name}.{len(self.started)}.log"
        with errors.open("wb") as sink:
            process = self.host.start(
                self.program, "-f", *words, name, environment=environment, errors=sink
            )
        daemon = Running(self.host, name, process, errors)
        self.started.append(daemon)
        until(lambda: self._answers(daemon))
        daemon.family = [process.pid, *children(process.pid)]
        return daemon

    def _answers(self, daemon):
        assert daemon.process.poll() is None, daemon.errors.read_text()
        shown = self.host.run("wg", "show", daemon.name, "listen-port", check=False)
        return shown != ""


@pytest.fixture
def place(tmp_path):
    with host("daemon") as made:
        place = Place(made, tmp_path)
        try:
            yield place
        finally:
            made.end_programs()
            for daemon in place.started:
                daemon.socket.unlink(missing_ok=True)


@pytest.fixture(name="until")
def _until():
    return until
