"""The little of rtnetlink that wiresnake needs, packed and unpacked by hand.

Layouts are those of linux/netlink.h, linux/rtnetlink.h, linux/if_link.h and
linux/net_namespace.h; numbers are in the machine's own byte order. A library for all of rtnetlink
takes longer to import than a daemon to start.
"""

import contextlib
import errno
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from struct import Struct
from typing import Final, Self

RTM_NEWLINK: Final = 16
RTM_DELLINK: Final = 17
RTM_GETLINK: Final = 18
RTM_NEWADDR: Final = 20
RTM_DELADDR: Final = 21
RTM_GETADDR: Final = 22
RTM_NEWROUTE: Final = 24
RTM_DELROUTE: Final = 25
RTM_GETROUTE: Final = 26
RTM_NEWRULE: Final = 32
RTM_DELRULE: Final = 33
RTM_GETRULE: Final = 34
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
_NETLINK_GET_STRICT_CHK: Final = 12

IFF_UP: Final = 1 << 0
IFF_RUNNING: Final = 1 << 6

_NLMSG_ERROR: Final = 2
_NLMSG_DONE: Final = 3
_NLM_F_REQUEST: Final = 0x1
_NLM_F_ACK: Final = 0x4
_NLM_F_DUMP: Final = 0x300
CREATE: Final = 0x400 | 0x200
"""Flags of a change that makes something: NLM_F_CREATE, and NLM_F_EXCL, which replaces nothing."""
IFLA_IFNAME: Final = 3
IFLA_MTU: Final = 4
_IFLA_EXT_MASK: Final = 29
_IFLA_TARGET_NETNSID: Final = 46
_RTEXT_FILTER_SKIP_STATS: Final = 8
RTA_DST: Final = 1
_RTA_SRC: Final = 2
RTA_OIF: Final = 4
RTA_MARK: Final = 16
_NETNSA_NSID: Final = 1
_NETNSA_FD: Final = 3

_MESSAGE: Final = Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence, port
_ATTRIBUTE: Final = Struct("=HH")  # nlattr: length, type
LINK: Final = Struct("=BxHiII")
"""ifinfomsg: family, type, index, flags, change."""
ROUTE: Final = Struct("=8BI")
"""rtmsg: family, lengths of destination and source, TOS, table, protocol, scope, type, flags. And
fib_rule_hdr, where protocol and scope are reserved, and the action is in the place of the type."""
INT: Final = Struct("=i")
UNSIGNED: Final = Struct("=I")
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
        body = LINK.pack(0, 0, 0, 0, 0)
        body += attribute(_IFLA_EXT_MASK, UNSIGNED.pack(_RTEXT_FILTER_SKIP_STATS))
        body += attribute(IFLA_IFNAME, name.encode(errors="surrogateescape") + b"\0")
        if nsid is not None:
            body += attribute(_IFLA_TARGET_NETNSID, INT.pack(nsid))
        kind, answer = self.ask(RTM_GETLINK, body)
        link = parse_link(answer) if kind == RTM_NEWLINK else None
        if link is None:
            raise OSError(errno.EPROTO, f"rtnetlink answered RTM_GETLINK with {kind}")
        return link

    def namespace_id(self, namespace: int) -> int:
        """Return the id, in this namespace, of the one that the descriptor ``namespace`` names.

        One is given to it if it has none, which needs CAP_NET_ADMIN here.
        """
        target = attribute(_NETNSA_FD, UNSIGNED.pack(namespace))
        known = self._known_id(target)
        if known >= 0:
            return known
        try:
            choose = attribute(_NETNSA_NSID, INT.pack(-1))
            self.change(_RTM_NEWNSID, _RTGENMSG + target + choose)
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
        body = ROUTE.pack(family, bits, bits, 0, 0, 0, 0, 0, 0)
        body += attribute(RTA_DST, destination) + attribute(_RTA_SRC, source)
        body += attribute(RTA_MARK, UNSIGNED.pack(mark))
        kind, answer = self.ask(RTM_GETROUTE, body)
        if kind == RTM_NEWROUTE:
            for what, value in attributes(answer, ROUTE.size):
                if what == RTA_OIF and len(value) == INT.size:
                    return int(INT.unpack(value)[0])
        raise OSError(errno.EPROTO, f"rtnetlink answered RTM_GETROUTE with {kind}")

    def ask(self, kind: int, body: bytes) -> tuple[int, memoryview]:
        """Send one question; return type and body of the answer."""
        self._send(kind, 0, body)
        return next(self._answers())

    def change(self, kind: int, body: bytes, flags: int = 0) -> None:
        """Send one order, with NLM_F flags beyond the usual ones; return when it is obeyed."""
        self._send(kind, _NLM_F_ACK | flags, body)
        next(self._answers())

    def dump(self, kind: int, body: bytes) -> list[memoryview]:
        """Ask for all of something; return the bodies of the answer.

        What ``body`` names narrows it where the kernel can (Linux 4.20): the caller looks again.
        """
        with contextlib.suppress(OSError):
            self._socket.setsockopt(SOL_NETLINK, _NETLINK_GET_STRICT_CHK, 1)
        self._send(kind, _NLM_F_DUMP, body)
        return [body for _, body in takewhile(_goes_on, self._answers())]

    def fileno(self) -> int:
        """Return the descriptor of the socket."""
        return self._socket.fileno()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the socket; idempotent."""
        self._socket.close()

    def _known_id(self, target: bytes) -> int:
        _, answer = self.ask(_RTM_GETNSID, _RTGENMSG + target)
        known = parse_namespace_id(answer)
        return -1 if known is None else known

    def _send(self, kind: int, flags: int, body: bytes) -> None:
        self._sequence += 1
        length = _MESSAGE.size + len(body)
        header = _MESSAGE.pack(length, kind, _NLM_F_REQUEST | flags, self._sequence, 0)
        self._socket.send(header + body)

    def _answers(self) -> Iterator[tuple[int, memoryview]]:
        """Yield type and body of each message that answers the last question.

        A kernel answers rtnetlink before `send` returns, and goes on with a dump before `recv`
        returns, so there is nothing to wait for.
        """
        while True:
            for answer, sequence, payload in messages(memoryview(self._socket.recv(_REPLY_SIZE))):
                if sequence != self._sequence:
                    continue  # the answer to a question that was given up
                if answer == _NLMSG_ERROR:
                    code = -int(INT.unpack_from(payload)[0])
                    if code:
                        raise OSError(code, os.strerror(code))
                yield answer, payload


def _goes_on(answer: tuple[int, memoryview]) -> bool:
    return answer[0] != _NLMSG_DONE


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
    if len(body) < LINK.size:
        return None
    family, _, index, flags, _ = LINK.unpack_from(body)
    if family != socket.AF_UNSPEC:
        return None
    for kind, value in attributes(body, LINK.size):
        if kind == IFLA_MTU and len(value) == UNSIGNED.size:
            return Link(index, flags, UNSIGNED.unpack(value)[0])
    return Link(index, flags, 0)


def parse_namespace_id(body: memoryview) -> int | None:
    """Read the id from the body of RTM_NEWNSID or RTM_DELNSID; -1 is that of no namespace."""
    for kind, value in attributes(body, len(_RTGENMSG)):
        if kind == _NETNSA_NSID and len(value) == INT.size:
            return int(INT.unpack(value)[0])
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


def attribute(kind: int, value: bytes) -> bytes:
    """Pack one attribute, padded to the next one; ``value`` has less than 65,532 bytes."""
    length = _ATTRIBUTE.size + len(value)
    return _ATTRIBUTE.pack(length, kind) + value + bytes(-length & 3)
