"""Explicit congestion notification across the tunnel (RFC 3168, 9.1.1; PROTOCOL: outer packets)."""

from typing import Final

from wiresnake.plane.portable import checksum

NOT_ECT: Final = 0
ECT_1: Final = 1
ECT_0: Final = 2
CE: Final = 3

_OUTER: Final = (NOT_ECT, ECT_1, ECT_0, ECT_0)


def encapsulate(packet: memoryview) -> int:
    """Return the outer traffic class (0 to 2) for the inner ``packet``, of at least 2 bytes.

    Not-ECT, ECT(0) and ECT(1) are copied; a mark made before the tunnel stays inside, so that the
    far end sees only what happens on the way.
    """
    second = packet[1]
    return _OUTER[second & 3 if packet[0] >> 4 == 4 else second >> 4 & 3]


def decapsulate(packet: memoryview, outer: int) -> None:
    """Bring the ECN bits of ``outer``, a received traffic class, into the inner ``packet``.

    CE makes an ECT packet CE, ECT(1) makes an ECT(0) packet ECT(1); a Not-ECT packet is left as it
    is. ``packet`` is writable and holds a whole IPv4 or IPv6 header; the IPv4 checksum is mended.
    Callers may skip the call when the lower two bits of ``outer`` are Not-ECT or ECT(0).
    """
    mark = outer & 3
    four = packet[0] >> 4 == 4
    second = packet[1]
    inner = second & 3 if four else second >> 4 & 3
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
