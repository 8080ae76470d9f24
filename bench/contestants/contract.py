"""What takes part in a contest: anything that can join two hosts by a tunnel."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from bench.lab.hosts import Host
from bench.lab.processes import DaemonFailed, Running
from bench.lab.traffic import reaches
from bench.lab.tunnels import INNER, two_hosts

MTU = 1420
"""Of the interface inside, where the contestant lets it be chosen."""


class Absent(Exception):
    """A contestant cannot take part here; the text is one line that says why."""


class Unsuited(Exception):
    """A contestant has nothing that could be measured so; the text is one line."""


@dataclass(frozen=True, slots=True)
class Link:
    """Two hosts and a tunnel between them, which carries IPv4 between their INNER addresses."""

    left: Host
    right: Host
    ends: tuple[Running, Running]

    @property
    def here(self) -> str:
        """The address of the left host inside the tunnel."""
        return INNER[4][0]

    @property
    def there(self) -> str:
        """The address of the right host inside the tunnel."""
        return INNER[4][1]

    def cpu_seconds(self) -> float:
        """Return the processor time that both ends have used."""
        return sum(end.cpu_seconds() for end in self.ends)

    def memory(self) -> int:
        """Return the bytes of memory of that end which has more."""
        return max(end.memory() for end in self.ends)


def link_that_answers(left: Host, right: Host, ends: Sequence[Running], *, within: float) -> Link:
    """Return the link that ``ends`` have made, once a ping has come back through it.

    Raises DaemonFailed after ``within`` seconds, with the last that each end said.
    """
    link = Link(left, right, (ends[0], ends[1]))
    try:
        reaches(left, link.there, within=within)
    except TimeoutError as silence:
        said = "; ".join(end.said().rpartition("\n")[2] for end in ends)
        raise DaemonFailed(f"no tunnel between two of {ends[0].name}: {said}") from silence
    return link


class Contestant(Protocol):
    """One of those that are compared."""

    @property
    def name(self) -> str:
        """What it is called in options, tables and goals."""

    def version(self) -> str:
        """Return what it says of itself, in one line."""

    def connect(self, left: Host, right: Host) -> Link:
        """Join the hosts by a tunnel, and return when a ping has come back through it.

        What was started ends with the hosts. Raises DaemonFailed.
        """


@contextlib.contextmanager
def linked(contestant: Contestant) -> Iterator[Link]:
    """Make two hosts that are joined by a cable and by a tunnel of ``contestant``."""
    with two_hosts() as (left, right):
        yield contestant.connect(left, right)
