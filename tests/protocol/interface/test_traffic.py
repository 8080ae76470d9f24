"""Rules 3 and 6, and rest: what depends on traffic, and what it costs when there is none."""

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wiresnake.door import commands as c
from wiresnake.protocol.constants import ERASE_AFTER_TIME
from wiresnake.values.instants import NEVER


def begun(end, since=0.0):
    return end.times(c.Send, since)


# Rule 3


def test_unanswered_data_begins_a_handshake_after_fifteen_seconds(ends, joined):
    alice, _ = joined
    ends.run_for(40)
    start = ends.clock.boottime
    alice.plane.send_data()
    ends.run_for(3)
    alice.plane.send_data()  # moves nothing
    ends.run_for(13)
    (at,) = begun(alice, start)
    assert 15.0 <= at - start < 15.0 + 1 / 3
    assert alice.times(c.ClearSource, start) == [at]


@pytest.mark.parametrize("answer", ["receive_data", "receive_empty"])
def test_any_authenticated_receive_cancels_it(ends, joined, answer):
    alice, _ = joined
    alice.plane.send_data()
    ends.run_for(14.9)
    getattr(alice.plane, answer)()
    ends.run_for(12)
    assert begun(alice) == []


def test_a_keepalive_arms_nothing(ends, joined):
    alice, _ = joined
    ends.run_for(100)
    assert alice.times(c.Keepalive)
    assert begun(alice) == []


def test_its_jitter_is_drawn_for_each_stamp(ends, joined):
    alice, _ = joined
    waits = []
    for _ in range(6):
        start = ends.clock.boottime
        alice.plane.send_data()
        ends.run_for(16)
        waits.append(begun(alice, start)[0] - start)
        alice.receive_answer = alice.plane.receive_empty()
        alice.interface._schedule.completed(alice.interface._roster.numbered(1))
        alice.peer().current = _immortal(alice.peer().current)
        ends.run_for(6)
    assert len(set(waits)) == 6
    assert all(15.0 <= wait < 15.0 + 1 / 3 for wait in waits)


def _immortal(session):
    fields = {name: getattr(session, name) for name in session.__struct_fields__}
    return c.Session(**(fields | {"dies_at": NEVER}))


def test_data_without_end_and_without_an_answer_never_lets_it_rest(ends, joined):
    alice, _ = joined
    alice.peer().current = _immortal(alice.peer().current)
    ends.run_for(20)
    start = ends.clock.boottime
    for _ in range(400):
        alice.plane.send_data()
        ends.run_for(1)
    assert alice.times(c.Abandon) == []
    sent = begun(alice, start)
    assert max(b - a for a, b in itertools.pairwise(sent)) < 5.4


def test_data_that_stopped_is_asked_about_once(ends, joined):
    alice, _ = joined
    alice.plane.send_data()
    start = ends.clock.boottime
    ends.run_for(400)
    assert len(begun(alice)) == 20
    assert len(alice.times(c.Abandon)) == 1
    assert alice.times(c.Rest)
    assert alice.deadline() == start + ERASE_AFTER_TIME  # nothing else is left to do


# Rule 6


def test_keys_are_erased_nine_minutes_after_the_last_session_was_derived(ends, joined):
    alice, bob = joined
    start = ends.clock.boottime
    ends.run_for(1000)
    assert alice.times(c.EraseSessions) == bob.times(c.EraseSessions) == [start + 540]
    assert len(alice.interface._exchange._indices) == 0


def test_the_responder_counts_from_its_answer(ends):
    alice, bob = ends.pair()
    alice.plane.send_data()
    alice.settle()
    bob.receive(alice.take_handshakes()[0], alice.home)
    alice.link(False)
    answered = ends.clock.boottime
    ends.run_for(1000)
    assert bob.times(c.EraseSessions) == [answered + 540]
    assert bob.plane.expected == set()


def test_an_ephemeral_key_is_erased_with_the_rest(ends, joined):
    alice, bob = joined
    bob.link(False)
    start = ends.clock.boottime
    ends.run_for(500)
    alice.plane.send_data()  # the handshake that this begins is under way at the erasure
    ends.run_until(start + 539.9)
    awaiting = alice.interface._roster.numbered(1).awaiting
    ephemeral = awaiting.ephemeral
    assert not ephemeral.is_zero
    ends.run_until(start + 540)
    assert alice.times(c.EraseSessions) == [start + 540]
    assert ephemeral.is_zero
    assert alice.plane.expected == set()
    ends.run_for(6)
    assert len(alice.plane.expected) == 1  # the next retry brings another


def test_a_new_session_moves_the_erasure(ends, joined):
    alice, bob = joined
    ends.run_for(300)
    bob.take_handshakes()
    alice.take_handshakes()
    ends.shake_hands(alice, bob)
    start = ends.clock.boottime
    ends.run_for(1000)
    assert alice.times(c.EraseSessions, start) == [start + 540]


# Rest


def test_a_quiet_peer_is_put_to_rest_and_costs_nothing(ends, joined):
    alice, _ = joined
    start = ends.clock.boottime
    ends.run_for(35)
    (rest,) = alice.commands(c.Rest)
    assert rest[0] <= start + 30
    assert alice.peer().resting
    assert alice.deadline() == start + ERASE_AFTER_TIME


def test_a_rest_that_comes_too_late_is_no_rest(ends, joined):
    alice, _ = joined
    ends.run_for(25)
    seen = alice.plane.observe([1])
    alice.plane.receive_data()  # between the snapshot and the command
    start = ends.clock.boottime
    alice.carry_out([c.Rest(1, seen[0].activity)])
    alice.settle()
    ends.run_for(11)
    assert alice.times(c.Keepalive, start) == [start + 10]


def test_traffic_without_end_costs_one_look_in_ten_seconds(ends, joined):
    alice, _ = joined
    looks = []
    original = alice.interface.expire
    alice.interface.expire = lambda now, seen: looks.extend(seen) or original(now, seen)
    for _ in range(1000):
        alice.plane.send_data()
        alice.plane.receive_data()
        ends.run_for(0.1)
    assert len(looks) <= 11


TRAFFIC = st.lists(
    st.tuples(
        st.sampled_from(["send_data", "receive_data", "receive_empty", "keepalive"]),
        st.floats(0.01, 20.0),
    ),
    max_size=30,
)


class ArmedTimers:
    """The naive twin: the two timers as the kernel has them, armed and cancelled at each packet."""

    def __init__(self):
        self.keepalive = self.handshake = NEVER
        self.another = False
        self.kept, self.begun = [], []

    def pass_to(self, instant):
        while self.keepalive <= instant:
            at, self.keepalive = self.keepalive, NEVER
            self.kept.append(at)
            if self.another:
                self.another, self.keepalive = False, at + 10
        if self.handshake <= instant:
            self.begun.append(self.handshake)
            self.handshake = NEVER

    def packet(self, kind, now):
        if kind in {"send_data", "keepalive"}:
            self.keepalive, self.another = NEVER, False
        else:
            self.handshake = NEVER
        if kind == "send_data" and self.handshake == NEVER:
            self.handshake = now + 15
        if kind == "receive_data":
            self.another = self.keepalive < NEVER
            self.keepalive = min(self.keepalive, now + 10)


@given(TRAFFIC)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # it only makes worlds
def test_looking_seldom_misses_no_timer(ends_of, traffic):
    """Stamps and looks do what timers armed at every packet do, at the same instants."""
    ends = ends_of(1)
    alice, bob = ends.pair()
    ends.shake_hands(alice, bob)
    bob.link(False)
    alice.plane.receive_empty()
    alice.peer().current = _immortal(alice.peer().current)
    twin = ArmedTimers()
    alice.log.clear()
    for kind, gap in traffic:
        getattr(alice.plane, kind if kind != "keepalive" else "_empty")(1)
        twin.packet(kind, ends.clock.boottime)
        ends.run_for(gap)
        twin.pass_to(ends.clock.boottime)
        if twin.begun:
            break  # from here on retries stamp sends that the twin knows nothing of
    assert alice.times(c.Keepalive) == pytest.approx(twin.kept)
    assert len(begun(alice)) >= len(twin.begun) or 0 <= ends.clock.boottime - twin.begun[0] < 1 / 3
    for at, exact in zip(begun(alice), twin.begun, strict=False):
        assert 0 <= at - exact < 1 / 3
    assert bool(begun(alice)) <= bool(twin.begun)
