"""The WireGuard programs under test: how each is started and found ready."""

import shutil
import socket
import sys
from dataclasses import dataclass, field
from pathlib import Path

from bench.lab.hosts import Host
from bench.lab.processes import Running, first_line

START_LIMIT = 15.0
SOCKETS = "/var/run/wireguard"


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
        daemon = Daemon(self, host, interface)
        daemon.wait_ready()
        return daemon

    def version(self) -> str:
        """Return what it says of itself, in one line."""
        return first_line(self.argv[0], "--version")


class Daemon(Running):
    """A running WireGuard program, which serves one interface."""

    def __init__(self, program: Program, host: Host, interface: str) -> None:
        super().__init__(host, [*program.argv, interface], program.environment)
        self.name = program.name
        self.program = program
        self.interface = interface

    @property
    def socket_path(self) -> Path:
        """Where its UAPI socket is, seen from outside its host."""
        return self.host.path(f"{SOCKETS}/{self.interface}.sock")

    def wait_ready(self) -> None:
        """Wait until the UAPI socket takes a connection. Raises DaemonFailed."""
        self.wait_until(self._answers, START_LIMIT)

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self.socket_path)) == 0


def wiresnake(plane: str = "auto", name: str = "wiresnake") -> Program:
    """Return our own program, from the environment this Python runs in, with one of its planes."""
    beside = Path(sys.executable).with_name("wiresnaked")
    program = str(beside) if beside.exists() else shutil.which("wiresnaked") or "wiresnaked"
    return Program(name, (program, "--foreground", "--plane", plane))


def wireguard_go(path: str = "wireguard-go", name: str = "wireguard-go") -> Program:
    """Return the Go implementation, as the distribution has it or at ``path``."""
    return Program(name, (path, "-f"), {"WG_PROCESS_FOREGROUND": "1", "LOG_LEVEL": "error"})


def boringtun(path: str, name: str = "boringtun") -> Program:
    """Return Cloudflare's implementation at ``path``.

    It stays root, for it would otherwise look for the user who asked `sudo`.
    """
    return Program(name, (path, "--foreground", "--disable-drop-privileges"))


def named(name: str) -> Program:
    """Return the program called ``name`` in options. Raises KeyError."""
    known = {
        "wiresnake": wiresnake(),
        "wiresnake native": wiresnake("native", "wiresnake native"),
        "wiresnake portable": wiresnake("portable", "wiresnake portable"),
        "wireguard-go": wireguard_go(),
    }
    return known[name]
