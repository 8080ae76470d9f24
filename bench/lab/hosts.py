"""Hosts on one machine: network namespaces, and the cables between them.

Everything is undone when the block ends, whatever happened inside:

    with host("left") as left, host("right") as right:
        cable(left, right, ("192.0.2.1/24", "2001:db8::1/64"), ("192.0.2.2/24", "2001:db8::2/64"))
        print(left.run("ping", "-c1", "192.0.2.2"))
"""

import contextlib
import ctypes
import itertools
import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from typing import IO

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)
_serial = itertools.count()


class ProgramFailed(RuntimeError):
    """A program that was run in a host ended with another status than 0."""


class Host:
    """One host. ``name`` is that of its namespace, unique on the machine."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._running: list[subprocess.Popen[bytes]] = []

    @property
    def _path(self) -> str:
        return f"/run/netns/{self.name}"

    def start(
        self,
        *argv: str,
        environment: Mapping[str, str] | None = None,
        output: int | IO[bytes] = subprocess.DEVNULL,
        errors: int | IO[bytes] = subprocess.DEVNULL,
        private_mounts: bool = False,
    ) -> subprocess.Popen[bytes]:
        """Start a program inside; it is ended with the host at the latest.

        With ``private_mounts`` what it mounts is seen by nobody else.
        """
        entry = ["nsenter", f"--net={self._path}", "--"]
        if private_mounts:
            entry += ["unshare", "--mount", "--propagation", "private", "--"]
        process = subprocess.Popen(
            [*entry, *argv],
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
        )
        self._running.append(process)
        return process

    def run(self, *argv: str, text: str = "", check: bool = True, limit: float = 60) -> str:
        """Run a program inside, ``text`` on its standard input, and return what it printed.

        Raises ProgramFailed when it ends with another status than 0 and ``check`` is set, and
        subprocess.TimeoutExpired after ``limit`` seconds.
        """
        done = subprocess.run(
            ["nsenter", f"--net={self._path}", "--", *argv],
            input=text,
            capture_output=True,
            text=True,
            check=False,
            timeout=limit,
        )
        if check and done.returncode:
            raise ProgramFailed(f"{' '.join(argv)}: {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def ip(self, command: str) -> str:
        """Run ``ip COMMAND`` inside."""
        return self.run("ip", *command.split())

    def sysctl(self, **values: int) -> None:
        """Write sysctls inside, a name with two underscores for each dot."""
        pairs = [f"{name.replace('__', '.')}={value}" for name, value in values.items()]
        self.run("sysctl", "-qw", *pairs)

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Bring the calling thread into this host; sockets opened inside stay there."""
        with open("/proc/thread-self/ns/net") as home, open(self._path) as there:
            _setns(there.fileno())
            try:
                yield
            finally:
                _setns(home.fileno())

    def socket(self, family: int, kind: int, protocol: int = 0) -> socket.socket:
        """Open a socket in this host, with a time limit of five seconds on every call."""
        with self.entered():
            opened = socket.socket(family, kind, protocol)
        opened.settimeout(5)
        return opened

    def end_programs(self) -> None:
        """End what still runs inside: what `start` started is asked first, the rest is killed."""
        for process in self._running:
            if process.poll() is None:
                process.terminate()
        for process in self._running:
            try:
                process.wait(1)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._running.clear()
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def pids(self) -> list[int]:
        """Return the ids of all processes inside, those that went to the background too."""
        shown = subprocess.run(
            ["ip", "netns", "pids", self.name], capture_output=True, text=True, check=True
        )
        return [int(pid) for pid in shown.stdout.split()]


def _setns(descriptor: int) -> None:
    if _libc.setns(descriptor, CLONE_NEWNET):
        number = ctypes.get_errno()
        raise OSError(number, f"setns: {os.strerror(number)}")


@contextlib.contextmanager
def host(role: str) -> Iterator[Host]:
    """Make a host for the length of the block; ``role`` is a part of its name."""
    made = Host(f"ws-{os.getpid()}-{next(_serial)}-{role}")
    subprocess.run(["ip", "netns", "add", made.name], check=True)
    try:
        made.ip("link set lo up")
        yield made
    finally:
        made.end_programs()
        subprocess.run(["ip", "netns", "del", made.name], check=True)


def cable(
    left: Host,
    right: Host,
    left_addresses: Sequence[str],
    right_addresses: Sequence[str],
    names: tuple[str, str] = ("cable", "cable"),
    mtu: int = 1500,
) -> None:
    """Join two hosts by a cable, with these addresses (and prefix lengths) at its ends.

    It goes away with either host.
    """
    ends = ((left, names[0], left_addresses), (right, names[1], right_addresses))
    left.ip(f"link add {names[0]} type veth peer name {names[1]} netns {right.name}")
    for end, name, addresses in ends:
        for address in addresses:
            give_address(end, name, address)
        end.ip(f"link set {name} mtu {mtu} up")


def give_address(where: Host, link: str, address: str) -> None:
    """Give ``link`` an address that is usable at once."""
    settled = " nodad" if ":" in address else ""
    where.ip(f"address add {address} dev {link}{settled}")


def take_address(where: Host, link: str, address: str) -> None:
    """Take an address away from ``link``."""
    where.ip(f"address del {address} dev {link}")
