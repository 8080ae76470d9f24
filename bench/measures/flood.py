"""A flood of handshakes and garbage: who still gets in, and what is left for who is in already."""

from collections.abc import Callable, Mapping

from bench.contest import Goal, Measure, less, more
from bench.contestants.contract import Contestant
from bench.contestants.names import NATIVE, OURS, PORTABLE
from bench.contestants.wireguard import program_of
from bench.lab.programs import wireguard_go
from bench.lab.siege import besiege

FLOOD, DELUGE = 40_000, 200_000
"""Datagrams a second."""


def at(rate: int) -> Callable[[Contestant, int], Mapping[str, float]]:
    """Return what besieges a program at this rate while Debian's wireguard-go wants to connect."""

    def take(contestant: Contestant, seconds: int) -> Mapping[str, float]:
        siege = besiege(program_of(contestant), wireguard_go(), rate=rate, seconds=seconds)
        return {
            "connected": siege.connected,
            "pings lost": siege.lost,
            "tcp kept": siege.kept,
            "memory grown": siege.growth / 2**20,
            "sent": siege.rate,
        }

    return take


MEASURES = (
    Measure(
        "flood",
        (
            less("connected", "s", Goal(6.0, NATIVE), Goal(12.0, PORTABLE)),
            less("pings lost", "of all", *(Goal(0.1, ours) for ours in OURS)),
            more("tcp kept", "of what it was"),
            less("memory grown", "MiB", *(Goal(20.0, ours) for ours in OURS)),
            more("sent", "datagrams/s"),
        ),
        at(FLOOD),
        rounds=2,
    ),
    Measure(
        "deluge",
        (
            less("connected", "s", Goal(6.0, NATIVE)),
            less("pings lost", "of all", Goal(0.1, NATIVE)),
            more("tcp kept", "of what it was", Goal(0.5, NATIVE)),
            less("memory grown", "MiB", Goal(20.0, NATIVE)),
            more("sent", "datagrams/s"),
        ),
        at(DELUGE),
        rounds=2,
    ),
)
