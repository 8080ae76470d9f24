"""One end has ten thousand peers and is asked to list them over and over: does traffic notice?"""

import contextlib
import subprocess
from collections.abc import Iterator, Mapping

from bench.contest import Goal, Measure, less, more
from bench.contestants.contract import Contestant
from bench.contestants.names import OURS
from bench.contestants.wireguard import program_of
from bench.lab.hosts import Host
from bench.lab.load import round_trip, tcp
from bench.lab.traffic import reaches
from bench.lab.tunnels import peers, tunnel

COUNT = 10_000
PINGS = 200


def take(contestant: Contestant, seconds: int) -> Mapping[str, float]:
    """Measure TCP and ping at an end with the peers, before and while it is asked to list them."""
    program = program_of(contestant)
    with tunnel(program, program) as made:
        left, right, address = made.left.host, made.right.host, made.right.inner(4)
        made.left.setconf(peers(COUNT), "addconf")
        reaches(left, address, within=8)
        quiet = tcp(left, right, address, seconds), round_trip(left, address, PINGS)
        with dumping(left, made.left.interface):
            loud = tcp(left, right, address, seconds), round_trip(left, address, PINGS)
        return {"tcp kept": loud[0] / quiet[0], "ping grown": loud[1] / quiet[1]}


@contextlib.contextmanager
def dumping(host: Host, interface: str) -> Iterator[None]:
    """Run `wg show dump` over and over for the length of the block, a minute at most."""
    script = f"while :; do wg show {interface} dump; done"
    loop = host.start("timeout", "60", "sh", "-c", script)
    try:
        yield
        if loop.poll() is not None:
            raise RuntimeError("the loop of dumps ended before the measure did")
    finally:
        loop.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            loop.wait(5)


MEASURES = (
    Measure(
        "dump",
        (
            more("tcp kept", "of what it was", *(Goal(0.8, ours) for ours in OURS)),
            less("ping grown", "of what it was", *(Goal(1.2, ours) for ours in OURS)),
        ),
        take,
        rounds=3,
    ),
)
