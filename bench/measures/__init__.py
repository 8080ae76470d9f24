"""What is measured: one file for each kind, all of them in `ALL`."""

from bench.contest import Measure
from bench.measures import dump, flood, handshakes, order, peers, recovery, traffic

ALL: tuple[Measure, ...] = (
    *traffic.MEASURES,
    *order.MEASURES,
    *peers.MEASURES,
    *handshakes.MEASURES,
    *dump.MEASURES,
    *recovery.MEASURES,
    *flood.MEASURES,
)
