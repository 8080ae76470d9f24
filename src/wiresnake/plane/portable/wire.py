"""The outer side: UDP sockets that send and receive whole trains (UDP_SEGMENT, UDP_GRO).

A failed send is counted, never raised. What the host refuses as a train goes again one by one, and
from then on to that destination all that is as large does. A full socket holds what it refused, up
to a bound, and says so by `is_blocked`: the shell then stops reading the inner side.
"""

import errno
import select
import socket
from collections import deque
from struct import Struct
from typing import Final, NamedTuple, TypeAlias

from wiresnake.plane.portable.counters import Counters
from wiresnake.plane.portable.transport import Buffer
from wiresnake.plane.portable.ways import Way
from wiresnake.values.addresses import Endpoint, format_address, pack_address

MAX_HELD: Final = 1 << 20
"""Bytes that wait for a full socket; beyond them trains are dropped."""
MAX_WAYS: Final = 4096
MAX_REFUSERS: Final = 4096
ANCILLARY_SIZE: Final = 128

_UDP_SEGMENT: Final = 103
_UDP_GRO: Final = 104
_IP_PKTINFO: Final = 8
_MSG_PROBE: Final = 0x10
_SEGMENT: Final = Struct("=H")
_INT: Final = Struct("=i")
_PKTINFO4: Final = Struct("=i4s4s")
_PKTINFO6: Final = Struct("=16si")
_NOT_AS_TRAIN: Final = frozenset({errno.EIO, errno.EINVAL, errno.EMSGSIZE})
_NOT_FROM_THERE: Final = frozenset(
    {errno.EINVAL, errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.ENODEV}
)

Ancillary: TypeAlias = list[tuple[int, int, bytes]]
_Known: TypeAlias = tuple[int, Way, int]
"""Bytes of each datagram of a train or 0, the way, and the traffic class of what came before."""

_TOS: Final = [(socket.IPPROTO_IP, socket.IP_TOS, _INT.pack(tos)) for tos in range(256)]
_TCLASS: Final = [(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, _INT.pack(tos)) for tos in range(256)]

Arrival: TypeAlias = tuple[int, int, Way, int]
"""Bytes received, bytes of each datagram but the last, the way they came, their traffic class."""


class _Held(NamedTuple):
    way: Way
    train: bytes
    segment: int
    tos: int


class UdpWire:
    """Both outer sockets. It owns the descriptors it is given, and closes those they replace.

    ``by_fileno`` finds a socket by what ``poller`` reports.
    """

    def __init__(self, counters: Counters, poller: select.epoll) -> None:
        self._counters = counters
        self._poller = poller
        self.by_fileno: dict[int, socket.socket] = {}
        self._v4: socket.socket | None = None
        self._v6: socket.socket | None = None
        self._ways: dict[tuple[tuple[str, int], bytes], Way] = {}
        self._known: dict[tuple[object, ...], _Known] = {}
        self._last_address: tuple[str, int] = ("", 0)
        self._last_ancillary: Ancillary = []
        self._last_known: _Known = (0, Way(Endpoint(bytes(4), 0)), 0)
        self._refused_segment: dict[Endpoint, int] = {}
        self._held: deque[_Held] = deque()
        self._held_bytes = 0

    @property
    def is_up(self) -> bool:
        """Whether there is a socket."""
        return self._v4 is not None or self._v6 is not None

    @property
    def is_blocked(self) -> bool:
        """Whether something waits for a full socket."""
        return bool(self._held)

    def replace(self, v4: int | None, v6: int | None) -> None:
        """Serve on these descriptors from now on; what waited for the old ones is dropped."""
        for fd, one in self.by_fileno.items():
            # Others may hold the same socket open, and then closing alone would not end its events.
            self._poller.unregister(fd)
            one.close()
        self._v4, self._v6 = _adopt(v4), _adopt(v6)
        self.by_fileno = {one.fileno(): one for one in (self._v4, self._v6) if one is not None}
        for fd in self.by_fileno:
            self._poller.register(fd, select.EPOLLIN)
        self._counters["dropped_outer_full"] += len(self._held)
        self._held.clear()
        self._held_bytes = 0
        self._refused_segment.clear()
        self._ways.clear()
        self._known.clear()
        self._last_address = ("", 0)

    def send(self, way: Way, datagrams: Buffer, segment: int, tos: int) -> int:
        """Send a train (see `ports.Wire`); return the bytes sent or held."""
        length = len(datagrams)
        if self._held:
            return self._hold(way, datagrams, segment, tos)
        if length > segment >= self._refused_segment.get(way.endpoint, length):
            return self._send_one_by_one(way, datagrams, segment, tos)
        fault = self._try(way, datagrams, segment, tos)
        return self._send_otherwise(way, datagrams, segment, tos, fault) if fault else length

    def probe(self, datagram: Buffer) -> None:
        """Do all that sending ``datagram`` back along the last way takes, and send nothing.

        The kernel takes the call, looks for the route, and stops there; whether it found one is of
        no interest.
        """
        self._try(self._last_known[1], datagram, len(datagram), 0, _MSG_PROBE)

    def _send_otherwise(
        self, way: Way, datagrams: Buffer, segment: int, tos: int, fault: int
    ) -> int:
        """Send what was refused with ``fault`` in another way, if there is one."""
        length = len(datagrams)
        fault = self._mend(way, datagrams, segment, tos, fault)
        if not fault:
            return length
        if fault == errno.EAGAIN:
            return self._hold(way, datagrams, segment, tos)
        if fault in _NOT_AS_TRAIN and length > segment:
            local = way.local
            sent = self._send_one_by_one(way, datagrams, segment, tos)
            if way.local == local:
                self._refuse_trains(way.endpoint, segment if fault == errno.EMSGSIZE else 0)
            return sent
        self._counters["dropped_outer_error"] += 1
        return 0

    def resume(self) -> None:
        """Send what was held, as far as the sockets take it."""
        held, self._held, self._held_bytes = self._held, deque(), 0
        for one in held:
            self.send(one.way, one.train, one.segment, one.tos)
        self._watch()

    def _watch(self) -> None:
        events = select.EPOLLIN | (select.EPOLLOUT if self._held else 0)
        for fd in self.by_fileno:
            self._poller.modify(fd, events)

    def receive(self, one: socket.socket, buffers: list[bytearray]) -> Arrival | None:
        """Receive a datagram or a train; None if nothing is there or a socket error came instead.

        What was longer than the buffers comes as 0 bytes.
        """
        try:
            length, ancillary, flags, address = one.recvmsg_into(buffers, ANCILLARY_SIZE)
        except OSError:
            return None
        if flags & socket.MSG_TRUNC:
            self._counters["dropped_truncated"] += 1
            length = 0
        if address != self._last_address or ancillary != self._last_ancillary:
            self._last_known = self._known.get((address, *ancillary)) or self._learn(
                address, ancillary
            )
            self._last_address, self._last_ancillary = address, ancillary
        segment, way, tos = self._last_known
        if way.is_stale:
            segment, way, tos = self._last_known = self._learn(address, ancillary)
        return length, segment or length, way, tos

    def _mend(self, way: Way, datagrams: Buffer, segment: int, tos: int, fault: int) -> int:
        """If the source address may be at fault, forget it and try once more; return the errno.

        EINVAL for a train says nothing of the source: the caller finds out one by one.
        """
        is_train = len(datagrams) > segment
        if fault in _NOT_FROM_THERE and way.local and not (is_train and fault == errno.EINVAL):
            way.forget_source()
            self._counters["source_cleared"] += 1
            fault = self._try(way, datagrams, segment, tos)
        return fault

    def _try(self, way: Way, datagrams: Buffer, segment: int, tos: int, flags: int = 0) -> int:
        """Make one send call; return 0 or its errno."""
        if way.control is None:
            _prepare(way)
        assert way.address is not None
        assert way.control is not None
        one = self._v4 if len(way.address) == 2 else self._v6
        if one is None:
            return errno.EAFNOSUPPORT
        ancillary = way.control
        if tos:
            ancillary = [*ancillary, (_TOS if one is self._v4 else _TCLASS)[tos]]
        if len(datagrams) > segment:
            ancillary = [*ancillary, (socket.IPPROTO_UDP, _UDP_SEGMENT, _SEGMENT.pack(segment))]
        try:
            one.sendmsg((datagrams,), ancillary, flags, way.address)
        except OSError as error:
            return error.errno or errno.EIO
        return 0

    def _send_one_by_one(self, way: Way, datagrams: Buffer, segment: int, tos: int) -> int:
        sent = 0
        view = memoryview(datagrams)
        for offset in range(0, len(view), segment):
            one = view[offset : offset + segment]
            fault = self._try(way, one, segment, tos)
            if fault:
                fault = self._mend(way, one, segment, tos, fault)
            if fault == errno.EAGAIN:
                return sent + self._hold(way, view[offset:], segment, tos)
            if fault:
                self._counters["dropped_outer_error"] += 1
            else:
                sent += len(one)
        return sent

    def _hold(self, way: Way, datagrams: Buffer, segment: int, tos: int) -> int:
        if self._held_bytes + len(datagrams) > MAX_HELD:
            self._counters["dropped_outer_full"] += 1
            return 0
        self._held.append(_Held(way, bytes(datagrams), segment, tos))
        self._held_bytes += len(datagrams)
        if len(self._held) == 1:
            self._watch()
        return len(datagrams)

    def _refuse_trains(self, endpoint: Endpoint, segment: int) -> None:
        self._counters["gso_refused"] += 1
        if len(self._refused_segment) >= MAX_REFUSERS:
            self._refused_segment.clear()
        self._refused_segment[endpoint] = segment

    def _learn(self, address: tuple[str, int], ancillary: Ancillary) -> _Known:
        """Make out segment size, way and traffic class, and keep them for the next of the kind."""
        segment, tos, info = _read_ancillary(ancillary)
        way = self._ways.get((address, info))
        if way is None or way.is_stale:
            way = _way_of(address, info)
            if len(self._ways) >= MAX_WAYS:
                self._ways.clear()
            self._ways[address, info] = way
        if len(self._known) >= MAX_WAYS:
            self._known.clear()
        known = self._known[(address, *ancillary)] = segment, way, tos
        return known


def _adopt(descriptor: int | None) -> socket.socket | None:
    if descriptor is None:
        return None
    one = socket.socket(fileno=descriptor)
    one.settimeout(0.0)
    return one


def _way_of(address: tuple[str, int], info: bytes) -> Way:
    """Return the way of a datagram from a socket address with raw packet information."""
    scope = address[3] if len(address) == 4 else 0
    local, interface = b"", 0
    if len(info) == _PKTINFO4.size:
        interface, local, _ = _PKTINFO4.unpack(info)
    elif len(info) == _PKTINFO6.size:
        local, interface = _PKTINFO6.unpack(info)
    return Way(Endpoint(pack_address(address[0]), address[1], scope), local, interface)


def _prepare(way: Way) -> None:
    """Make the socket address and the ancillary data that bring the source address along.

    The interface is left to the routes: it may have changed since the peer was heard.
    """
    endpoint, local = way.endpoint, way.local
    host = format_address(endpoint.host)
    if len(endpoint.host) == 16:
        way.address = (host, endpoint.port, 0, endpoint.scope)
        info = (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, _PKTINFO6.pack(local, 0))
    else:
        way.address = (host, endpoint.port)
        info = (socket.IPPROTO_IP, _IP_PKTINFO, _PKTINFO4.pack(0, local, bytes(4)))
    way.control = [info] if local else []


def _read_ancillary(ancillary: Ancillary) -> tuple[int, int, bytes]:
    """Return the size of each datagram of a train or 0, the traffic class, and the raw packet
    information.
    """
    segment, tos, info = 0, 0, b""
    for level, kind, data in ancillary:
        if level == socket.IPPROTO_UDP:
            if kind == _UDP_GRO:
                segment = _INT.unpack(data)[0]
        elif level == socket.IPPROTO_IP:
            if kind == _IP_PKTINFO:
                info = data
            elif kind == socket.IP_TOS:
                tos = data[0]
        elif level == socket.IPPROTO_IPV6:
            if kind == socket.IPV6_PKTINFO:
                info = data
            elif kind == socket.IPV6_TCLASS:
                tos = _INT.unpack(data)[0]
    return segment, tos, info
