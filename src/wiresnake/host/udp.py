"""The outer sockets: one IPv4, one IPv6, on the same port, with every option a tunnel needs."""

import contextlib
import errno
import os
import re
import socket
import struct
from dataclasses import dataclass
from typing import Final

BUFFER_SIZE: Final = 7 << 20
"""Bytes of receive and of send buffer that are asked for: some 5,000 full datagrams."""

_PORT_TRIALS: Final = 100

_SO_SNDBUFFORCE: Final = 32
_SO_RCVBUFFORCE: Final = 33
_SOL_UDP: Final = socket.IPPROTO_UDP
_UDP_SEGMENT: Final = 103
_UDP_GRO: Final = 104
_IP_PKTINFO: Final = 8
_IP_MTU_DISCOVER: Final = 10
_IPV6_MTU_DISCOVER: Final = 23
_PMTUDISC_DONT: Final = 0

_FAMILY_IS_OFF: Final = frozenset({errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT})


@dataclass(frozen=True, slots=True)
class UdpPair:
    """The outer sockets of a tunnel; a family that the host does not have is None."""

    v4: socket.socket | None
    v6: socket.socket | None
    port: int

    def sockets(self) -> list[socket.socket]:
        """Return those that exist."""
        return [one for one in (self.v4, self.v6) if one is not None]

    def close(self) -> None:
        """Close both; idempotent."""
        for one in self.sockets():
            one.close()


def open_pair(port: int, mark: int) -> UdpPair:
    """Open both families on ``port`` (0: one that is free in both) with firewall mark ``mark``.

    Datagrams arrive with their destination (IP_PKTINFO, IPV6_PKTINFO), their traffic class, and
    in GRO trains where the kernel does that right; they leave fragmentable, as the paper's
    tunnels do. The sockets are non-blocking and belong to the caller's network namespace.

    Raises OSError, with nothing left open: EADDRINUSE, EACCES for a port that needs privileges,
    EPERM for a mark without CAP_NET_ADMIN, EAFNOSUPPORT if there is neither family.
    """
    for trials_left in reversed(range(_PORT_TRIALS)):
        try:
            return _open_once(port, mark)
        except OSError as error:
            if port or not trials_left or error.errno != errno.EADDRINUSE:
                raise
    raise AssertionError("the last trial returns or raises")


def set_mark(pair: UdpPair, mark: int) -> None:
    """Give every datagram sent from now on the firewall mark ``mark``; 0 takes it away.

    Raises OSError EPERM without CAP_NET_ADMIN.
    """
    for one in pair.sockets():
        _mark(one, mark)


def can_segment(one: socket.socket) -> bool:
    """Return whether the kernel knows UDP_SEGMENT (Linux 4.18); a route may still refuse it."""
    try:
        one.getsockopt(_SOL_UDP, _UDP_SEGMENT)
    except OSError:
        return False
    return True


def _open_once(port: int, mark: int) -> UdpPair:
    with contextlib.ExitStack() as undo:
        v4 = _open(socket.AF_INET, port, mark)
        if v4 is not None:
            undo.enter_context(v4)
            port = v4.getsockname()[1]
        v6 = _open(socket.AF_INET6, port, mark)
        if v6 is not None:
            undo.enter_context(v6)
            port = v6.getsockname()[1]
        if v4 is None and v6 is None:
            raise OSError(errno.EAFNOSUPPORT, "this host has neither IPv4 nor IPv6")
        undo.pop_all()
        return UdpPair(v4, v6, port)


def _open(family: socket.AddressFamily, port: int, mark: int) -> socket.socket | None:
    """Open, set up and bind one socket; None if the host does not have this family."""
    try:
        one = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    except OSError as error:
        if error.errno in _FAMILY_IS_OFF:
            return None
        raise
    try:
        if mark:
            _mark(one, mark)
        _enlarge_buffers(one)
        if family == socket.AF_INET6:
            _set_ipv6_options(one)
        else:
            _set_ipv4_options(one)
        if _gro_is_sound(os.uname().release):
            with contextlib.suppress(OSError):
                one.setsockopt(_SOL_UDP, _UDP_GRO, 1)
        one.bind(("::" if family == socket.AF_INET6 else "0.0.0.0", port))  # noqa: S104
    except OSError as error:
        one.close()
        if error.errno in _FAMILY_IS_OFF:
            return None
        raise
    return one


def _mark(one: socket.socket, mark: int) -> None:
    # As bytes: Python takes a number here for a signed one, and half of all marks are greater.
    one.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, struct.pack("=I", mark))


def _set_ipv4_options(one: socket.socket) -> None:
    one.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
    one.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
    one.setsockopt(socket.IPPROTO_IP, _IP_MTU_DISCOVER, _PMTUDISC_DONT)


def _set_ipv6_options(one: socket.socket) -> None:
    one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
    one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVTCLASS, 1)
    one.setsockopt(socket.IPPROTO_IPV6, _IPV6_MTU_DISCOVER, _PMTUDISC_DONT)


def _enlarge_buffers(one: socket.socket) -> None:
    """Ask past net.core.*mem_max first, which needs CAP_NET_ADMIN, then up to it."""
    for forced, plain in (
        (_SO_RCVBUFFORCE, socket.SO_RCVBUF),
        (_SO_SNDBUFFORCE, socket.SO_SNDBUF),
    ):
        try:
            one.setsockopt(socket.SOL_SOCKET, forced, BUFFER_SIZE)
        except OSError:
            one.setsockopt(socket.SOL_SOCKET, plain, BUFFER_SIZE)


def _gro_is_sound(release: str) -> bool:
    """Whether this kernel's UDP_GRO may be used: before 5.12 it could mangle trains."""
    numbers = re.match(r"(\d+)\.(\d+)", release)
    return numbers is not None and (int(numbers[1]), int(numbers[2])) >= (5, 12)
