"""Where packets would leave this host, and what becomes of a datagram that does."""

import errno
import select
import socket
from typing import Final

from wiresnake.host import netlink
from wiresnake.host.netlink import INT, ROUTE, RTA_DST, RTA_MARK, RTA_OIF, UNSIGNED, Requests
from wiresnake.values.addresses import Endpoint, format_address

_NO_WAY: Final = {
    errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EAFNOSUPPORT, errno.EINVAL, errno.EACCES,
    errno.ESRCH,
}  # fmt: skip
_SO_MARK: Final = 36


def leaving_by(requests: Requests, destination: bytes, mark: int = 0) -> int:
    """Return the index of the interface by which a packet to ``destination`` (4 or 16 bytes) would
    leave, that of the loopback for an address of our own, and 0 if there is no way.

    Raises OSError.
    """
    family = socket.AF_INET if len(destination) == 4 else socket.AF_INET6
    body = ROUTE.pack(family, 8 * len(destination), *[0] * 7)
    body += netlink.attribute(RTA_DST, destination)
    body += netlink.attribute(RTA_MARK, UNSIGNED.pack(mark))
    try:
        _, answer = requests.ask(netlink.RTM_GETROUTE, body)
    except OSError as error:
        if error.errno in _NO_WAY:
            return 0
        raise
    for what, value in netlink.attributes(answer, ROUTE.size):
        if what == RTA_OIF and len(value) == INT.size:
            return int(INT.unpack(value)[0])
    return 0


def obstacle_to(endpoint: Endpoint, mark: int, patience: float) -> int:
    """Send one byte to ``endpoint``; return the errno with which that is refused, 0 if it is not.

    For WireGuard it is no message, so a peer is silent. EPERM: by a firewall of this host;
    ECONNREFUSED: by the other one, which has nobody there, if it says so within ``patience`` s.
    """
    family = socket.AF_INET6 if endpoint.is_ipv6 else socket.AF_INET
    scope = (0, endpoint.scope) if endpoint.is_ipv6 else ()
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            if mark:
                probe.setsockopt(socket.SOL_SOCKET, _SO_MARK, mark)
            probe.settimeout(patience)
            probe.connect((format_address(endpoint.host), endpoint.port, *scope))
            probe.send(b"\0")
            select.select([probe], [], [], patience)
            return probe.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    except OSError as refused:
        return refused.errno or errno.EPERM


def port_is_taken(port: int) -> bool:
    """Whether somebody has this UDP port, of either family."""
    for family, anywhere in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):  # noqa: S104
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                if family == socket.AF_INET6:
                    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                probe.bind((anywhere, port))
        except OSError as refused:
            if refused.errno == errno.EADDRINUSE:
                return True
    return False
