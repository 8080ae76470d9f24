"""What the pure core asks of the shell around it: a wire outside and a sink inside."""

from collections.abc import Sequence
from typing import Protocol

from wiresnake.plane.portable.transport import Buffer
from wiresnake.plane.portable.ways import Way


class Wire(Protocol):
    """The outer side: UDP."""

    @property
    def is_up(self) -> bool:
        """Whether there are sockets."""

    def replace(self, v4: int | None, v6: int | None) -> None:
        """Send and receive on these descriptors; the old ones are closed, None closes for good."""

    def send(self, way: Way, datagrams: Buffer, segment: int, tos: int) -> int:
        """Send datagrams that lie one behind the other, each of ``segment`` bytes, the last maybe
        shorter, with this traffic class; return the bytes sent.

        What fails is counted. A source address that stopped working is forgotten in ``way``. The
        buffer is the caller's again when this returns.
        """


class Sink(Protocol):
    """The inner side: IP packets toward the host."""

    def deliver(self, packets: Sequence[Buffer]) -> None:
        """Write packets in this order; what does not fit is dropped and counted.

        The buffers are the caller's again when this returns.
        """
