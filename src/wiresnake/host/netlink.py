"""The little of rtnetlink that wiresnake needs, packed and unpacked by hand.

Layouts are those of linux/netlink.h, linux/rtnetlink.h, linux/if_link.h and
linux/net_namespace.h; numbers are in the machine's own byte order. A library for all of rtnetlink
takes longer to import than a daemon to start.
"""

import errno
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct
from typing import Final

RTM_NEWLINK: Final = 16
RTM_DELLINK: Final = 17
_RTM_GETLINK: Final = 18
RTM_NEWADDR: Final = 20
RTM_DELADDR: Final = 21
RTM_NEWROUTE: Final = 24
RTM_DELROUTE: Final = 25
_RTM_GETROUTE: Final = 26
_RTM_NEWNSID: Final = 88
RTM_DELNSID: Final = 89
_RTM_GETNSID: Final = 90

GROUP_LINK: Final = 1 << 0
GROUP_IPV4_ADDRESS: Final = 1 << 4
GROUP_IPV4_ROUTE: Final = 1 << 6
GROUP_IPV6_ADDRESS: Final = 1 << 8
GROUP_IPV6_ROUTE: Final = 1 << 10
GROUP_NSID: Final = 1 << 27

SOL_NETLINK: Final = 270
NETLINK_LISTEN_ALL_NSID: Final = 8

IFF_UP: Final = 1 << 0
IFF_RUNNING: Final = 1 << 6

_NLMSG_ERROR: Final = 2
_NLM_F_REQUEST: Final = 1
_IFLA_IFNAME: Final = 3
_IFLA_MTU: Final = 4
_IFLA_EXT_MASK: Final = 29
_IFLA_TARGET_NETNSID: Final = 46
_RTEXT_FILTER_SKIP_STATS: Final = 8
_RTA_DST: Final = 1
_RTA_SRC: Final = 2
_RTA_OIF: Final = 4
_RTA_MARK: Final = 16
_NETNSA_NSID: Final = 1
_NETNSA_FD: Final = 3

_MESSAGE: Final = Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence, port
_ATTRIBUTE: Final = Struct("=HH")  # nlattr: length, type
_LINK: Final = Struct("=BxHiII")  # ifinfomsg: family, type, index, flags, change
_ROUTE: Final = Struct("=8BI")  # rtmsg: family, lengths of destination and source, rest 0 here
_INT: Final = Struct("=i")
_UNSIGNED: Final = Struct("=I")
_RTGENMSG: Final = bytes(4)  # family AF_UNSPEC, padded
_TYPE_MASK: Final = 0x3FFF  # without the bits for nested and byte order

_REPLY_SIZE: Final = 65536


@dataclass(frozen=True, slots=True)
class Link:
    """An interface as RTM_NEWLINK or RTM_DELLINK shows it; ``mtu`` is 0 if that was left out."""

    index: int
    flags: int
    mtu: int


class Requests:
    """A socket for questions to the kernel, each answered before the next.

    It speaks for the network namespace in which it was opened. All methods raise OSError with
    the errno of the kernel's answer.
    """

    def __init__(self) -> None:
        kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
        self._socket = socket.socket(socket.AF_NETLINK, kind, socket.NETLINK_ROUTE)
        self._sequence = 0

    def link(self, name: str, nsid: int | None) -> Link:
        """Return the interface ``name``, in the namespace that has the id ``nsid`` here."""
        body = _LINK.pack(0, 0, 0, 0, 0)
        body += _attribute(_IFLA_EXT_MASK, _UNSIGNED.pack(_RTEXT_FILTER_SKIP_STATS))
        body += _attribute(_IFLA_IFNAME, name.encode(errors="surrogateescape") + b"\0")
        if nsid is not None:
            body += _attribute(_IFLA_TARGET_NETNSID, _INT.pack(nsid))
        kind, answer = self._ask(_RTM_GETLINK, body)
        link = parse_link(answer) if kind == RTM_NEWLINK else None
        if link is None:
            raise OSError(errno.EPROTO, f"rtnetlink answered RTM_GETLINK with {kind}")
        return link

    def namespace_id(self, namespace: int) -> int:
        """Return the id, in this namespace, of the one that the descriptor ``namespace`` names.

        One is given to it if it has none, which needs CAP_NET_ADMIN here.
        """
        target = _attribute(_NETNSA_FD, _UNSIGNED.pack(namespace))
        known = self._known_id(target)
        if known >= 0:
            return known
        try:
            choose = _attribute(_NETNSA_NSID, _INT.pack(-1))
            self._ask(_RTM_NEWNSID, _RTGENMSG + target + choose, acknowledge=True)
        except FileExistsError:
            pass  # the kernel or another program was quicker
        known = self._known_id(target)
        if known < 0:
            raise OSError(errno.ENOENT, "the network namespace got no id")
        return known

    def leaving_interface(self, destination: bytes, source: bytes, mark: int) -> int:
        """Return the index of the interface by which a packet leaves (addresses of 4 or 16 bytes).

        Raises OSError also if there is no route, or if ``source`` is no address of this host.
        """
        family = socket.AF_INET if len(destination) == 4 else socket.AF_INET6
        bits = 8 * len(destination)
        body = _ROUTE.pack(family, bits, bits, 0, 0, 0, 0, 0, 0)
        body += _attribute(_RTA_DST, destination) + _attribute(_RTA_SRC, source)
        body += _attribute(_RTA_MARK, _UNSIGNED.pack(mark))
        kind, answer = self._ask(_RTM_GETROUTE, body)
        if kind == RTM_NEWROUTE:
            for attribute, value in attributes(answer, _ROUTE.size):
                if attribute == _RTA_OIF and len(value) == _INT.size:
                    return int(_INT.unpack(value)[0])
        raise OSError(errno.EPROTO, f"rtnetlink answered RTM_GETROUTE with {kind}")

    def fileno(self) -> int:
        """Return the descriptor of the socket."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close the socket; idempotent."""
        self._socket.close()

    def _known_id(self, target: bytes) -> int:
        _, answer = self._ask(_RTM_GETNSID, _RTGENMSG + target)
        known = parse_namespace_id(answer)
        return -1 if known is None else known

    def _ask(self, kind: int, body: bytes, *, acknowledge: bool = False) -> tuple[int, memoryview]:
        """Send one message; return type and body of the answer.

        A kernel answers rtnetlink before `send` returns, so there is nothing to wait for.
        """
        self._sequence += 1
        flags = _NLM_F_REQUEST | (4 if acknowledge else 0)
        length = _MESSAGE.size + len(body)
        self._socket.send(_MESSAGE.pack(length, kind, flags, self._sequence, 0) + body)
        while True:
            for answer, sequence, payload in messages(memoryview(self._socket.recv(_REPLY_SIZE))):
                if sequence != self._sequence:
                    continue  # the answer to a question that was given up
                if answer == _NLMSG_ERROR:
                    code = -int(_INT.unpack_from(payload)[0])
                    if code:
                        raise OSError(code, os.strerror(code))
                return answer, payload


def messages(received: memoryview) -> Iterator[tuple[int, int, memoryview]]:
    """Yield type, sequence number and body of each message in one datagram of the kernel's."""
    at = 0
    while at + _MESSAGE.size <= len(received):
        length, kind, _, sequence, _ = _MESSAGE.unpack_from(received, at)
        if not _MESSAGE.size <= length <= len(received) - at:
            return
        yield kind, sequence, received[at + _MESSAGE.size : at + length]
        at += length + 3 & ~3


def attributes(body: memoryview, start: int) -> Iterator[tuple[int, memoryview]]:
    """Yield type and value of each attribute of a message body, from ``start`` on."""
    at = start
    while at + _ATTRIBUTE.size <= len(body):
        length, kind = _ATTRIBUTE.unpack_from(body, at)
        if not _ATTRIBUTE.size <= length <= len(body) - at:
            return
        yield kind & _TYPE_MASK, body[at + _ATTRIBUTE.size : at + length]
        at += length + 3 & ~3


def parse_link(body: memoryview) -> Link | None:
    """Read the body of RTM_NEWLINK or RTM_DELLINK; None for one that speaks of something else,
    such as a port that leaves a bridge.
    """
    if len(body) < _LINK.size:
        return None
    family, _, index, flags, _ = _LINK.unpack_from(body)
    if family != socket.AF_UNSPEC:
        return None
    for kind, value in attributes(body, _LINK.size):
        if kind == _IFLA_MTU and len(value) == _UNSIGNED.size:
            return Link(index, flags, _UNSIGNED.unpack(value)[0])
    return Link(index, flags, 0)


def parse_namespace_id(body: memoryview) -> int | None:
    """Read the id from the body of RTM_NEWNSID or RTM_DELNSID; -1 is that of no namespace."""
    for kind, value in attributes(body, len(_RTGENMSG)):
        if kind == _NETNSA_NSID and len(value) == _INT.size:
            return int(_INT.unpack(value)[0])
    return None


def open_listener(groups: int, buffer_size: int) -> socket.socket:
    """Return a non-blocking socket that hears these groups of the current network namespace.

    Up to ``buffer_size`` bytes wait in it; past that it loses messages and says ENOBUFS.
    """
    kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
    listener = socket.socket(socket.AF_NETLINK, kind, socket.NETLINK_ROUTE)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_size)
        listener.bind((0, groups))
    except OSError:
        listener.close()
        raise
    return listener


def listen_everywhere(listener: socket.socket) -> bool:
    """Let ``listener`` also hear the namespaces that have an id in its own.

    The right to (CAP_NET_BROADCAST) is checked when it is asked for, and against the rights with
    which the socket was opened: so it outlives their loss. Returns whether it was given.
    """
    try:
        listener.setsockopt(SOL_NETLINK, NETLINK_LISTEN_ALL_NSID, 1)
    except OSError:
        return False
    return True


def _attribute(kind: int, value: bytes) -> bytes:
    length = _ATTRIBUTE.size + len(value)
    return _ATTRIBUTE.pack(length, kind) + value + bytes(-length & 3)
