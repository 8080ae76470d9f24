"""The search for a lost peer, in worlds where endpoints live and die and names lead elsewhere."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiresnake.protocol.activity import LONG_AGO
from wiresnake.tunnel.search import ALIVE_WITHIN, LOST_AFTER, ROUND, Search
from wiresnake.values.addresses import Endpoint, NamedEndpoint

NAME = NamedEndpoint("peer.example", "51820")
RETRY = 5.2
PLACES = [Endpoint(bytes([192, 0, 2, n]), 51820) for n in range(8)]

places = st.lists(st.sampled_from(PLACES), min_size=1, max_size=6, unique=True)


@dataclass
class World:
    """A peer that answers at ``home`` alone, and names that lead to ``led``."""

    search: Search
    current: Endpoint | None
    home: Endpoint | None
    led: list[Endpoint]
    now: float = 1000.0
    lookups: list[float] = field(default_factory=list)
    moves: list[tuple[float, Endpoint]] = field(default_factory=list)
    initiations: int = 0
    last_received: float | None = None

    def call(self) -> bool:
        """Send one initiation as the protocol does; return whether it was answered."""
        self.now += RETRY
        self.initiations += 1
        wanted = self.search.initiated(self.now)
        answered = self.current == self.home
        if wanted:
            self.lookups.append(self.now)
            moved = self.search.found(self.led, self.current, self.last_received, self.now)
            if moved is not None:
                self.moves.append((self.now, moved))
                self.current = moved
        if answered:
            self.search.heard(self.now)
            self.last_received = self.now
        return answered

    def call_until_answered(self, limit: int) -> bool:
        return any(self.call() for _ in range(limit))


def world(current, home, led, heard_at=LONG_AGO, **rest) -> World:
    return World(Search((NAME,), current, heard_at), current, home, list(led), **rest)


@given(led=places, data=st.data())
def test_a_peer_is_found_wherever_its_names_lead(led, data):
    home = data.draw(st.sampled_from(led))
    current = data.draw(st.sampled_from(PLACES))
    there = world(current, home, led)
    assert there.call_until_answered(ROUND * (len(led) + 1) + 1)
    assert there.current == home


@given(led=places, current=st.sampled_from(PLACES), calls=st.integers(1, 60))
def test_a_lookup_and_a_move_are_of_a_whole_round(led, current, calls):
    there = world(current, None, led)
    for _ in range(calls):
        there.call()
    assert len(there.lookups) == calls // ROUND
    assert len(there.moves) <= len(there.lookups)
    for (_, place), (_, following) in zip(there.moves, there.moves[1:], strict=False):
        assert led.index(following) == (led.index(place) + 1) % len(led)


@given(led=places, current=st.sampled_from(PLACES))
def test_every_place_is_tried_in_order_before_one_is_tried_again(led, current):
    there = world(current, None, led)
    for _ in range(ROUND * (len(led) + 1)):
        there.call()
    begin = led.index(current) + 1 if current in led else 0
    expected = [led[(begin + step) % len(led)] for step in range(len(led) + 1)]
    moved = [place for _, place in there.moves]
    assert moved == ([] if led == [current] else expected[: len(moved)])
    assert len(moved) >= (0 if led == [current] else len(led))


@given(age=st.floats(0, 200), calls=st.integers(1, 40))
def test_a_handshake_that_is_young_keeps_the_peer_where_it_is(age, calls):
    there = world(PLACES[0], None, [PLACES[1]], heard_at=1000.0 - age)
    for _ in range(calls):
        there.call()
    assert all(when >= 1000.0 - age + LOST_AFTER for when in there.lookups)
    if there.now >= 1000.0 - age + LOST_AFTER and calls >= ROUND:
        assert there.lookups


def test_a_peer_that_roamed_and_answers_is_left_alone():
    there = world(PLACES[5], PLACES[5], [PLACES[0]])
    for _ in range(100):
        assert there.call()
    assert not there.lookups


@pytest.mark.parametrize(("ago", "moves"), [(ALIVE_WITHIN - 1, False), (ALIVE_WITHIN + 1, True)])
def test_a_peer_that_is_heard_without_a_handshake_is_left_alone(ago, moves):
    there = world(PLACES[5], None, [PLACES[0]])
    there.last_received = there.now + ROUND * RETRY - ago
    for _ in range(ROUND):
        there.call()
    assert there.lookups
    assert bool(there.moves) is moves


def test_an_answer_during_a_lookup_ends_the_search():
    search = Search((NAME,), PLACES[0])
    assert [search.initiated(100.0 + n) for n in range(ROUND)] == [False] * (ROUND - 1) + [True]
    search.heard(104.0)
    assert search.found([PLACES[1]], PLACES[0], None, 105.0) is None


def test_no_second_lookup_begins_beside_the_first():
    search = Search((NAME,), PLACES[0])
    asked = [search.initiated(100.0 + n) for n in range(ROUND)]
    search.looking = True
    assert asked[-1]
    assert not any(search.initiated(110.0 + n) for n in range(10))


def test_a_failed_lookup_is_repeated_at_the_next_call():
    there = world(PLACES[0], None, [])
    for _ in range(ROUND + 3):
        there.call()
    assert len(there.lookups) == 4
    assert not there.moves
    there.led = [PLACES[1]]
    there.call()
    assert there.current == PLACES[1]


def test_a_peer_without_an_endpoint_gets_the_first():
    search = Search((NAME,), None)
    assert search.found([PLACES[3], PLACES[4]], None, None, 0.0) == PLACES[3]
    assert search.asked == PLACES[3]
