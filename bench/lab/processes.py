"""A program that runs in a host, with all the processes it is made of."""

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from bench.lab.hosts import Host


class DaemonFailed(RuntimeError):
    """A daemon did not come up; the message holds what it said."""


class Running:
    """A running program: what it costs, and how it is ended.

    It starts when this is made; what it prints is kept until its host is closed.
    """

    def __init__(
        self, host: Host, argv: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> None:
        self.host = host
        self.name = Path(argv[0]).name
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the host
        host.resources.enter_context(self._log)
        self.process = host.popen(
            argv, stdout=self._log, stderr=self._log, env={**os.environ, **(environment or {})}
        )

    def said(self) -> str:
        """Return what it printed so far."""
        self._log.seek(0)
        return self._log.read().decode(errors="replace").strip()

    def wait_until(self, ready: Callable[[], object], limit: float) -> None:
        """Wait until ``ready`` returns something true. Raises DaemonFailed if the program has
        ended or ``limit`` seconds have passed before.
        """
        give_up = time.monotonic() + limit
        while not ready():
            if self.process.poll() is not None or time.monotonic() > give_up:
                raise DaemonFailed(f"{self.name} did not start: {self.said()}")
            time.sleep(0.005)

    def processes(self) -> list[int]:
        """Return the process ids of the program: the first, and all that descend from it."""
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
        """Return the processor time that all its processes have used, of every thread, also in
        the kernel.
        """
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


def first_line(*argv: str) -> str:
    """Run a program that tells its version, and return the first line of it."""
    said = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=10)
    return (said.stdout.strip() or said.stderr.strip()).split("\n")[0] or "unknown"


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
