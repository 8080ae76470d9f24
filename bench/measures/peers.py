"""Ten thousand peers, and a hundred thousand: how long it takes to say so, and what they cost."""

import time
from collections.abc import Mapping

from bench.contest import Goal, Measure, less, more
from bench.contestants.contract import Contestant
from bench.contestants.names import NATIVE, NEWEST, OURS, PORTABLE
from bench.contestants.wireguard import program_of
from bench.lab.hosts import Host
from bench.lab.load import tcp
from bench.lab.traffic import reaches
from bench.lab.tunnels import End, new_key, peers, tunnel

MANY = 10_000
MULTITUDE = 100_000
IDLE_SECONDS = 5.0
SETTLING = 2.0
SETCONF_LIMIT = 120.0
PATIENCE = 10.0


def setconf_seconds(end: End, config: str, verb: str) -> float:
    """Let `wg` give ``config`` to an end; return how long it took, entering the host apart."""
    file = "/run/many.conf"
    place = end.host.path(file)
    place.touch(0o600)
    place.write_text(config)
    entered = time.perf_counter()
    end.host.call("true")
    began = time.perf_counter()
    end.host.call("wg", verb, end.interface, file, limit=SETCONF_LIMIT)
    return time.perf_counter() - began - (began - entered)


def take_many(contestant: Contestant, _: int) -> Mapping[str, float]:
    """Measure `wg setconf` of the peers, and the daemon that has them and does nothing."""
    with Host("one") as host:
        end = End(host, program_of(contestant), 0, "")
        end.bring_up(f"[Interface]\nPrivateKey = {end.key.to_base64()}\n")
        interface = f"[Interface]\nPrivateKey = {new_key().to_base64()}\n"
        took = setconf_seconds(end, interface + peers(MANY), "setconf")
        time.sleep(SETTLING)
        memory = end.running.memory()
        busy = end.running.cpu_seconds()
        time.sleep(IDLE_SECONDS)
        busy = end.running.cpu_seconds() - busy
        assert len(end.show("peers").split()) == MANY
        return {
            "setconf": took,
            "memory": memory / 2**20,
            "idle processor": 100 * busy / IDLE_SECONDS,
        }


def take_multitude(contestant: Contestant, seconds: int) -> Mapping[str, float]:
    """Measure a tunnel one end of which has so many peers beside the one it talks to."""
    program = program_of(contestant)
    with tunnel(program, program) as made:
        left, right, there = made.left, made.right.host, made.right.inner(4)
        took = setconf_seconds(left, peers(MULTITUDE), "addconf")
        reaches(left.host, there, within=PATIENCE)
        return {
            "addconf": took,
            "memory": left.running.memory() / 2**20,
            "tcp": tcp(left.host, right, there, seconds),
        }


MEASURES = (
    Measure(
        "peers",
        (
            less("setconf", "s", *(Goal(1.5, ours, NEWEST) for ours in OURS)),
            less("memory", "MiB", Goal(0.34, NATIVE, NEWEST), Goal(0.5, PORTABLE, NEWEST)),
            less("idle processor", "% of a core", *(Goal(1.0, ours) for ours in OURS)),
        ),
        take_many,
        rounds=3,
    ),
    Measure(
        "multitude",
        (less("addconf", "s"), less("memory", "MiB"), more("tcp", "Mbit/s")),
        take_multitude,
        rounds=1,
    ),
)
