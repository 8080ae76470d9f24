"""Explicit congestion notification across the tunnel (RFC 3168, 9.1.1; PROTOCOL: outer packets)."""

from typing import Final

from wiresnake.plane.portable import checksum
from wiresnake.plane.portable.checksum import Bytes

NOT_ECT: Final = 0
ECT_1: Final = 1
ECT_0: Final = 2
CE: Final = 3
ECN_MASK: Final = 3
"""The bits of a traffic class that are ECN's."""

OUTER: Final = (NOT_ECT, ECT_1, ECT_0, ECT_0)
"""The outer bits for each of the inner ones."""


def encapsulate(tos: int) -> int:
    """Return the outer traffic class (0 to 2) for a packet whose own is ``tos``.

    Not-ECT, ECT(0) and ECT(1) are copied; a mark made before the tunnel stays inside, so that the
    far end sees only what happens on the way.
    """
    return OUTER[tos & ECN_MASK]


def outer_tos(packet: Bytes) -> int:
    """Return the outer traffic class for an IPv4 or IPv6 ``packet``; 0 for one without a header."""
    if len(packet) < 2:
        return 0
    second = packet[1]
    return encapsulate(second if packet[0] >> 4 == 4 else second >> 4)


def decapsulate(packet: memoryview, outer: int) -> None:
    """Bring the ECN bits of ``outer``, a received traffic class, into the inner ``packet``.

    CE makes an ECT packet CE, ECT(1) makes an ECT(0) packet ECT(1); a Not-ECT packet is left as it
    is. ``packet`` is writable and holds a whole IPv4 or IPv6 header; the IPv4 checksum is mended.
    Callers may skip the call when the lower two bits of ``outer`` are Not-ECT or ECT(0).
    """
    mark = outer & ECN_MASK
    four = packet[0] >> 4 == 4
    second = packet[1]
    inner = (second if four else second >> 4) & ECN_MASK
    if not (mark == CE and inner in {ECT_0, ECT_1}) and not (mark == ECT_1 and inner == ECT_0):
        return
    if not four:
        packet[1] = second & 0xCF | mark << 4
        return
    check = packet[10] << 8 | packet[11]
    check = checksum.amend(check, packet[0] << 8 | second, packet[0] << 8 | second & 0xFC | mark)
    packet[1] = second & 0xFC | mark
    packet[10] = check >> 8
    packet[11] = check & 0xFF
