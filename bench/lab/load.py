"""Load from iperf3 and ping, through a tunnel that exists: one figure a call."""

import contextlib
import json
import statistics
import subprocess
import time
from collections.abc import Iterator
from typing import Any

from bench.lab.hosts import Host
from bench.lab.traffic import ping

IPERF_PORT = "5201"
START_LIMIT = 5.0
OVERTIME = 15.0


def iperf(left: Host, right: Host, address: str, seconds: int, *options: str) -> dict[str, Any]:
    """Run iperf3 from left to ``address`` of right; return the summary of its end.

    Whole seconds, for that is all that iperf3 counts, and 0 is for ever.
    """
    with _server(right, address):
        report = json.loads(
            left.call(
                "iperf3",
                "-J",
                "-c",
                address,
                "-t",
                str(seconds),
                *options,
                limit=seconds + OVERTIME,
            )
        )
    end: dict[str, Any] = report["end"]
    return end


@contextlib.contextmanager
def _server(right: Host, address: str) -> Iterator[None]:
    """Serve one iperf3 test; the port is free again after the block."""
    server = right.start("iperf3", "-s", "-1", "-B", address)
    try:
        _await_socket(right, "state", "listening", "sport")
        yield
    finally:
        _end(server)


def _end(program: subprocess.Popen[bytes], patience: float = 3) -> None:
    """Let a program end by itself, or end it."""
    try:
        program.wait(patience)
    except subprocess.TimeoutExpired:
        program.kill()
        program.wait()


def _await_socket(host: Host, *which: str) -> None:
    give_up = time.monotonic() + START_LIMIT
    while not host.call("ss", "-Htn", *which, "=", IPERF_PORT):
        if time.monotonic() > give_up:
            raise TimeoutError("iperf3 does not listen, or has nothing to send")
        time.sleep(0.01)


def tcp(
    left: Host, right: Host, address: str, seconds: int, *, reverse: bool = False, flows: int = 1
) -> float:
    """Return Mbit/s of TCP flows from left to right, all together, or back if ``reverse``."""
    options = ["-P", str(flows), *(["-R"] if reverse else [])]
    received = iperf(left, right, address, seconds, *options)["sum_received"]
    return float(received["bits_per_second"]) / 1e6


@contextlib.contextmanager
def flowing(left: Host, right: Host, address: str, limit: int = 30) -> Iterator[None]:
    """Keep one TCP flow from left to right for the length of the block, ``limit`` s at most.

    Raises RuntimeError if it ended before the block did.
    """
    with _server(right, address):
        flow = left.start("iperf3", "-c", address, "-t", str(limit))
        try:
            _await_socket(left, "state", "established", "dport")
            yield
            if flow.poll() is not None:
                raise RuntimeError("the TCP flow ended before the measure did")
        finally:
            flow.terminate()
            _end(flow)


def arriving(host: Host, interface: str, seconds: float) -> float:
    """Return the bytes that come out of an interface of ``host`` each second, over so long."""
    count = host.path(f"/sys/class/net/{interface}/statistics/rx_bytes")
    before, began = int(count.read_text()), time.monotonic()
    time.sleep(seconds)
    return (int(count.read_text()) - before) / (time.monotonic() - began)


def udp(left: Host, right: Host, address: str, seconds: int, size: int = 64) -> float:
    """Return datagrams received each second, sent as fast as one sender can."""
    total = iperf(left, right, address, seconds, "-u", "-b", "0", "-l", str(size))["sum"]
    return float(total["packets"] - total["lost_packets"]) / seconds


def round_trip(left: Host, address: str, count: int = 200) -> float:
    """Return the median round trip of ``count`` pings in microseconds.

    Raises TimeoutError if none came back.
    """
    times = ping(left, address, count=count, interval=0.01, patience=1)
    if not times:
        raise TimeoutError(f"none of {count} pings to {address} came back")
    return statistics.median(times) * 1000


def by_interval(
    left: Host, right: Host, address: str, seconds: int, every: float = 0.1
) -> list[float]:
    """Return the Mbit/s of one TCP flow from left to right in each of its intervals."""
    options = ["-J", "-c", address, "-t", str(seconds), "-i", str(every)]
    with _server(right, address):
        report = json.loads(left.call("iperf3", *options, limit=seconds + 30))
    return [float(each["sum"]["bits_per_second"]) / 1e6 for each in report["intervals"]]
