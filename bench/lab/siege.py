"""A responder under a flood: who was connected stays so, and who was not wants to connect.

established 192.0.2.1 ----- 192.0.2.2    responder 198.51.100.1 ----- 198.51.100.2-65 flooder
   newcomer 203.0.113.1 --- 203.0.113.2 /
"""

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

from bench.lab import flood
from bench.lab.hosts import Host, cable
from bench.lab.load import arriving, flowing
from bench.lab.programs import Program
from bench.lab.traffic import ping, reaches
from bench.lab.tunnels import PORT, End, Tunnel, tunnel

PATIENCE = 20.0
PINGS = 100
PING_INTERVAL = 0.03
SETTLING = 1.5
LAST_WORD = 10.0


@dataclass(frozen=True, slots=True)
class Siege:
    """What became of it.

    Seconds until the newcomer was connected and the part of its pings that was lost then; the part
    of its throughput that the established session kept; bytes of memory that the responder grew
    by; datagrams a second that were sent.
    """

    connected: float
    lost: float
    kept: float
    growth: int
    rate: float


class Attack:
    """A flood of an end while it runs. ``rate``, datagrams a second, is known when it is over."""

    def __init__(self, flooder: Host, target: End, rate: int) -> None:
        self.rate = 0.0
        self._process = flooder.popen(
            [sys.executable, "-m", "bench.lab.flood", f"198.51.100.1:{PORT}", target.public_key,
             str(rate), str(flood.LONGEST)],
            stdout=subprocess.PIPE,
        )  # fmt: skip

    def end(self) -> None:
        """End it, and ask it for its rate. Raises RuntimeError if it did not last."""
        if self._process.poll() is not None:
            raise RuntimeError("the flood ended before the measure did")
        self._process.terminate()
        said, _ = self._process.communicate(timeout=LAST_WORD)
        sent, took = said.split()
        self.rate = int(sent) / float(took)


@contextlib.contextmanager
def flooded(target: End, rate: int) -> Iterator[Attack]:
    """Flood an end from a third host for the length of the block, a minute at most."""
    with Host("flooder") as flooder:
        sources = [f"{address}/24" for address in flood.source_addresses()]
        cable(target.host, flooder, ["198.51.100.1/24"], sources, ("eth1", "eth0"))
        attack = Attack(flooder, target, rate)
        time.sleep(SETTLING)
        yield attack
        attack.end()


def newcomer_to(responder: End, host: Host, program: Program) -> Tunnel:
    """Make the ends of a tunnel from ``host`` to ``responder``, which learns of it at once; the
    newcomer is not up yet.
    """
    cable(responder.host, host, ["203.0.113.2/24"], ["203.0.113.1/24"], ("eth2", "eth0"))
    host.ip("route", "add", "192.0.2.0/24", "via", "203.0.113.2")
    made = Tunnel(End(host, program, 2, ""), responder)
    responder.setconf(made.peer_of(responder, knows_endpoint=False), "addconf")
    return made


def besiege(responder: Program, legitimate: Program, *, rate: int, seconds: int = 2) -> Siege:
    """Flood ``responder`` at ``rate`` datagrams a second, and return what became.

    The established session is one of two ``responder``s; its throughput is taken over ``seconds``
    each time, and it ends before the newcomer comes, which is ``legitimate``. Raises TimeoutError
    if the newcomer could not connect.
    """
    with tunnel(responder, responder) as made, Host("newcomer") as host:
        left, target = made.left, made.right
        coming = newcomer_to(target, host, legitimate)
        reaches(left.host, target.inner(4))
        with contextlib.ExitStack() as established:
            established.enter_context(flowing(left.host, target.host, target.inner(4)))
            calm = arriving(target.host, target.interface, seconds)
            before = target.running.memory()
            with flooded(target, rate) as attack:
                kept = arriving(target.host, target.interface, seconds) / calm
                established.close()
                coming.left.bring_up(coming.config(coming.left))
                connected = reaches(host, target.inner(4), within=PATIENCE)
                answered = ping(
                    host, target.inner(4), count=PINGS, interval=PING_INTERVAL, patience=1
                )
                growth = target.running.memory() - before
        return Siege(connected, 1 - len(answered) / PINGS, kept, growth, attack.rate)
