"""Two data planes with a fixed session between them, and nothing else: what the loop itself can do.

    python -m bench.plane_pair [--seconds N] [--rounds N] [--mtu N] [--reverse] [--against PROGRAM]
                               [--what tcp,udp,ping] [--profile] [--no-tso]

No protocol runs, so a plane can be tuned and profiled by itself; ``--against wireguard-go`` runs a
whole tunnel of that program by turns. Each line is one round: TCP in Mbit/s of one flow, UDP of 64
bytes in received datagrams per second, ping in microseconds.
"""

import argparse
import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator

from bench.lab.hosts import Host
from bench.lab.load import round_trip, tcp, udp
from bench.lab.programs import named
from bench.lab.tunnels import INNER, OUTER, PORT, tunnel, two_hosts
from wiresnake.door.commands import (
    Add,
    Install,
    Mtu,
    Route,
    Session,
    SetEndpoint,
    Sockets,
)
from wiresnake.host.clock import boottime
from wiresnake.host.tun import create
from wiresnake.host.udp import open_pair
from wiresnake.plane.choose import KINDS, open_plane
from wiresnake.plane.contract import DataPlane, Inner
from wiresnake.values.addresses import Endpoint, Prefix
from wiresnake.values.instants import NEVER

KEYS = (bytes(range(32)), bytes(range(32, 64)))


@contextlib.contextmanager
def plane_end(host: Host, side: int, mtu: int, kind: str, *, offload: bool) -> Iterator[DataPlane]:
    """Run one plane in ``host`` with its session installed."""
    other = 1 - side
    with host.enter():
        tun = create("wg0", mtu)
        pair = open_pair(PORT, 0)
    inner = Inner(tun.fd, tun.vnet_header, tun.tso and offload, tun.uso and offload)
    plane = open_plane(kind, inner)
    try:
        for family, length in ((4, 24), (6, 64)):
            host.add_address("wg0", f"{INNER[family][side]}/{length}")
        host.ip("link", "set", "wg0", "mtu", str(mtu), "up")
        session = Session(
            local_index=side + 1,
            remote_index=other + 1,
            send_key=KEYS[side],
            receive_key=KEYS[other],
            initiator=True,
            born=boottime(),
            renew_on_send_at=NEVER,
            renew_on_receive_at=NEVER,
            dies_at=NEVER,
        )
        prefixes = tuple(Prefix.parse(INNER[family][other]) for family in (4, 6))
        assert pair.v4 is not None
        assert pair.v6 is not None
        plane.apply(
            [
                Sockets(os.dup(pair.v4.fileno()), os.dup(pair.v6.fileno())),
                Mtu(mtu),
                Add(1),
                Route(1, prefixes),
                SetEndpoint(1, Endpoint.parse(f"{OUTER[4][other]}:{PORT}")),
                Install(1, session),
            ]
        )
        yield plane
    finally:
        counters = plane.counters()
        print("   counters", {name: count for name, count in counters.items() if count})
        plane.close()
        pair.close()
        os.close(tun.fd)


@contextlib.contextmanager
def plane_pair(
    mtu: int, kind: str, *, offload: bool = True
) -> Iterator[tuple[Host, Host, list[int]]]:
    """Two hosts joined by a cable and by a tunnel of two planes; also the planes' processes."""
    with (
        two_hosts() as (left, right),
        plane_end(left, 0, mtu, kind, offload=offload) as one,
        plane_end(right, 1, mtu, kind, offload=offload) as two,
    ):
        yield left, right, sorted({getattr(plane, "pid", os.getpid()) for plane in (one, two)})


def measure(left: Host, right: Host, arguments: argparse.Namespace) -> dict[str, float]:
    """Run what was asked for."""
    results: dict[str, float] = {}
    what = arguments.what.split(",")
    there = INNER[4][1]
    left.call("ping", "-c1", "-W2", there)
    if "tcp" in what:
        results["tcp"] = tcp(left, right, there, arguments.seconds, reverse=arguments.reverse)
    if "udp" in what:
        results["udp"] = udp(left, right, there, arguments.seconds)
    if "ping" in what:
        results["ping"] = round_trip(left, there)
    return results


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--mtu", type=int, default=1420)
    parser.add_argument("--plane", default="auto", choices=KINDS)
    parser.add_argument("--what", default="tcp,udp,ping")
    parser.add_argument("--against", default="")
    parser.add_argument("--reverse", action="store_true")
    parser.add_argument("--profile", action="store_true", help="perf record both planes")
    parser.add_argument("--no-offload", action="store_true")
    arguments = parser.parse_args()
    for _ in range(arguments.rounds):
        offload = not arguments.no_offload
        with plane_pair(arguments.mtu, arguments.plane, offload=offload) as (left, right, pids):
            profiler = None
            if arguments.profile:
                profiler = subprocess.Popen(
                    [
                        "perf",
                        "record",
                        "-q",
                        "-g",
                        "-o",
                        "/tmp/plane.perf",
                        "-p",
                        ",".join(map(str, pids)),
                    ]
                )
            print("planes", measure(left, right, arguments))
            if profiler is not None:
                profiler.terminate()
                profiler.wait()
        if arguments.against:
            program = named(arguments.against)
            with tunnel(program, program, mtu=arguments.mtu) as two:
                print(arguments.against, measure(two.left.host, two.right.host, arguments))
        sys.stdout.flush()


if __name__ == "__main__":
    main()
