"""Interfaces made, set up, given addresses and deleted, by rtnetlink.

Everything is said to one `Requests`, so it happens in the namespace in which that was opened.
"""

import errno
import socket
from struct import Struct
from typing import Final, NamedTuple

from wiresnake.host import netlink
from wiresnake.host.netlink import IFF_UP, LINK, UNSIGNED, Requests, attribute

_KIND: Final = "wireguard"

_IFLA_LINKINFO: Final = 18
_IFLA_INFO_KIND: Final = 1
_IFA_ADDRESS: Final = 1
_IFA_LOCAL: Final = 2

_ADDRESS: Final = Struct("=4BI")  # ifaddrmsg: family, prefix length, flags, scope, index
_SCOPE_LINK: Final = 253
_SCOPE_HOST: Final = 254


class Held(NamedTuple):
    """An address of 4 or 16 bytes that an interface has, and the length of its network's prefix."""

    address: bytes
    length: int


def exists(requests: Requests, name: str) -> bool:
    """Whether there is an interface of that name. Raises OSError."""
    return _find(requests, name) is not None


def index_of(requests: Requests, name: str) -> int:
    """Return the index of the interface. Raises OSError; ENODEV if there is none."""
    return requests.link(name, None).index


def mtu_of(requests: Requests, index: int) -> int:
    """Return the MTU of the interface with that index, in bytes. Raises OSError."""
    _, answer = requests.ask(netlink.RTM_GETLINK, LINK.pack(0, 0, index, 0, 0))
    link = netlink.parse_link(answer)
    return link.mtu if link is not None else 0


def is_wireguard(requests: Requests, name: str) -> bool:
    """Whether the interface exists and is one of the kernel's own WireGuard. Raises OSError."""
    found = _find(requests, name)
    if found is None:
        return False
    for kind, value in netlink.attributes(found, LINK.size):
        if kind == _IFLA_LINKINFO:
            inner = dict(netlink.attributes(value, 0))
            return bytes(inner.get(_IFLA_INFO_KIND, b"")).rstrip(b"\0") == _KIND.encode()
    return False


def create_wireguard(requests: Requests, name: str) -> None:
    """Make an interface of the kernel's WireGuard.

    Raises OSError: EOPNOTSUPP if the kernel has none, EEXIST if the name is taken.
    """
    kind = attribute(_IFLA_INFO_KIND, _KIND.encode() + b"\0")
    body = LINK.pack(0, 0, 0, 0, 0) + _named(name) + attribute(_IFLA_LINKINFO, kind)
    requests.change(netlink.RTM_NEWLINK, body, netlink.CREATE)


def delete(requests: Requests, name: str) -> bool:
    """Delete the interface; return whether there was one. Raises OSError."""
    try:
        requests.change(netlink.RTM_DELLINK, LINK.pack(0, 0, 0, 0, 0) + _named(name))
    except OSError as error:
        if error.errno != errno.ENODEV:
            raise
        return False
    return True


def set_up(requests: Requests, name: str, mtu: int) -> None:
    """Set the MTU in bytes, and the interface up. Raises OSError."""
    index = index_of(requests, name)
    body = LINK.pack(0, 0, index, IFF_UP, IFF_UP)
    body += attribute(netlink.IFLA_MTU, UNSIGNED.pack(mtu))
    requests.change(netlink.RTM_NEWLINK, body)


def add_address(requests: Requests, name: str, held: Held) -> None:
    """Give the interface an address. Raises OSError; EEXIST if it has it."""
    family = socket.AF_INET6 if len(held.address) == 16 else socket.AF_INET
    scope = _SCOPE_HOST if family == socket.AF_INET and held.address[0] == 127 else 0
    body = _ADDRESS.pack(family, held.length, 0, scope, index_of(requests, name))
    body += attribute(_IFA_LOCAL, held.address) + attribute(_IFA_ADDRESS, held.address)
    requests.change(netlink.RTM_NEWADDR, body, netlink.CREATE)


def addresses(requests: Requests, name: str) -> list[Held]:
    """Return the addresses of the interface, without those that the kernel itself gave it.

    Link-local ones are meant, which an interface gets when it is set up. Raises OSError.
    """
    index = index_of(requests, name)
    found = []
    for body in requests.dump(netlink.RTM_GETADDR, _ADDRESS.pack(0, 0, 0, 0, 0)):
        family, length, _, scope, where = _ADDRESS.unpack_from(body)
        parts = dict(netlink.attributes(body, _ADDRESS.size))
        local = parts.get(_IFA_LOCAL, parts.get(_IFA_ADDRESS))
        automatic = family == socket.AF_INET6 and scope == _SCOPE_LINK
        if where == index and local is not None and not automatic:
            found.append(Held(bytes(local), length))
    return found


def _find(requests: Requests, name: str) -> memoryview | None:
    try:
        return requests.ask(netlink.RTM_GETLINK, LINK.pack(0, 0, 0, 0, 0) + _named(name))[1]
    except OSError as error:
        if error.errno != errno.ENODEV:
            raise
        return None


def _named(name: str) -> bytes:
    return attribute(netlink.IFLA_IFNAME, name.encode() + b"\0")
