"""Rehearsals: what a lone packet takes, gone through with nothing to move.

A packet that finds everything in cold memory takes twenty times as long as a warm one
(docs/portable-plane.md), and one packet is often soon followed by another. So for a moment after
each the plane rehearses: the code, and the objects of the interpreter that it needs, stay at hand.
"""

from collections.abc import Callable, Sequence
from typing import Final

from wiresnake.door.commands import Add, Install, Route, Session, SetEndpoint, Sockets
from wiresnake.plane.portable.engine import Engine
from wiresnake.plane.portable.transport import KEY_SIZE, Buffer
from wiresnake.plane.portable.ways import Way
from wiresnake.values.addresses import Endpoint, Prefix
from wiresnake.values.instants import NEVER, Instant

INTERVAL: Final = 0.002
"""Seconds without a packet until a rehearsal."""
COUNT: Final = 12
"""Rehearsals after a packet, if none follows: 24 ms of them, since voice has a packet in 20."""
FLOW: Final = 16
"""Arrivals without a rehearsal between them that make a flow."""

_LENGTH: Final = 84
"""Bytes of an IPv4 packet from 0.0.0.0 to itself; a ping has as many."""
_PACKET: Final = b"\x45\x00" + _LENGTH.to_bytes(2) + bytes(_LENGTH - 4)
_NOWHERE: Final = Endpoint(bytes(4), 0)
_INDEX: Final = 1
_PEER: Final = 1


class Moment:
    """The moment after something came: how long to wait for more, and what is due if none does.

    A wait with a limit sets a timer, and to do so each time costs a flow of small packets 5 to 8%
    of them. So in a flow only each 16th wait has a limit: enough to find its end.
    """

    def __init__(self) -> None:
        self._left = 0
        self._flow = 0

    @property
    def patience(self) -> float:
        """Seconds to wait until the next rehearsal; below 0: for ever."""
        if not self._left or (self._flow > FLOW and self._flow % FLOW):
            return -1.0
        return INTERVAL

    def renew(self) -> None:
        """Something came."""
        self._left = COUNT
        self._flow += 1

    def pass_by(self) -> None:
        """Nothing came, and a rehearsal was made of it."""
        self._left -= 1
        self._flow = 0


class _Loop:
    """A wire that keeps what it was given, to be received again, and a sink that takes anything."""

    is_up = True

    def __init__(self, probe: Callable[[Buffer], None]) -> None:
        self._probe = probe
        self.sent: tuple[Way, Buffer, int, int] = Way(_NOWHERE), b"", 0, 0

    def replace(self, v4: int | None, v6: int | None) -> None:
        """There is nothing to replace."""

    def send(self, way: Way, datagrams: Buffer, segment: int, tos: int) -> int:
        self.sent = way, datagrams, segment, tos
        self._probe(datagrams)
        return len(datagrams)

    def deliver(self, packets: Sequence[Buffer]) -> None:
        """There is nobody to deliver to."""


class Rehearsal:
    """A core of its own with one peer, itself, under a session whose key nobody else has.

    So a rehearsal changes no counter, stamp or window of the plane. ``probe`` is shown each sealed
    message and must not send it.
    """

    def __init__(self, probe: Callable[[Buffer], None], random: Callable[[int], bytes]) -> None:
        self._loop = _Loop(probe)
        self._engine = Engine(self._loop, self._loop, random)
        key = random(KEY_SIZE)
        session = Session(
            local_index=_INDEX,
            remote_index=_INDEX,
            send_key=key,
            receive_key=key,
            initiator=True,
            born=0.0,
            renew_on_send_at=NEVER,
            renew_on_receive_at=NEVER,
            dies_at=NEVER,
        )
        self._engine.apply(
            [
                Sockets(0, None),
                Add(_PEER),
                Route(_PEER, (Prefix(bytes(4), 0),)),
                SetEndpoint(_PEER, _NOWHERE),
                Install(_PEER, session),
            ],
            0.0,
        )

    def run(self, now: Instant) -> None:
        """Send a packet alone, and receive it alone."""
        self._engine.inside.send_alone(_PACKET, now)
        way, datagram, segment, tos = self._loop.sent
        length = len(datagram)
        inbound = self._engine.inbound
        inbound.buffer[:length] = datagram
        inbound.receive_untrusted(length, segment, way, tos, now)
