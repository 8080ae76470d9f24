"""What takes real time: a re-key, the death of a daemon, an outage, handshakes that cross.

All waits run side by side, so that they take as long as the longest.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeAlias

import pytest

from bench.lab.programs import Program
from bench.lab.relay import slow_tunnel
from bench.lab.traffic import CountedDatagrams, StreamInFlight, reaches
from bench.lab.tunnels import End, tunnel
from tests.interop.conftest import pairs_of

pytestmark = [
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.needs("wg", "wireguard-go"),
    pytest.mark.native,
    pytest.mark.xdist_group("waits"),  # it mostly sleeps, so others may run beside it
]

REKEY_AFTER_TIME = 120
REKEY_ATTEMPT_TIME = 90.0
COUNTED_BEFORE = 30
"""Seconds before the re-key from which on packets are counted."""
Pair: TypeAlias = tuple[Program, Program]
Scenario: TypeAlias = Callable[[], None]


def wait_until(reached: Callable[[], bool], limit: float, what: str) -> None:
    give_up = time.monotonic() + limit
    while not reached():
        assert time.monotonic() < give_up, f"no {what} after {limit} s"
        time.sleep(0.1)


def no_packet_is_lost_across_a_rekey(pair: Pair) -> None:
    with tunnel(*pair) as made:
        left, right = made.left, made.right
        reaches(left.host, right.inner(4))
        first = left.last_handshake(), right.last_handshake()
        # By then the other waits are over, most of which start daemons and load the machine.
        time.sleep(REKEY_AFTER_TIME - COUNTED_BEFORE)
        flows = [
            CountedDatagrams(left.host, right.host, right.inner(4), rate=200),
            CountedDatagrams(right.host, left.host, left.inner(6), rate=200),
        ]
        with flows[0], flows[1]:
            time.sleep(COUNTED_BEFORE - 5)
            assert (left.last_handshake(), right.last_handshake()) == first
            for end, before in zip((left, right), first, strict=True):
                wait_until(lambda e=end, b=before: e.last_handshake() > b, 15, "new session")
            time.sleep(3)
            for flow in flows:
                count = flow.finish()
                assert count.sent > COUNTED_BEFORE * 200
                assert (count.missing, count.again) == ([], [])


def restart(end: End, config: str) -> None:
    end.running.kill()
    end.bring_up(config)


def the_other_end_finds_a_restarted_one(pair: Pair) -> None:
    # The right end forgets everything and knows no endpoint: only the left one can begin.
    with tunnel(*pair) as made:
        left, right = made.left, made.right
        reaches(left.host, right.inner(4))
        restart(right, made.config(right, knows_endpoint=False))
        assert reaches(left.host, right.inner(4), within=20) < 16


def a_restarted_end_that_knows_the_other_comes_back_at_once(pair: Pair) -> None:
    # A transport message that the right end cannot read tells it to shake hands itself.
    with tunnel(*pair, right_knows_left=True) as made:
        left, right = made.left, made.right
        reaches(left.host, right.inner(4))
        restart(right, made.config(right))
        assert reaches(left.host, right.inner(4), within=10) < 1


def a_restarted_end_that_speaks_first_is_heard_at_once(pair: Pair) -> None:
    with tunnel(*pair) as made:
        left, right = made.left, made.right
        reaches(left.host, right.inner(4))
        restart(left, made.config(left))
        assert reaches(left.host, right.inner(4), within=10) < 1


def a_stream_survives_an_outage(pair: Pair) -> None:
    with tunnel(*pair) as made:
        left, right = made.left, made.right
        flow = StreamInFlight(left.host, right.host, right.inner(4))
        flow.wait_for_more(1 << 20)
        left.host.ip("link", "set", "eth0", "down")
        time.sleep(20)
        left.host.ip("link", "set", "eth0", "up")
        left.host.add_address("eth0", "2001:db8::1/64")
        reaches(left.host, right.inner(4), within=7)
        flow.wait_for_more(1 << 20)
        assert flow.stop().intact


def handshakes_that_cross_end_in_a_working_tunnel(pair: Pair, delay: tuple[float, float]) -> None:
    with slow_tunnel(*pair, delay) as made, ThreadPoolExecutor(2) as both:
        left, right = made.left, made.right
        began = [
            both.submit(reaches, left.host, right.inner(4), REKEY_ATTEMPT_TIME),
            both.submit(reaches, right.host, left.inner(4), REKEY_ATTEMPT_TIME),
        ]
        assert all(reached.result() < REKEY_ATTEMPT_TIME for reached in began)
        flows = [
            CountedDatagrams(left.host, right.host, right.inner(4), rate=50),
            CountedDatagrams(right.host, left.host, left.inner(4), rate=50),
        ]
        with flows[0], flows[1]:
            time.sleep(3)
            for flow in flows:
                assert flow.finish(sum(delay) + 1).missing == []


def scenarios(subjects: list[Program]) -> dict[str, Scenario]:
    """Return everything to wait for by name, the longest first."""
    pairs = [pair for subject in subjects for pair in pairs_of(subject)]
    todo: dict[str, Scenario] = {}

    def add(scenario: Callable[..., None], pair: Pair, *arguments: object) -> None:
        names = "-".join(program.name for program in pair)
        with_what = f" {arguments[0]}" if arguments else ""
        todo[f"{scenario.__name__}[{names}{with_what}]"] = partial(scenario, pair, *arguments)

    for pair in pairs:
        add(no_packet_is_lost_across_a_rekey, pair)
    for pair in pairs:
        add(a_stream_survives_an_outage, pair)
        add(the_other_end_finds_a_restarted_one, pair)
        add(a_restarted_end_that_speaks_first_is_heard_at_once, pair)
        if pair[1].name.startswith("wiresnake"):
            add(a_restarted_end_that_knows_the_other_comes_back_at_once, pair)
    crossing = [pair for pair in pairs if pair[0] in subjects]
    for pair in crossing:
        for delay in ((0.0, 0.0), (0.8, 0.8), (2.2, 2.2), (0.1, 3.0)):
            add(handshakes_that_cross_end_in_a_working_tunnel, pair, delay)
    return todo


def test_what_takes_real_time(subjects: list[Program], subtests: pytest.Subtests) -> None:
    todo = scenarios(subjects)
    with ThreadPoolExecutor(3 * len(subjects) + 6) as side_by_side:
        waits = {name: side_by_side.submit(scenario) for name, scenario in todo.items()}
        for name, wait in waits.items():
            with subtests.test(name):
                wait.result()
