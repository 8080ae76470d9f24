"""The programs under test: how each is started, watched and ended."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from bench.lab.hosts import Host

START_LIMIT = 15.0
SOCKETS = "/var/run/wireguard"


class DaemonFailed(RuntimeError):
    """A daemon did not come up; the message holds what it said."""


@dataclass(frozen=True, slots=True)
class Program:
    """A WireGuard program in userspace; ``argv`` is completed by the name of an interface."""

    name: str
    argv: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)

    def start(self, host: Host, interface: str) -> "Daemon":
        """Start it in ``host`` and return when its UAPI socket answers.

        Raises DaemonFailed.
        """
        log = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the host
        host.resources.enter_context(log)
        process = host.popen(
            [*self.argv, interface], stdout=log, stderr=log, env={**os.environ, **self.environment}
        )
        daemon = Daemon(self, host, interface, process, log)
        daemon.wait_ready()
        return daemon


class Daemon:
    """A running program, with all the processes it is made of."""

    def __init__(
        self,
        program: Program,
        host: Host,
        interface: str,
        process: subprocess.Popen[bytes],
        log: BinaryIO,
    ) -> None:
        self.program = program
        self.host = host
        self.interface = interface
        self.process = process
        self._log = log

    @property
    def socket_path(self) -> Path:
        """Where its UAPI socket is, seen from outside its host."""
        return self.host.path(f"{SOCKETS}/{self.interface}.sock")

    def said(self) -> str:
        """Return what it printed so far."""
        self._log.seek(0)
        return self._log.read().decode(errors="replace").strip()

    def wait_ready(self) -> None:
        """Wait until the UAPI socket takes a connection. Raises DaemonFailed."""
        give_up = time.monotonic() + START_LIMIT
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > give_up:
                raise DaemonFailed(f"{self.program.name} did not start: {self.said()}")
            time.sleep(0.005)

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self.socket_path)) == 0

    def processes(self) -> list[int]:
        """Return the process ids of the daemon: the first, and all that descend from it."""
        children: dict[int, list[int]] = {}
        for pid, parent in _parents():
            children.setdefault(parent, []).append(pid)
        found = [self.process.pid]
        for pid in found:
            found += children.get(pid, [])
        return found

    def memory(self) -> int:
        """Return the bytes of memory of all its processes, shared pages divided (PSS)."""
        return sum(_memory_line(pid, "smaps_rollup", "Pss:") for pid in self.processes())

    def cpu_seconds(self) -> float:
        """Return the processor time that all its processes have used."""
        ticks = 0
        for pid in self.processes():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def stop(self, limit: float = 5) -> int:
        """Ask it to end (SIGTERM), wait, and return its status; kill it after ``limit`` s."""
        self.process.terminate()
        try:
            return self.process.wait(limit)
        except subprocess.TimeoutExpired:
            self.kill()
            return self.process.wait()

    def kill(self) -> None:
        """Kill every process of it at once, as a crash of the machine's worst kind would."""
        for pid in self.processes():
            _signal(pid, signal.SIGKILL)
        self.process.wait()


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _parents() -> Iterable[tuple[int, int]]:
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text()
        except OSError:
            continue  # it ended while we looked
        yield int(text.partition(" ")[0]), int(text.rpartition(")")[2].split()[1])


def _memory_line(pid: int, file: str, label: str) -> int:
    try:
        text = Path(f"/proc/{pid}/{file}").read_text()
    except OSError:
        return 0
    for line in text.splitlines():
        if line.startswith(label):
            return int(line.split()[1]) * 1024
    return 0


def wiresnake(plane: str = "portable") -> Program:
    """Return our own program, from the environment this Python runs in."""
    beside = Path(sys.executable).with_name("wiresnaked")
    program = str(beside) if beside.exists() else shutil.which("wiresnaked") or "wiresnaked"
    return Program("wiresnake", (program, "--foreground", "--plane", plane))


def wireguard_go(path: str = "wireguard-go", name: str = "wireguard-go") -> Program:
    """Return the Go implementation, as the distribution has it or at ``path``."""
    return Program(name, (path, "-f"), {"WG_PROCESS_FOREGROUND": "1", "LOG_LEVEL": "error"})


def named(name: str) -> Program:
    """Return the program called ``name`` in options and results. Raises KeyError."""
    known = {"wiresnake": wiresnake(), "wireguard-go": wireguard_go()}
    return known[name]
