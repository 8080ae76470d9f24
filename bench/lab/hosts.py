"""Hosts on one machine, as a laboratory needs them: a namespace, with sockets and errands.

Everything is undone when the block ends, whatever happened inside:

    with Host("left") as left, Host("right") as right:
        cable(left, right, ["192.0.2.1/24", "2001:db8::1/64"], ["192.0.2.2/24", "2001:db8::2/64"])
        print(left.call("ping", "-c1", "192.0.2.2"))
"""

import contextlib
import socket
import subprocess
from collections.abc import Sequence

from wiresnake.host.namespaces import Namespace, join


class Host(Namespace):
    """One host. What is entered into ``resources`` is closed after its programs have ended."""

    def __init__(self, label: str) -> None:
        self.resources = contextlib.ExitStack()
        super().__init__(label)

    def close(self) -> None:
        """End what runs inside and let the host go; idempotent."""
        with self.resources:
            super().close()

    def call(self, *argv: str, text: str = "", check: bool = True, limit: float = 60) -> str:
        """Run a program inside and return what it printed; `Namespace.run` in few words."""
        return self.run(argv, text=text, check=check, timeout=limit).stdout

    def start(self, *argv: str) -> subprocess.Popen[bytes]:
        """Start a program inside, unheard; it is ended with the host at the latest."""
        quiet = subprocess.DEVNULL
        return self.popen(argv, stdout=quiet, stderr=quiet)

    def sysctl(self, values: dict[str, int]) -> None:
        """Write kernel settings inside."""
        self.call("sysctl", "-qw", *(f"{name}={value}" for name, value in values.items()))

    def socket(self, family: int, kind: int, protocol: int = 0) -> socket.socket:
        """Open a socket in this host, with a time limit of five seconds on every call."""
        with self.enter():
            opened = socket.socket(family, kind, protocol)
        opened.settimeout(5)
        return opened


def cable(
    left: Host,
    right: Host,
    left_addresses: Sequence[str],
    right_addresses: Sequence[str],
    names: tuple[str, str] = ("eth0", "eth0"),
) -> None:
    """Join two hosts by a cable, with these addresses (and prefix lengths) at its ends.

    It goes away with either host.
    """
    join(left, right, names)
    for end, name, addresses in (
        (left, names[0], left_addresses),
        (right, names[1], right_addresses),
    ):
        for address in addresses:
            end.add_address(name, address)
