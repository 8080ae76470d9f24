"""Rules 2 and 7: empty packets that say we live, and that keep the way open."""

import pytest

from wiresnake.config.model import EndpointSet, KeepaliveSet
from wiresnake.door import commands as c
from wiresnake.door.notices import TrafficWoke
from wiresnake.values.addresses import Endpoint
from wiresnake.values.instants import NEVER


def since(end, times, start):
    return [at - start for at in times]


# Rule 2


def test_data_received_is_acknowledged_ten_seconds_after_the_first(ends, joined):
    alice, _ = joined
    start = ends.clock.boottime
    ends.run_for(60)
    assert since(alice, alice.times(c.Keepalive), start) == [10.0]


def test_a_stamp_made_between_two_looks_is_met_exactly(ends, joined):
    alice, _ = joined
    ends.run_for(13.7)
    alice.plane.receive_data()
    start = ends.clock.boottime
    ends.run_for(60)
    assert since(alice, alice.times(c.Keepalive, start), start) == [10.0]


def test_later_data_does_not_move_it_and_asks_for_another(ends, joined):
    alice, _ = joined
    start = ends.clock.boottime
    ends.run_for(7)
    alice.plane.receive_data()
    ends.run_for(60)
    assert since(alice, alice.times(c.Keepalive), start) == [10.0, 20.0]
    assert [command.rearm for _, command in alice.commands(c.Keepalive)] == [True, False]


def test_a_peer_of_which_another_is_due_is_not_put_to_rest(ends, joined):
    alice, _ = joined
    ends.run_for(40)
    alice.log.clear()
    alice.plane._empty(1)
    start = ends.clock.boottime
    alice.plane.send_data()
    ends.run_for(1)
    alice.plane.receive_data()
    alice.plane.receive_data()
    ends.run_for(11)  # the look that sends one sees no data since the look before
    assert alice.times(c.Rest) == []
    ends.run_for(10)
    assert since(alice, alice.times(c.Keepalive), start) == [11.0, 21.0]


@pytest.mark.parametrize("send", ["data", "keepalive", "handshake"])
def test_any_authenticated_send_cancels_it(ends, joined, send):
    alice, _ = joined
    ends.run_for(5)
    match send:
        case "data":
            alice.plane.send_data()
        case "keepalive":
            alice.plane._empty(1)
        case "handshake":
            alice.plane.apply([c.Send(1, b"")])
    ends.run_for(6)
    assert alice.times(c.Keepalive) == []


def test_one_that_cannot_be_sent_begins_a_handshake_and_is_not_repeated(ends, joined):
    alice, _ = joined
    alice.peer().current = None
    start = ends.clock.boottime
    ends.run_for(40)
    assert since(alice, alice.times(c.Keepalive), start) == [10.0]
    assert since(alice, alice.times(c.Send), start)[0] == 10.0


def test_one_that_the_limit_delays_is_not_asked_for_again_and_again(ends, joined):
    alice, bob = joined
    ends.run_for(8)
    bob.peer().current = None
    bob.plane.send_data()
    bob.settle()
    alice.receive(bob.take_handshakes()[0], bob.home)  # answered: the limit runs
    alice.peer().current = None
    alice.plane.peers[1].unacknowledged = ends.clock.boottime - 8
    bob.link(False)
    ends.run_for(20)
    assert len(alice.times(c.Keepalive)) == 1


# Rule 7


@pytest.fixture
def kept(ends):
    """Alice and Bob with a session, Alice with a persistent keepalive of 25 s, all quiet."""
    alice, bob = ends.pair(keepalive=25)
    ends.run_for(0)
    bob.receive(alice.take_handshakes()[0], alice.home)
    alice.receive(bob.take_handshakes()[0], bob.home)
    bob.plane.receive_empty()
    bob.settle()
    for end in (alice, bob):
        end.log.clear()
    return alice, bob


def test_it_is_sent_when_nothing_else_was(ends, kept):
    alice, _ = kept
    start = ends.clock.boottime
    ends.run_for(101)
    assert since(alice, alice.times(c.Keepalive), start) == [25.0, 50.0, 75.0, 100.0]


@pytest.mark.parametrize("traffic", ["send_data", "receive_data", "receive_empty"])
def test_any_authenticated_packet_moves_it(ends, kept, traffic):
    alice, _ = kept
    start = ends.clock.boottime
    ends.run_for(20)
    getattr(alice.plane, traffic)()
    alice.plane.peers[1].unacknowledged = alice.plane.peers[1].unanswered = None
    ends.run_for(27)
    assert since(alice, alice.times(c.Keepalive), start) == [45.0]


def test_it_wakes_control_once_in_its_interval(ends, kept):
    alice, _ = kept
    looks = []
    original = alice.interface.expire
    alice.interface.expire = lambda now, seen: looks.extend(seen) or original(now, seen)
    ends.run_for(150.5)
    assert len(looks) == 6


@pytest.mark.parametrize("down_for", [1, 100])
def test_it_is_sent_at_once_when_the_link_comes_up(ends, kept, down_for):
    alice, _ = kept
    alice.link(False)
    ends.run_for(down_for)
    assert alice.times(c.Keepalive) == []
    alice.link(True)
    start = ends.clock.boottime
    ends.run_for(0)
    assert since(alice, alice.times(c.Keepalive), start) == [0.0]
    assert len(alice.times(c.Send)) == 1  # it has no session, so a handshake begins


def test_it_is_sent_at_once_when_it_is_first_asked_for(ends, joined):
    alice, bob = joined
    ends.run_for(30)
    alice.log.clear()
    start = ends.clock.boottime
    alice.reconfigure(KeepaliveSet(bob.key.public, 25))
    ends.run_for(51)
    assert since(alice, alice.times(c.Keepalive), start) == [0.0, 25.0, 50.0]


def test_while_down_it_waits_for_the_link(ends, joined):
    alice, bob = joined
    alice.link(False)
    alice.reconfigure(KeepaliveSet(bob.key.public, 25))
    ends.run_for(60)
    assert alice.times(c.Keepalive) == []
    assert alice.deadline() == NEVER


@pytest.mark.parametrize(("after", "sent"), [(40, [25.0, 65.0]), (7, [25.0, 32.0, 39.0])])
def test_a_change_counts_from_the_next_packet(ends, kept, after, sent):
    alice, bob = kept
    start = ends.clock.boottime
    ends.run_for(10)
    alice.reconfigure(KeepaliveSet(bob.key.public, after))
    ends.run_until(start + sent[-1] + 1)
    assert since(alice, alice.times(c.Keepalive), start) == sent


def test_a_change_counts_from_a_packet_that_comes_before_the_old_timer_fires(ends, kept):
    alice, bob = kept
    start = ends.clock.boottime
    ends.run_for(10)
    alice.reconfigure(KeepaliveSet(bob.key.public, 7))
    ends.run_for(1)
    alice.plane.receive_empty()
    ends.run_for(9)
    assert since(alice, alice.times(c.Keepalive), start) == [18.0]


def test_one_that_is_turned_off_is_not_sent(ends, kept):
    alice, bob = kept
    ends.run_for(10)
    alice.reconfigure(KeepaliveSet(bob.key.public, 0))
    ends.run_for(100)
    assert alice.times(c.Keepalive) == []


def test_without_an_endpoint_nothing_is_begun_until_there_is_one(ends):
    alice, bob = ends.end("alice"), ends.end("bob")
    alice.know(bob, keepalive=25, endpoint=False)
    ends.run_for(100)
    assert alice.times(c.Keepalive) == alice.times(c.Send) == []
    assert alice.deadline() == NEVER
    alice.reconfigure(EndpointSet(bob.key.public, bob.home))
    start = ends.clock.boottime
    ends.run_for(0)
    assert since(alice, alice.times(c.Send), start) == [0.0]


def test_an_endpoint_that_a_handshake_brings_will_do(ends):
    alice, bob = ends.end("alice"), ends.end("bob")
    alice.know(bob, keepalive=25, endpoint=False)
    bob.know(alice)
    ends.run_for(50)
    bob.plane.send_data()
    bob.settle()
    alice.receive(bob.take_handshakes()[0], bob.home)
    bob.receive(alice.take_handshakes()[0], alice.home)
    alice.plane.receive_empty()
    alice.plane.notices.clear()
    alice.interface._schedule.completed(alice.interface._roster.numbered(1))
    start = ends.clock.boottime
    ends.run_for(26)
    assert since(alice, alice.times(c.Keepalive), start) == [0.0, 25.0]


def test_it_goes_on_while_nobody_answers(ends):
    alice, _ = ends.pair(keepalive=25)
    ends.run_for(1000)
    sent = alice.times(c.Send)
    assert len(alice.times(c.Abandon)) == len(sent) // 20
    assert len(sent) > 120  # twenty, a pause of at most 25 s, and again


def test_both_rules_together_send_one_packet(ends, kept):
    alice, _ = kept
    ends.run_for(15)
    alice.plane.receive_data()
    alice.plane.peers[1].received -= 15.0 - 1e-9  # as if the persistent one were due with it
    ends.run_for(11)
    assert len(alice.times(c.Keepalive)) == 1


def test_waking_costs_nothing_when_the_peer_already_has_a_look_due(ends, kept):
    alice, _ = kept
    alice.notice(TrafficWoke(1))
    assert alice.deadline() == ends.clock.boottime + 10


def test_endpoint_edits_do_not_send_a_keepalive_that_is_not_owed(ends, kept):
    alice, bob = kept
    ends.run_for(5)
    alice.reconfigure(EndpointSet(bob.key.public, Endpoint(bytes(16), 7)))
    ends.run_for(5)
    assert alice.times(c.Keepalive) == []
