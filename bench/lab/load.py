"""Load from iperf3 and ping, through a tunnel that exists: one figure a call."""

import json
import statistics
import time
from typing import Any

from bench.lab.hosts import Host
from bench.lab.traffic import ping

IPERF_PORT = "5201"


def iperf(left: Host, right: Host, address: str, *options: str) -> dict[str, Any]:
    """Run iperf3 from left to ``address`` of right; return the summary of its end."""
    right.start("iperf3", "-s", "-1", "-B", address)
    give_up = time.monotonic() + 5
    while not right.call("ss", "-Hltn", "sport", "=", IPERF_PORT):
        if time.monotonic() > give_up:
            raise TimeoutError("iperf3 does not listen")
        time.sleep(0.01)
    report = json.loads(left.call("iperf3", "-J", "-c", address, *options))
    end: dict[str, Any] = report["end"]
    return end


def tcp(left: Host, right: Host, address: str, seconds: float, *, reverse: bool = False) -> float:
    """Return Mbit/s of one TCP flow from left to right, or back if ``reverse``."""
    options = ["-t", str(seconds), *(["-R"] if reverse else [])]
    received = iperf(left, right, address, *options)["sum_received"]
    return float(received["bits_per_second"]) / 1e6


def udp(left: Host, right: Host, address: str, seconds: float, size: int = 64) -> float:
    """Return datagrams received each second, sent as fast as one sender can."""
    options = ("-u", "-b", "0", "-l", str(size), "-t", str(seconds))
    total = iperf(left, right, address, *options)["sum"]
    return float(total["packets"] - total["lost_packets"]) / seconds


def round_trip(left: Host, address: str, count: int = 200) -> float:
    """Return the median round trip of ``count`` pings in microseconds; NaN if none came back."""
    times = ping(left, address, count=count, interval=0.01, patience=1)
    return statistics.median(times) * 1000 if times else float("nan")
