"""A watcher on a link: what goes by, by kind, and whether the plaintext can be read in it."""

import contextlib
import socket
import threading
from collections import Counter
from struct import Struct
from types import TracebackType
from typing import Final, Self

from wiresnake.host.namespaces import Namespace

MARKER: Final = b"THIS LINE IS PLAINTEXT, NOT TO BE SEEN ON THE CABLE. "

_ETH_P_ALL: Final = 3
_SOL_PACKET: Final = 263
_PACKET_STATISTICS: Final = 6
_PACKET_VNET_HDR: Final = 15
_SO_RCVBUFFORCE: Final = 33
_BUFFER: Final = 32 << 20
_VNET_HEADER: Final = Struct("<BBHHHH")
_STATISTICS: Final = Struct("=II")
_IPV4: Final = 0x0800
_IPV6: Final = 0x86DD
_ARP: Final = 0x0806
_HOP_BY_HOP: Final = 0
_UDP: Final = 17
_ICMPV6: Final = 58

MESSAGES: Final = {
    1: "handshake initiation",
    2: "handshake response",
    3: "cookie reply",
    4: "transport data",
}
NEIGHBOURS: Final = "ARP and neighbour discovery"
OTHER: Final = "anything else"


class Tally:
    """What went by on a link: ``kinds`` counts packets by kind, ``octets`` the bytes of them.

    A train of segments that the kernel hands over as one counts as the datagrams it is cut into.
    ``readable`` counts the packets in which MARKER can be read.
    """

    def __init__(self, port: int, *, ethernet: bool = True) -> None:
        self.kinds: Counter[str] = Counter()
        self.octets: Counter[str] = Counter()
        self.readable = 0
        self._port = port
        self._ethernet = ethernet

    def look(self, frame: bytes | bytearray | memoryview) -> None:
        """Count one packet, which has a virtio header of ten bytes in front of it."""
        segment_size = _VNET_HEADER.unpack_from(frame)[3]
        packet = memoryview(frame)[_VNET_HEADER.size :]
        kind, payload = self._classify(packet)
        self.kinds[kind] += -(-payload // segment_size) if segment_size and payload else 1
        self.octets[kind] += len(packet)
        self.readable += MARKER in bytes(packet)

    def _classify(self, packet: memoryview) -> tuple[str, int]:
        """Return the kind of a packet, and the bytes of its WireGuard messages."""
        if self._ethernet:
            ether_type, packet = int.from_bytes(packet[12:14]), packet[14:]
        else:
            ether_type = {4: _IPV4, 6: _IPV6}.get(packet[0] >> 4, 0)
        if ether_type == _ARP:
            return NEIGHBOURS, 0
        if ether_type == _IPV4 and len(packet) >= 20:
            protocol, header = packet[9], (packet[0] & 15) * 4
        elif ether_type == _IPV6 and len(packet) >= 40:
            protocol, header = packet[6], 40
            if protocol in {_HOP_BY_HOP, _ICMPV6}:
                return NEIGHBOURS, 0
        else:
            return OTHER, 0
        datagram = packet[header:]
        ports = int.from_bytes(datagram[:2]), int.from_bytes(datagram[2:4])
        if protocol != _UDP or self._port not in ports:
            return OTHER, 0
        message = int.from_bytes(datagram[8:12], "little")
        return MESSAGES.get(message, OTHER), len(datagram) - 8


class Watcher(threading.Thread):
    """Counts everything on one link of a host, both directions, while the block lasts.

    ``overlooked`` is how many packets came too fast to be looked at, known when it has ended.
    """

    def __init__(self, host: Namespace, link: str, port: int, *, ethernet: bool = True) -> None:
        super().__init__(daemon=True)
        self.tally = Tally(port, ethernet=ethernet)
        self.overlooked = 0
        self._stopped = threading.Event()
        with host.enter():
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            try:
                self._socket.setsockopt(_SOL_PACKET, _PACKET_VNET_HDR, 1)
                with contextlib.suppress(OSError):
                    self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
                self._socket.settimeout(0.1)
                self._socket.bind((link, _ETH_P_ALL))
            except BaseException:
                self._socket.close()
                raise

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopped.set()
        self.join()
        figures = self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, _STATISTICS.size)
        self.overlooked = _STATISTICS.unpack(figures)[1]
        self._socket.close()

    def run(self) -> None:
        """Look at each packet until the block ends, and at those that wait then."""
        buffer = bytearray(1 << 17)
        view = memoryview(buffer)
        while True:
            try:
                length = self._socket.recv_into(buffer)
            except OSError:  # nothing came for a while; or the link went down
                if self._stopped.is_set():
                    return
                continue
            self.tally.look(view[:length])
