"""Snapshots: what control may read of a data plane, many peers at once."""

from msgspec import Struct

from wiresnake.door.commands import PeerNumber
from wiresnake.values.addresses import Endpoint
from wiresnake.values.instants import Instant


class Observed(Struct, frozen=True, array_like=True):
    """One peer at one instant. Stamps are None when unset.

    ``activity`` grows with every data packet sent or received, and never falls.
    ``unanswered_since``: the first data packet sent that no authenticated packet has answered.
    ``unacknowledged_since``: the first data packet received since our last authenticated send;
    ``more_unacknowledged`` says that others followed it.
    ``last_sent``, ``last_received``: the last authenticated packet each way, handshakes and
    keepalives included. ``last_staged``: the last time a packet had to wait for a session.
    ``tx_bytes`` and ``rx_bytes`` count whole WireGuard messages. ``local`` is the address from
    which packets leave (4 or 16 bytes, empty where the host chooses) and ``interface`` the index of
    that by which the peer was heard there.
    """

    peer: PeerNumber
    activity: int
    unanswered_since: Instant | None
    unacknowledged_since: Instant | None
    more_unacknowledged: bool
    last_sent: Instant | None
    last_received: Instant | None
    last_staged: Instant | None
    tx_bytes: int
    rx_bytes: int
    endpoint: Endpoint | None
    local: bytes = b""
    interface: int = 0
