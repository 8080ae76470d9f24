"""Down, up, sleep, and many peers at once."""

import random

import pytest

from wiresnake.config.model import EndpointSet, PeerAdded
from wiresnake.door import commands as c
from wiresnake.door.notices import SessionConfirmed, SessionWanted, TrafficWoke, Why
from wiresnake.protocol.constants import INITIATIONS_PER_SECOND
from wiresnake.protocol.cookies import CookieMaker
from wiresnake.protocol.pacing import BURST
from wiresnake.protocol.schedule import MAX_DUE
from wiresnake.values.addresses import Endpoint
from wiresnake.values.instants import NEVER
from wiresnake.values.keys import PrivateKey


def knock(end):
    end.plane.send_data()
    end.settle()
    return end.take_handshakes()[-1]


def test_down_ends_handshakes_sessions_and_timers(ends, joined):
    alice, _ = joined
    ends.wait(130)
    alice.peer().current = None
    knock(alice)
    commands = alice.link(False)
    assert [type(command) for command in commands] == [c.Unexpect, c.DropSessions]
    assert alice.deadline() == NEVER
    assert len(alice.interface._exchange._indices) == 0


def test_down_keeps_the_greatest_timestamp_and_the_last_handshake(ends):
    alice, bob = ends.pair()
    initiation = knock(alice)
    bob.receive(initiation, alice.home)
    alice.receive(bob.take_handshakes()[0], bob.home)
    handshake = alice.interface.last_handshake(bob.key.public)
    for end in (alice, bob):
        end.link(False)
        end.link(True)
    ends.wait(1)
    assert alice.interface.last_handshake(bob.key.public) == handshake is not None
    assert bob.receive(initiation, alice.home) == []


def test_down_resets_the_clock_of_the_limit(ends):
    alice, _ = ends.pair()
    knock(alice)
    alice.link(False)
    alice.link(True)
    knock(alice)
    assert len(alice.times(c.Send)) == 2


def test_while_down_nothing_is_heard(ends):
    alice, bob = ends.pair()
    initiation = knock(alice)
    bob.link(False)
    assert bob.receive(initiation, alice.home) == []
    assert bob.notice(SessionWanted(1, Why.STAGED)) == []
    assert bob.interface.counters == {}


@pytest.mark.parametrize("up", [True, False])
def test_the_same_state_again_is_no_event(ends, joined, up):
    alice, _ = joined
    alice.link(up)
    due = alice.deadline()
    ends.wait(1)
    assert alice.link(up) == []
    assert alice.deadline() == due


def test_a_peer_that_was_awake_is_put_to_rest_after_the_link_was_down(ends, joined):
    alice, _ = joined
    alice.link(False)
    ends.run_for(100)
    alice.link(True)
    ends.run_for(25)
    assert len(alice.times(c.Rest)) == 1
    assert alice.peer().resting
    assert alice.deadline() == NEVER


def test_traffic_that_woke_a_peer_just_before_the_link_went_down_is_not_forgotten(ends, joined):
    alice, bob = joined
    bob.link(False)
    ends.run_for(40)
    assert alice.peer().resting
    alice.plane.send_data()  # the plane says it once, and the link is down before control listens
    alice.link(False)
    alice.settle()
    for end in (alice, bob):
        end.link(True)
    ends.shake_hands(bob, alice)
    start = ends.clock.boottime
    ends.run_for(11)
    assert alice.times(c.Keepalive, start) == [start + 10]


def test_a_cookie_outlives_the_link(ends):
    alice, bob = ends.pair()
    maker = CookieMaker(bob.key.public.raw, ends.random.randbytes)
    alice.receive(maker.reply(knock(alice), alice.home, ends.clock.boottime), bob.home)
    alice.link(False)
    alice.link(True)
    assert maker.has_valid_mac2(knock(alice), alice.home, ends.clock.boottime)


def test_a_sleep_expires_sessions_and_shakes_hands_with_those_that_had_traffic(ends, joined):
    alice, _ = joined
    ends.wait(3600)
    commands = alice.carry_out(alice.interface.resumed(ends.clock.now))
    assert [type(command) for command in commands] == [c.EraseSessions, c.Expect, c.Send]


def test_a_sleep_leaves_peers_without_traffic_alone(ends, joined):
    alice, _ = joined
    ends.run_for(40)
    assert alice.peer().resting
    ends.wait(3600)
    commands = alice.carry_out(alice.interface.resumed(ends.clock.now))
    assert [type(command) for command in commands] == [c.EraseSessions]
    assert alice.interface.resumed(ends.clock.now) == []


def test_a_sleep_makes_persistent_keepalives_due(ends):
    alice, bob = ends.pair(keepalive=25)
    alice.look()
    bob.receive(alice.take_handshakes()[0], alice.home)
    alice.receive(bob.take_handshakes()[0], bob.home)
    ends.wait(3600)
    alice.carry_out(alice.interface.resumed(ends.clock.now))
    start = ends.clock.boottime
    ends.run_for(0)
    assert alice.times(c.Keepalive, start) == alice.times(c.Send, start) == [start]


def test_a_sleep_in_the_middle_of_a_handshake_begins_it_anew(ends):
    alice, _ = ends.pair()
    knock(alice)
    ends.wait(3600)
    alice.carry_out(alice.interface.resumed(ends.clock.now))
    assert len(alice.times(c.Send)) == 2
    assert len(alice.plane.expected) == 1


def test_a_session_that_was_erased_is_confirmed_no_more(ends):
    """The plane confirmed it before it was told to erase, and control hears of it after that."""
    alice, bob = ends.pair()
    bob.receive(knock(alice), alice.home)
    index = bob.peer().next.local_index
    bob.notice(TrafficWoke(1))
    ends.wait(20)
    bob.carry_out(bob.interface.resumed(ends.clock.now))
    begun = ends.clock.boottime
    assert bob.notice(SessionConfirmed(1, index, begun)) == []
    assert bob.interface.last_handshake(alice.key.public) is None
    assert bob.interface.counters.get("handshakes_completed", 0) == 0
    ends.run_for(6)
    assert len(bob.times(c.Send, begun)) == 2  # the retry was not called off


@pytest.fixture(scope="module")
def many_keys():
    source = random.Random(5)
    return [PrivateKey.generate(source.randbytes(32)).public for _ in range(10_000)]


@pytest.fixture
def crowd(ends, many_keys):
    """Alice, down, with ten thousand peers that have a persistent keepalive."""
    alice = ends.end("alice", up=False)
    edits = [PeerAdded(public, None, 25) for public in many_keys]
    edits += [EndpointSet(public, Endpoint(b"\x0a\0\0\1", 1)) for public in many_keys]
    alice.reconfigure(*edits)
    return alice


def begun_in_each_second(end, start, seconds):
    times = end.times(c.Send, start)
    return [sum(start + n <= at < start + n + 1 for at in times) for n in range(seconds)]


def test_ten_thousand_handshakes_are_paced(ends, crowd):
    crowd.link(True)
    start = ends.clock.boottime
    assert len(crowd.interface.due(ends.clock.now)) == MAX_DUE
    ends.run_for(1.999)
    seconds = begun_in_each_second(crowd, start, 2)
    assert seconds[0] <= INITIATIONS_PER_SECOND + BURST
    assert abs(seconds[1] - INITIATIONS_PER_SECOND) <= 1
    peers = [command.peer for _, command in crowd.commands(c.Send)]
    assert peers == list(range(1, len(peers) + 1))  # in the order in which they were asked for


def test_a_request_in_a_crowd_waits_for_its_turn_and_not_longer(ends, crowd):
    crowd.link(True)
    for number in range(1, 2033):
        crowd.notice(SessionWanted(number, Why.STAGED))
    start = ends.clock.boottime
    waits = [
        crowd.interface._roster.numbered(number).activity.wanted_at - start
        for number in (33, 533, 1033, 2032)
    ]
    assert waits == pytest.approx([0.002, 1.002, 2.002, 4.0])
