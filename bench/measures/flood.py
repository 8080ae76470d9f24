"""A flood of handshakes and garbage: does a legitimate peer still get in, and at what price."""

from collections.abc import Mapping

from bench.contest import Goal, Measure, less, more
from bench.lab.programs import Program, wireguard_go
from bench.lab.siege import besiege

RATE = 40_000
SECONDS = 28.0


def take(program: Program) -> Mapping[str, float]:
    """Besiege ``program`` while Debian's wireguard-go wants to connect to it."""
    siege = besiege(program, wireguard_go(), rate=RATE, seconds=SECONDS)
    return {
        "connected": siege.connected,
        "pings lost": siege.lost,
        "memory grown": siege.growth / 2**20,
        "flood": siege.rate,
    }


MEASURES = (
    Measure(
        "flood",
        (
            less("connected", "s", Goal(12.0)),
            less("pings lost", "of all", Goal(0.1)),
            less("memory grown", "MiB", Goal(20.0)),
            more("flood", "datagrams/s"),
        ),
        take,
        rounds=3,
    ),
)
