"""The header of 10 bytes that precedes each packet of a TUN with IFF_VNET_HDR (virtio 1.2, 5.1.6).

    0       1     2         4          6            8             10
    | flags | gso | hdr len | gso size | csum start | csum offset |

It says which packets are trains of segments, and which still lack their checksum. Numbers are in
the byte order of the machine, as a TUN has them unless it is told otherwise.
"""

from struct import Struct
from typing import Final

HEADER: Final = Struct("=BBHHHH")
SIZE: Final = HEADER.size

NEEDS_CSUM: Final = 1
"""The checksum field holds the pseudo header's sum alone: complete it over all from csum start."""

GSO_NONE: Final = 0
GSO_TCPV4: Final = 1
GSO_TCPV6: Final = 4
GSO_UDP_L4: Final = 5
GSO_ECN: Final = 0x80
"""Joined to a TCP type: the first segment of the train bears CWR."""

NO_OFFLOAD: Final = bytes(SIZE)
"""The header of a packet that is whole and has its checksums."""
