"""Three re-keys under full load, as the protocol makes them happen: six minutes of real time."""

import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby

import pytest

from bench.lab.load import by_interval
from bench.lab.programs import named
from bench.lab.traffic import CountedDatagrams, reaches
from bench.lab.tunnels import End, tunnel

pytestmark = [
    pytest.mark.root,
    pytest.mark.native,
    pytest.mark.long,
    pytest.mark.needs("wg", "iperf3", "ss"),
]

REKEYS = 3
SECONDS = 370
"""A little more than three times REKEY_AFTER_TIME."""
EVERY = 0.1
LONGEST_STALL = 2.0


class Handshakes:
    """The instants of an end's handshakes, looked at every half second until `stop`."""

    def __init__(self, end: End) -> None:
        self._end = end
        self._stopped = threading.Event()
        self._seen: set[int] = set()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def _watch(self) -> None:
        while not self._stopped.wait(0.5):
            self._seen.add(self._end.last_handshake())

    def stop(self) -> list[int]:
        self._stopped.set()
        self._thread.join()
        return sorted(self._seen)


def longest_stall(rates: list[float]) -> float:
    """Return the seconds of the longest row of intervals in which nothing moved."""
    rows = (len(list(row)) for moved, row in groupby(rate > 0 for rate in rates) if not moved)
    return EVERY * max(rows, default=0)


def test_a_full_tunnel_is_rekeyed_without_a_stall_or_disorder(record_property):
    native = named("wiresnake native")
    with tunnel(native, native) as made, ThreadPoolExecutor(1) as beside:
        left, right = made.left, made.right
        reaches(left.host, right.inner(4))
        handshakes = [Handshakes(end) for end in (left, right)]
        flows = [
            CountedDatagrams(left.host, right.host, right.inner(4), rate=200),
            CountedDatagrams(right.host, left.host, left.inner(4), rate=200),
        ]
        with flows[0], flows[1]:
            load = beside.submit(by_interval, left.host, right.host, right.inner(4), SECONDS, EVERY)
            try:
                rates = load.result()
            finally:
                seen = [each.stop() for each in handshakes]
            counts = [flow.finish() for flow in flows]
    figures = {
        "mbit_per_second": round(sum(rates) / len(rates)),
        "longest_stall": longest_stall(rates),
        "handshakes": seen,
        "sent": [count.sent for count in counts],
        "missing": [len(count.missing) for count in counts],
        "longest_silence": [round(count.longest_silence, 3) for count in counts],
    }
    record_property("figures", figures)
    print(figures)
    assert [len(each) for each in seen] == [1 + REKEYS] * 2, figures
    assert longest_stall(rates) <= LONGEST_STALL, figures
    for count in counts:
        assert count.sent > 0.9 * 200 * SECONDS, figures
        assert len(count.missing) < 0.5 * count.sent, figures
        assert (count.late, count.again) == (0, []), figures
