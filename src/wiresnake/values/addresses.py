"""Where packets go: outer endpoints and inner prefixes, as packed bytes.

Addresses stay in network order as 4 or 16 bytes, the form in which packets, sockets and routing
tables want them; text is made at the edges.
"""

import re
import socket
from dataclasses import dataclass
from typing import Final, Self

_MAX_DIGITS: Final = 20
_HOST: Final = re.compile(r"[!-~]{1,253}")
_SERVICE: Final = re.compile(r"[a-zA-Z0-9_.+-]{1,32}")


class InvalidAddress(ValueError):
    """The text or the bytes are not an address, prefix or endpoint; the message says which."""


def pack_address(text: str) -> bytes:
    """Return the 4 or 16 bytes of the numeric address ``text``.

    Raises InvalidAddress.
    """
    try:
        return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)
    except (OSError, ValueError):
        raise InvalidAddress(f"not an IP address: `{text}'") from None


def format_address(packed: bytes) -> str:
    """Return the text of 4 or 16 bytes of address."""
    return socket.inet_ntop(socket.AF_INET6 if len(packed) == 16 else socket.AF_INET, packed)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The outer address of a peer: ``host`` (4 or 16 bytes), ``port``, and ``scope``.

    ``scope`` is the index of the interface a link-local IPv6 address belongs to, else 0.
    """

    host: bytes
    port: int
    scope: int = 0

    def __post_init__(self) -> None:
        if len(self.host) not in {4, 16}:
            raise InvalidAddress(f"an address of {len(self.host)} bytes")
        if not 0 <= self.port <= 65535:
            raise InvalidAddress(f"port {self.port} is not in 0 to 65535")

    @property
    def is_ipv6(self) -> bool:
        """Whether ``host`` is an IPv6 address."""
        return len(self.host) == 16

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``a.b.c.d:port`` or ``[v6]:port`` or ``[fe80::1%scope]:port``, all numeric or an
        interface name as scope.

        Raises InvalidAddress; names of hosts are not looked up here.
        """
        host, colon, port = text.rpartition(":")
        bracketed = host.startswith("[") and host.endswith("]")
        if not colon or not _is_number(port) or bracketed != (":" in host):
            raise InvalidAddress(f"not an endpoint: `{text}'")
        address, percent, scope = host[1:-1].partition("%") if bracketed else (host, "", "")
        return cls(pack_address(address), int(port), _scope_index(scope) if percent else 0)

    def __str__(self) -> str:
        if not self.is_ipv6:
            return f"{format_address(self.host)}:{self.port}"
        return f"[{format_address(self.host)}{_scope_suffix(self.scope)}]:{self.port}"


def _is_number(text: str) -> bool:
    # Python refuses to read some thousands of digits, with an error that is not ours.
    return len(text) <= _MAX_DIGITS and text.isascii() and text.isdigit()


def _scope_index(scope: str) -> int:
    if _is_number(scope) and int(scope) <= 0xFFFF_FFFF:
        return int(scope)
    try:
        return socket.if_nametoindex(scope)
    except (OSError, ValueError):  # a name with a zero byte is a ValueError
        raise InvalidAddress(f"no interface `{scope}' for a link-local address") from None


def _scope_suffix(scope: int) -> str:
    if not scope:
        return ""
    try:
        return "%" + socket.if_indextoname(scope)
    except OSError:
        return f"%{scope}"  # the interface went away; the number still names what was meant


@dataclass(frozen=True, slots=True)
class NamedEndpoint:
    """The outer address of a peer by name: a host (a name or a number) and a service (likewise).

    What it leads to is for whoever looks it up; the text alone says no more than that it can be.
    """

    host: str
    service: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``host:service`` or ``[v6]:service``. Raises InvalidAddress."""
        host, colon, service = text.rpartition(":")
        if host.startswith("[") and host.endswith("]"):
            host = host[1:-1]
        if not colon or not _HOST.fullmatch(host) or not _SERVICE.fullmatch(service):
            raise InvalidAddress("not an endpoint: host and port are needed, as in host:51820")
        return cls(host, service)

    def __str__(self) -> str:
        return (
            f"[{self.host}]:{self.service}" if ":" in self.host else f"{self.host}:{self.service}"
        )


@dataclass(frozen=True, slots=True, order=True)
class Prefix:
    """A set of inner addresses: ``network`` (4 or 16 bytes, host bits zero) and ``length`` bits.

    Build it with `of` or `parse`, which clear the host bits.
    """

    network: bytes
    length: int

    @classmethod
    def of(cls, address: bytes, length: int) -> Self:
        """Return the prefix of ``length`` bits that holds ``address``. Raises InvalidAddress."""
        bits = len(address) * 8
        if bits not in {32, 128} or not 0 <= length <= bits:
            raise InvalidAddress(f"a prefix of {length} bits over {bits}")
        if length == bits:
            return cls(address, length)
        kept = int.from_bytes(address) >> (bits - length) << (bits - length)
        return cls(kept.to_bytes(len(address)), length)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``address/length``; no length means one address. Raises InvalidAddress."""
        address, slash, length = text.partition("/")
        packed = pack_address(address)
        if not slash:
            return cls(packed, len(packed) * 8)
        if not (length.isascii() and length.isdigit() and len(length) <= 3):
            raise InvalidAddress(f"not a prefix: `{text}'")
        return cls.of(packed, int(length))

    @property
    def is_ipv6(self) -> bool:
        """Whether this is a prefix of IPv6 addresses."""
        return len(self.network) == 16

    def __str__(self) -> str:
        return f"{format_address(self.network)}/{self.length}"
