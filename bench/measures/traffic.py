"""How fast: one TCP flow each way, small UDP datagrams, an idle ping."""

from collections.abc import Mapping

from bench.contest import Goal, Measure, less, more
from bench.lab.load import round_trip, tcp, udp
from bench.lab.programs import Program
from bench.lab.traffic import reaches
from bench.lab.tunnels import tunnel

SECONDS = 4.0
DEBIAN = "wireguard-go"


def take(program: Program) -> Mapping[str, float]:
    """Measure a tunnel with ``program`` at both ends, over IPv4, MTU 1420."""
    with tunnel(program, program) as made:
        left, right, address = made.left.host, made.right.host, made.right.inner(4)
        reaches(left, address, within=8)
        return {
            "ping": round_trip(left, address),
            "tcp": tcp(left, right, address, SECONDS),
            "tcp back": tcp(left, right, address, SECONDS, reverse=True),
            "udp 64": udp(left, right, address, SECONDS),
        }


MEASURES = (
    Measure(
        "traffic",
        (
            more("tcp", "Mbit/s", Goal(1.3, DEBIAN)),
            more("tcp back", "Mbit/s", Goal(1.3, DEBIAN)),
            more("udp 64", "datagrams/s", Goal(1.0, DEBIAN)),
            less("ping", "µs", Goal(1.0, DEBIAN)),
        ),
        take,
        rounds=7,
    ),
)
