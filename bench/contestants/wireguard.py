"""A WireGuard program as a contestant."""

from dataclasses import dataclass

from bench.contestants.contract import MTU, Contestant, Link, Unsuited, link_that_answers
from bench.lab.hosts import Host
from bench.lab.programs import Program
from bench.lab.tunnels import OUTER, End, Tunnel, endpoint

PATIENCE = 8.0


@dataclass(frozen=True, slots=True)
class WireGuard:
    """The same ``program`` at both ends. What is asked of WireGuard alone is asked of that."""

    program: Program

    @property
    def name(self) -> str:
        """The name of the program."""
        return self.program.name

    def version(self) -> str:
        """Return what the program says of itself."""
        return self.program.version()

    def connect(self, left: Host, right: Host) -> Link:
        """Join the hosts; the left one begins the handshake."""
        ends = [
            End(host, self.program, side, endpoint(OUTER[4][side]))
            for side, host in enumerate((left, right))
        ]
        Tunnel(ends[0], ends[1]).bring_up(mtu=MTU)
        return link_that_answers(left, right, [end.running for end in ends], within=PATIENCE)


def program_of(contestant: Contestant) -> Program:
    """Return the WireGuard program that a contestant is. Raises Unsuited if it is none."""
    if not isinstance(contestant, WireGuard):
        raise Unsuited("not for what has no UAPI")
    return contestant.program
