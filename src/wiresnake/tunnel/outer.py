"""The outer side of a tunnel: which port, which mark, which sockets are open.

Both sockets of a new port are open before the old ones are given up, so that a port in use is
known before anything has changed.
"""

import os
from contextlib import suppress
from dataclasses import dataclass

from wiresnake.config.model import Change
from wiresnake.door.commands import Sockets
from wiresnake.host.udp import UdpPair
from wiresnake.tunnel.surroundings import Surroundings

DOWN = Sockets(None, None)


@dataclass(frozen=True, slots=True)
class Move:
    """A change of port or mark that has succeeded on the host and waits to be taken.

    ``pair`` is None when the sockets that are open serve on.
    """

    port: int
    mark: int
    pair: UdpPair | None


class Outer:
    """The sockets of one tunnel.

    ``port`` is the port asked for or, once sockets were open, the one in use; 0 is any.
    The plane is given duplicates of the descriptors; the pair stays here for its mark.
    """

    def __init__(self, host: Surroundings) -> None:
        self.port = 0
        self.mark = 0
        self._host = host
        self._pair: UdpPair | None = None
        self._chosen_at_random = True

    @property
    def is_open(self) -> bool:
        """Whether sockets are open."""
        return self._pair is not None

    @property
    def families(self) -> list[str]:
        """The address families that have a socket: of ``ipv4`` and ``ipv6``."""
        if self._pair is None:
            return []
        both = (("ipv4", self._pair.v4), ("ipv6", self._pair.v6))
        return [family for family, one in both if one is not None]

    def open(self) -> Sockets:
        """Open both sockets on the port last in use. Raises OSError.

        A port that was chosen at random and is taken by now is chosen anew.
        """
        try:
            pair = self._host.open_pair(self.port, self.mark)
        except OSError:
            if not (self.port and self._chosen_at_random):
                raise
            pair = self._host.open_pair(0, self.mark)
        self._pair, self.port = pair, pair.port
        return handed_over(pair)

    def close(self) -> None:
        """Give up the sockets, if any; the port stays for the next time."""
        if self._pair is not None:
            self._pair.close()
            self._pair = None

    def prepare(self, change: Change, *, up: bool) -> Move | None:
        """Do on the host what ``change`` asks; None if it asks nothing here.

        Raises OSError when the host refuses, and then nothing has changed. The same port again is
        no change; 0 always is one, and means another port at random.
        """
        port = self.port if change.listen_port is None else change.listen_port
        mark = self.mark if change.fwmark is None else change.fwmark
        named = change.listen_port is not None
        moves = port != self.port or (named and up and (port == 0 or not self.is_open))
        if up and moves:
            return Move(port, mark, self._host.open_pair(port, mark))
        if not moves and mark == self.mark:
            return None
        if self._pair is not None:
            self._mark_or_restore(self._pair, mark)
        return Move(port, mark, None)

    def take(self, move: Move) -> None:
        """Make ``move`` the state; the sockets it replaces are closed here.

        The plane must have the sockets of ``move`` by then.
        """
        self._chosen_at_random = move.port == 0 or (
            self._chosen_at_random and move.port == self.port
        )
        self.port, self.mark = move.port, move.mark
        if move.pair is not None:
            self.close()
            self._pair = move.pair
            self.port = move.pair.port

    def _mark_or_restore(self, pair: UdpPair, mark: int) -> None:
        try:
            self._host.set_mark(pair, mark)
        except OSError:
            with suppress(OSError):
                self._host.set_mark(pair, self.mark)
            raise


def handed_over(pair: UdpPair) -> Sockets:
    """Return the command that gives the plane descriptors of its own to ``pair``."""
    v4 = os.dup(pair.v4.fileno()) if pair.v4 is not None else None
    v6 = os.dup(pair.v6.fileno()) if pair.v6 is not None else None
    return Sockets(v4, v6)
