"""Packets for the inner side, joined into trains so that one write carries many of them.

What makes a train is what makes one in the kernel's receive offload: TCP segments of one flow, each
beginning where the one before ended, alike in every header field but identification, checksum, PSH
and FIN; UDP datagrams of one flow. All are of one size but the last, which may be shorter.
`joined.Joined` holds these rules, and what is done so that a train hides no wrong checksum.

Several flows grow side by side, and each packet leaves in a frame no earlier than those that came
before it in its flow: a packet that joins nothing closes its flow's train, and one whose flow is
not clear, such as a fragment, closes all.
"""

from struct import Struct
from typing import Final

from wiresnake.plane.portable import virtio
from wiresnake.plane.portable.checksum import word_sum
from wiresnake.plane.portable.joined import DONT_FRAGMENT, TCP, UDP, Frame, Joined, Shape, shape

_IPV4: Final = Struct("!2xHxxH")
_IPV6: Final = Struct("!4xH")
_read = int.from_bytes


class Coalescer:
    """Takes packets in order and gives back frames to write, in an order that keeps each flow's.

    Made for one batch after another: `add` every packet, then `take` all frames. Views of packets
    are kept until then, and in the frames.
    """

    def __init__(
        self, *, vnet_header: bool, tso: bool, uso: bool, verify_tcp: bool = False
    ) -> None:
        """Say what the inner side accepts: virtio headers at all, and TCP and UDP trains.

        ``verify_tcp`` sums TCP segments here instead of leaving that to the host.
        """
        self._prefix: Frame = [virtio.NO_OFFLOAD] if vnet_header else []
        self._tso = tso and vnet_header
        self._uso = uso and vnet_header
        self._verify_tcp = verify_tcp
        self._closed = Joined(shape(20, TCP, 40))
        self._last = self._closed
        self._growing: dict[bytes, Joined] = {}
        self._frames: list[Frame | Joined] = []

    def add(self, packet: memoryview) -> None:
        """Add a packet of exactly the length that its IP header says, with no padding behind."""
        train = self._last
        if len(packet) == train.size and train.room:
            kind = train.shape
            head = _read(packet[: kind.header])
            if head & kind.mask == train.expected:
                payload = packet[kind.header :]
                if train.verified and (head + train.residue + word_sum(payload)) % 65535:
                    train.room = 0
                    self._add_alone(packet)
                    return
                train.expected += train.step
                train.room -= 1
                train.heads.append(head)
                train.parts.append(payload)
                return
        self._place(packet)

    def take(self) -> list[Frame]:
        """Return all frames since the last call, each to be written by itself, in this order."""
        prefix = self._prefix
        frames = [item.frame(prefix) if isinstance(item, Joined) else item for item in self._frames]
        self._frames = []
        self._close_all()
        return frames

    def _add_alone(self, packet: memoryview) -> None:
        self._frames.append([*self._prefix, packet])

    def _close_all(self) -> None:
        self._growing.clear()
        self._last = self._closed

    def _place(self, packet: memoryview) -> None:
        """Find the train that ``packet`` goes on with, or begin one, or let it go alone."""
        kind = self._shape_of(packet)
        if kind is None:
            self._add_alone(packet)
            self._close_all()
            return
        flow = bytes(packet[12:24] if kind.four else packet[8:44]) + bytes((kind.tcp,))
        train = self._growing.get(flow)
        if train is not None and train.room:
            if train.goes_on(kind, packet):
                self._last = train
                return
            train.room = 0
        train = Joined.begun(kind, packet, verified=self._verify_tcp or not kind.tcp)
        if train is None:
            self._growing.pop(flow, None)
            self._add_alone(packet)
            return
        self._growing[flow] = self._last = train
        self._frames.append(train)

    def _shape_of(self, packet: memoryview) -> Shape | None:
        """Return the shape of a packet that trains are made of, or None."""
        size = len(packet)
        if size > 20 and packet[0] == 0x45:
            length, fragment = _IPV4.unpack_from(packet)
            if length != size or fragment & ~DONT_FRAGMENT:
                return None
            start, protocol = 20, packet[9]
        elif size > 40 and packet[0] >> 4 == 6:
            if _IPV6.unpack_from(packet)[0] + 40 != size:
                return None
            start, protocol = 40, packet[6]
        else:
            return None
        if protocol == TCP and self._tso and size >= start + 20:
            header = start + 4 * (packet[start + 12] >> 4)
            return shape(start, TCP, header) if start + 20 <= header <= size else None
        if protocol == UDP and self._uso and size >= start + 8:
            return shape(start, UDP, start + 8)
        return None
