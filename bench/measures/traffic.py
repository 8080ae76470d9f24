"""How fast, and at what price: TCP flows each way, small and large datagrams, pings, processor
and memory.
"""

from collections.abc import Mapping

from bench.contest import Goal, Measure, less, more
from bench.contestants.contract import Contestant, Link, linked
from bench.contestants.names import BORINGTUN, DEBIAN, NATIVE, NEWEST, PORTABLE, PROBE
from bench.lab.load import flowing, round_trip, tcp
from bench.lab.numbered import carry

FLOWS = 4
SMALL, LARGE = 64, 1372
OFFERED = {SMALL: 200_000, LARGE: 100_000}
"""Datagrams a second that are sent, whoever carries them: more than most can."""
PING_INTERVAL = 0.01


def take(contestant: Contestant, seconds: int) -> Mapping[str, float]:
    """Measure a tunnel of ``contestant``, over IPv4."""
    with linked(contestant) as link:
        left, right, there = link.left, link.right, link.there
        figures = {"memory idle": link.memory() / 2**20, "ping": median_ping(link, seconds)}
        busy = link.cpu_seconds()
        figures["tcp"] = tcp(left, right, there, seconds)
        busy = link.cpu_seconds() - busy
        figures["processor"] = busy / (figures["tcp"] * seconds / 8e3)
        figures["tcp back"] = tcp(left, right, there, seconds, reverse=True)
        figures["tcp 4"] = tcp(left, right, there, seconds, flows=FLOWS)
        figures["tcp 4 back"] = tcp(left, right, there, seconds, flows=FLOWS, reverse=True)
        for size, rate in OFFERED.items():
            came = carry(left, right, there, rate=rate, seconds=seconds, sizes=(size,))
            figures[f"udp {size}"] = came.rate
            figures[f"udp {size} lost"] = 100 * came.lost
        with flowing(left, right, there):
            figures["ping loaded"] = median_ping(link, seconds)
            figures["memory loaded"] = link.memory() / 2**20
        return figures


def median_ping(link: Link, seconds: int) -> float:
    """Return the median round trip in microseconds, of pings for so long."""
    return round_trip(link.left, link.there, round(seconds / PING_INTERVAL))


MEASURES = (
    Measure(
        "traffic",
        (
            more(
                "tcp",
                "Mbit/s",
                Goal(1.4, NATIVE, NEWEST),
                Goal(0.95, NATIVE, PROBE),
                Goal(1.3, PORTABLE, DEBIAN),
            ),
            more("tcp back", "Mbit/s", Goal(1.4, NATIVE, NEWEST), Goal(1.3, PORTABLE, DEBIAN)),
            more("tcp 4", "Mbit/s", Goal(1.3, NATIVE, NEWEST)),
            more("tcp 4 back", "Mbit/s", Goal(1.3, NATIVE, NEWEST)),
            more(
                "udp 64",
                "datagrams/s",
                Goal(1.5, NATIVE, NEWEST),
                Goal(1.1, NATIVE, BORINGTUN),
                Goal(1.0, PORTABLE, DEBIAN),
            ),
            less("udp 64 lost", "%"),
            more("udp 1372", "datagrams/s"),
            less("udp 1372 lost", "%"),
            less("ping", "µs", Goal(0.75, NATIVE, NEWEST), Goal(1.0, PORTABLE, DEBIAN)),
            less("ping loaded", "µs"),
            less("processor", "s/GB", Goal(0.75, NATIVE, NEWEST)),
            less("memory idle", "MiB"),
            less("memory loaded", "MiB", Goal(0.5, NATIVE, NEWEST)),
        ),
        take,
        rounds=5,
    ),
)
