"""Ten thousand peers: how long it takes to say so, what they cost, and who notices a `dump`."""

import contextlib
import os
import subprocess
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping

from bench.contest import Goal, Measure, less, more
from bench.lab.hosts import Host
from bench.lab.load import round_trip, tcp
from bench.lab.programs import Program
from bench.lab.traffic import reaches
from bench.lab.tunnels import End, new_key, tunnel

COUNT = 10_000
NEWEST = "newest wireguard-go"
IDLE_SECONDS = 10.0
SETTLING = 2.0
SECONDS = 5.0
PINGS = 300


def many_peers(count: int = COUNT) -> str:
    """Return the peers of a configuration, each with one IPv4 and one IPv6 address."""
    return "".join(
        f"[Peer]\nPublicKey = {b64encode(os.urandom(32)).decode()}\n"
        f"AllowedIPs = 10.{128 + (n >> 16)}.{n >> 8 & 255}.{n & 255}/32, fd99::{n:x}/128\n"
        for n in range(count)
    )


def take_cost(program: Program) -> Mapping[str, float]:
    """Measure `wg setconf` of the peers, and the daemon that has them and does nothing."""
    with Host("one") as host:
        end = End(host, program, 0, "")
        end.bring_up(f"[Interface]\nPrivateKey = {end.key.to_base64()}\n")
        config = host.path("/run/many.conf")
        config.write_text(f"[Interface]\nPrivateKey = {new_key().to_base64()}\n{many_peers()}")
        entered = time.perf_counter()
        host.call("true")
        began = time.perf_counter()
        host.call("wg", "setconf", end.interface, "/run/many.conf", limit=120)
        took = time.perf_counter() - began - (began - entered)
        time.sleep(SETTLING)
        memory = end.running.memory()
        busy = end.running.cpu_seconds()
        time.sleep(IDLE_SECONDS)
        busy = end.running.cpu_seconds() - busy
        assert len(end.show("peers").split()) == COUNT
        return {
            "setconf": took,
            "memory": memory / 2**20,
            "idle processor": 100 * busy / IDLE_SECONDS,
        }


def take_dump(program: Program) -> Mapping[str, float]:
    """Measure TCP and ping at an end with the peers, before and while it is asked to list them."""
    with tunnel(program, program) as made:
        left, right, address = made.left.host, made.right.host, made.right.inner(4)
        made.left.setconf(many_peers(), "addconf")
        reaches(left, address, within=8)
        quiet = tcp(left, right, address, SECONDS), round_trip(left, address, PINGS)
        with dumping(left, made.left.interface):
            loud = tcp(left, right, address, SECONDS), round_trip(left, address, PINGS)
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
        "peers",
        (
            less("setconf", "s", Goal(1.5, NEWEST)),
            less("memory", "MiB", Goal(0.5, NEWEST)),
            less("idle processor", "% of a core", Goal(1.0)),
        ),
        take_cost,
        rounds=3,
    ),
    Measure(
        "dump",
        (
            more("tcp kept", "of what it was", Goal(0.8)),
            less("ping grown", "of what it was", Goal(1.2)),
        ),
        take_dump,
        rounds=3,
    ),
)
