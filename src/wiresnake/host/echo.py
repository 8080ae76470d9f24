"""Pings out of one interface, of a given size and never in fragments (RFC 792, RFC 4443)."""

import contextlib
import os
import select
import socket
import time
from struct import Struct
from typing import Final, Self

from wiresnake.values.addresses import format_address

IP_HEADER: Final = {4: 20, 16: 40}
"""Bytes of the header, by the size of the address."""

_ECHO: Final = Struct("!BBHHH")  # type, code, checksum, identifier, sequence
_REQUEST: Final = {4: 8, 16: 128}
_REPLY: Final = {4: 0, 16: 129}
_TOKEN_SIZE: Final = 8
_LEAST: Final = _ECHO.size + _TOKEN_SIZE
_IP_MTU_DISCOVER: Final = 10
_IPV6_MTU_DISCOVER: Final = 23
_AT_ONCE: Final = 256
_PMTUDISC_PROBE: Final = 3
"""Never in fragments, and whatever was learned of the path."""


class Pinger:
    """Pings ``address`` (4 or 16 bytes) out of ``interface``, whatever the routes say.

    Raises OSError; EPERM without CAP_NET_RAW.
    """

    def __init__(self, interface: str, address: bytes) -> None:
        self._size = len(address)
        family, protocol = socket.AF_INET, socket.IPPROTO_ICMP
        if self._size == 16:
            family, protocol = socket.AF_INET6, socket.IPPROTO_ICMPV6
        self._socket = socket.socket(family, socket.SOCK_RAW, protocol)
        self._token = os.urandom(_TOKEN_SIZE)
        self._sizes: list[int] = []
        try:
            self._socket.setsockopt(
                socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode() + b"\0"
            )
            if self._size == 4:
                self._socket.setsockopt(socket.IPPROTO_IP, _IP_MTU_DISCOVER, _PMTUDISC_PROBE)
            else:
                self._socket.setsockopt(socket.IPPROTO_IPV6, _IPV6_MTU_DISCOVER, _PMTUDISC_PROBE)
            self._socket.settimeout(0)
            self._socket.connect((format_address(address), 0))
        except OSError:
            self._socket.close()
            raise

    @property
    def smallest(self) -> int:
        """The size in bytes of the smallest packet that is a ping of ours."""
        return IP_HEADER[self._size] + _LEAST

    def send(self, size: int = 0) -> None:
        """Send one ping in a packet of ``size`` bytes, its IP header included, or of the least.

        What the host itself refuses to send is as good as lost.
        """
        filling = bytes(max(0, size - IP_HEADER[self._size] - _LEAST))
        head = _ECHO.pack(_REQUEST[self._size], 0, 0, 0, len(self._sizes) & 0xFFFF)
        message = head + self._token + filling
        if self._size == 4:  # for IPv6 the kernel does it
            message = message[:2] + _checksum(message) + message[4:]
        self._sizes.append(size)
        with contextlib.suppress(OSError):
            self._socket.send(message)

    def heard(self, patience: float) -> list[int]:
        """Return the sizes of pings that were answered, waiting up to ``patience`` s for one."""
        select.select([self._socket], [], [], patience)
        found = []
        for _ in range(_AT_ONCE):
            try:
                size = self._size_answered_untrusted(self._socket.recv(1 << 16))
            except BlockingIOError:
                break
            except OSError:
                continue  # news of an ICMP error, which is told once and answers nothing
            if size is not None:
                found.append(size)
        return found

    def _size_answered_untrusted(self, packet: bytes) -> int | None:
        if self._size == 4 and packet:
            packet = packet[(packet[0] & 15) * 4 :]
        if len(packet) < _LEAST:
            return None
        kind, _, _, _, sequence = _ECHO.unpack_from(packet)
        if kind != _REPLY[self._size] or packet[_ECHO.size : _LEAST] != self._token:
            return None
        return self._sizes[sequence] if sequence < len(self._sizes) else None

    def fileno(self) -> int:
        """Return the descriptor by which it hears."""
        return self._socket.fileno()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the socket; idempotent."""
        self._socket.close()


def largest_whole(pinger: Pinger, most: int, *, patience: float, exact: int = 8) -> int:
    """Return the size in bytes of the largest packet, up to ``most``, that is answered.

    The smallest is known to be. Each size is tried twice, ``patience`` seconds each; the result is
    less than ``exact`` bytes too small.
    """
    if _is_answered(pinger, most, patience):
        return most
    answered, lost = pinger.smallest, most
    while lost - answered > exact:
        size = (answered + lost) // 2
        if _is_answered(pinger, size, patience):
            answered = size
        else:
            lost = size
    return answered


def _is_answered(pinger: Pinger, size: int, patience: float) -> bool:
    for _ in range(2):
        pinger.send(size)
        until = time.monotonic() + patience
        while (left := until - time.monotonic()) > 0:
            if size in pinger.heard(left):
                return True
    return False


def _checksum(data: bytes) -> bytes:
    padded = data + bytes(len(data) % 2)
    total = sum(int.from_bytes(padded[at : at + 2]) for at in range(0, len(padded), 2))
    total = (total >> 16) + (total & 0xFFFF)
    total += total >> 16
    return (~total & 0xFFFF).to_bytes(2)
