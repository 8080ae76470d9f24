"""The answers to a packet that no peer takes, destination host unreachable (paper 2), and to one
that no datagram can carry, packet too big.

ICMP type 3 code 1 and code 4 (RFC 792, RFC 1812 4.3.2, RFC 1191); ICMPv6 type 1 code 3 and type 2
(RFC 4443 3.1, 3.2).

The answer's source is the destination of the packet it answers. The kernel takes an address of the
interface, but a packet that comes in from a TUN with one of the host's own addresses as its source
is martian and dropped; the packet's destination is the one address that the host is known to route
to this interface, so it passes reverse path filters too.
"""

from struct import Struct
from typing import Final

from wiresnake.plane.portable.checksum import Bytes, complement, word_sum

_TTL: Final = 64
_ICMP: Final = 1
_ICMPV6: Final = 58

_MAX_ANSWER: Final = 576
"""RFC 1812 4.3.2.3: as much of the packet as fits in 576 bytes."""
_MAX_ANSWER_V6: Final = 1280
"""RFC 4443 3.1: as much as fits in the smallest MTU of IPv6."""
_INTERNETWORK_CONTROL: Final = 0xC0
"""Precedence 6 (RFC 1812 4.3.2.5); the bits of the packet's own type of service are kept."""
_TOS_KEPT: Final = 0x1E

_INFORMATIONAL: Final = frozenset({0, 8, 9, 10, 13, 14, 15, 16, 17, 18})
"""ICMP types that are no errors (RFC 1122 3.2.2); a type that nobody knows may be one."""
_FIRST_INFORMATIONAL_V6: Final = 128
_REDIRECT_V6: Final = 137

_HOP_BY_HOP: Final = 0
_ROUTING: Final = 43
_FRAGMENT: Final = 44
_AUTHENTICATION: Final = 51
_DESTINATION: Final = 60
_MAX_EXTENSIONS: Final = 8

_IPV4: Final = Struct("!BBHHHBBH4s4s")
_IPV6: Final = Struct("!IHBB16s16s")
_ERROR: Final = Struct("!BBHI")


def unreachable(packet: Bytes) -> bytes | None:
    """Return the IP packet that tells the sender of ``packet`` that its destination is unreachable.

    None where no answer may be given: to what is not a whole IP header, to an ICMP error or what
    may be one, to a fragment but the first, to multicast and broadcast, and to a source that is not
    one host (RFC 1122 3.2.2, RFC 4443 2.4 e).
    """
    return _answer(packet, (3, 1), (1, 3), 0)


def too_big(packet: Bytes, mtu: int) -> bytes | None:
    """Return the IP packet that tells the sender of ``packet`` that ``mtu`` bytes are the most.

    None where no answer may be given (see `unreachable`).
    """
    return _answer(packet, (3, 4), (2, 0), mtu)


def _answer(packet: Bytes, four: tuple[int, int], six: tuple[int, int], rest: int) -> bytes | None:
    """Return an error of type and code ``four`` or ``six``, ``rest`` behind its checksum."""
    version = packet[0] >> 4 if len(packet) else 0
    if version == 4 and len(packet) >= _IPV4.size:
        return _answer_v4(packet, four, rest)
    if version == 6 and len(packet) >= _IPV6.size:
        return _answer_v6(packet, six, rest)
    return None


def _answer_v4(packet: Bytes, kind: tuple[int, int], rest: int) -> bytes | None:
    first, tos, length, _, fragment, _, protocol, _, source, destination = _IPV4.unpack_from(packet)
    header = 4 * (first & 15)
    length = min(length, len(packet))
    if header < _IPV4.size or length < header or fragment & 0x1FFF:
        return None
    if not _is_host(source) or not _is_host(destination):
        return None
    if protocol == _ICMP and (length <= header or packet[header] not in _INFORMATIONAL):
        return None
    quote = bytes(packet[: min(length, _MAX_ANSWER - _IPV4.size - _ERROR.size)])
    check = complement(word_sum(_ERROR.pack(*kind, 0, rest)) + word_sum(quote))
    size = _IPV4.size + _ERROR.size + len(quote)
    answer_tos = tos & _TOS_KEPT | _INTERNETWORK_CONTROL

    def ip_header(header_check: int) -> bytes:
        return _IPV4.pack(
            0x45, answer_tos, size, 0, 0x4000, _TTL, _ICMP, header_check, destination, source
        )

    return ip_header(complement(word_sum(ip_header(0)))) + _ERROR.pack(*kind, check, rest) + quote


def _is_host(address: bytes) -> bool:
    """Whether an IPv4 address may be one host: not this network, loopback, multicast or above."""
    return 0 < address[0] < 224 and address[0] != 127


def _answer_v6(packet: Bytes, kind: tuple[int, int], rest: int) -> bytes | None:
    _, _, following, _, source, destination = _IPV6.unpack_from(packet)
    if not _is_host_v6(source) or not _is_host_v6(destination):
        return None
    if not _may_be_answered(packet, following):
        return None
    quote = bytes(packet[: _MAX_ANSWER_V6 - _IPV6.size - _ERROR.size])
    size = _ERROR.size + len(quote)
    pseudo = word_sum(source) + word_sum(destination) + size + _ICMPV6
    check = complement(pseudo + word_sum(_ERROR.pack(*kind, 0, rest)) + word_sum(quote))
    ip_header = _IPV6.pack(6 << 28, size, _ICMPV6, _TTL, destination, source)
    return ip_header + _ERROR.pack(*kind, check, rest) + quote


def _is_host_v6(address: bytes) -> bool:
    return address[0] != 0xFF and int.from_bytes(address) > 1


def _may_be_answered(packet: Bytes, following: int) -> bool:
    """Walk the extension headers: no later fragment, no ICMPv6 error, and none that hides one."""
    at = _IPV6.size
    for _ in range(_MAX_EXTENSIONS):
        if following == _ICMPV6:
            kind = packet[at] if at < len(packet) else 0
            return kind >= _FIRST_INFORMATIONAL_V6 and kind != _REDIRECT_V6
        if following not in {_HOP_BY_HOP, _ROUTING, _FRAGMENT, _AUTHENTICATION, _DESTINATION}:
            return True
        if at + 8 > len(packet):
            return False
        if following == _FRAGMENT and (packet[at + 2] << 8 | packet[at + 3]) >> 3:
            return False
        size = 8
        if following == _AUTHENTICATION:
            size = 4 * (packet[at + 1] + 2)
        elif following != _FRAGMENT:
            size = 8 * (packet[at + 1] + 1)
        following = packet[at]
        at += size
    return False
