"""The ceiling probe: a tunnel that is nothing but the packet path, as a yardstick."""

from dataclasses import dataclass
from pathlib import Path

from bench.contestants.contract import MTU, Link, link_that_answers
from bench.lab.hosts import Host
from bench.lab.processes import Running
from bench.lab.tunnels import INNER, OUTER, PORT

NO_CIPHER, RING = 0, 2
INTERFACE = "probe0"
PATIENCE = 5.0


@dataclass(frozen=True, slots=True)
class Probe:
    """The probe at ``path`` with one of its ciphers."""

    name: str
    path: Path
    cipher: int

    def version(self) -> str:
        """Return which cipher it uses."""
        return "no cipher" if self.cipher == NO_CIPHER else "ring"

    def connect(self, left: Host, right: Host) -> Link:
        """Join the hosts; nothing is negotiated, so this only waits for the interfaces."""
        ends = [self._start(host, side) for side, host in enumerate((left, right))]
        return link_that_answers(left, right, ends, within=PATIENCE)

    def _start(self, host: Host, side: int) -> Running:
        port = str(PORT)
        end = Running(
            host,
            [str(self.path), INTERFACE, port, OUTER[4][1 - side], port, str(side),
             str(self.cipher)],
        )  # fmt: skip
        end.wait_until(
            lambda: host.call("ip", "-br", "link", "show", INTERFACE, check=False), PATIENCE
        )
        host.add_address(INTERFACE, f"{INNER[4][side]}/24")
        host.ip("link", "set", INTERFACE, "mtu", str(MTU), "up")
        return end
