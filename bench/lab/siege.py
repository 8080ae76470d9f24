"""A responder under a flood, and a legitimate peer that wants to connect to it meanwhile.

legitimate 192.0.2.1 ----- 192.0.2.2 responder 198.51.100.1 ----- 198.51.100.2-65 flooder
"""

import subprocess
import sys
import time
from dataclasses import asdict, dataclass

from bench.lab import flood
from bench.lab.hosts import Host, cable
from bench.lab.programs import Program
from bench.lab.traffic import ping, reaches
from bench.lab.tunnels import OUTER, PORT, End, Tunnel, endpoint, two_hosts

PATIENCE = 20.0
PINGS = 100
PING_INTERVAL = 0.03
SETTLING = 1.5


@dataclass(frozen=True, slots=True)
class Siege:
    """What became of it: seconds until the peer was connected, the part of its pings that was
    lost then, bytes of memory that the responder grew by, datagrams a second that were sent.
    """

    connected: float
    lost: float
    growth: int
    rate: float

    def figures(self) -> dict[str, float]:
        """Return the fields as plain figures."""
        return asdict(self)


def besiege(responder: Program, legitimate: Program, *, rate: int, seconds: float) -> Siege:
    """Flood ``responder`` at ``rate`` datagrams a second for ``seconds``, and return what became.

    ``seconds`` must leave time for the peer to connect and for its pings. Raises TimeoutError if
    it could not connect, RuntimeError if the flood did not last.
    """
    with two_hosts() as (left, right), Host("flooder") as flooder:
        sources = [f"{address}/24" for address in flood.source_addresses()]
        cable(right, flooder, ["198.51.100.1/24"], sources, ("eth1", "eth0"))
        ends = [End(left, legitimate, 0, ""), End(right, responder, 1, endpoint(OUTER[4][1]))]
        made = Tunnel(ends[0], ends[1])
        made.right.bring_up(made.config(made.right, knows_endpoint=False))
        before = made.right.running.memory()
        attack = flooder.popen(
            [sys.executable, "-m", "bench.lab.flood", f"198.51.100.1:{PORT}",
             made.right.public_key, str(rate), str(seconds)],
            stdout=subprocess.PIPE,
        )  # fmt: skip
        time.sleep(SETTLING)
        made.left.bring_up(made.config(made.left))
        connected = reaches(left, made.right.inner(4), within=PATIENCE)
        answered = ping(left, made.right.inner(4), count=PINGS, interval=PING_INTERVAL, patience=1)
        if attack.poll() is not None:
            raise RuntimeError("the flood ended before the pings did")
        growth = made.right.running.memory() - before
        said, _ = attack.communicate(timeout=seconds + 10)
        sent, took = said.split()
        return Siege(connected, 1 - len(answered) / PINGS, growth, int(sent) / float(took))
