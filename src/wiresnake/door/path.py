"""The way a datagram came, opaque to control, which only hands it back."""

from msgspec import Struct

from wiresnake.values.addresses import Endpoint
from wiresnake.values.instants import Instant


class Path(Struct, frozen=True, array_like=True):
    """Source, the local address it was sent to (4 or 16 bytes, empty if unknown), the interface it
    came in by (index, 0 if unknown), and the instant of arrival.
    """

    source: Endpoint
    local: bytes
    interface: int
    at: Instant
