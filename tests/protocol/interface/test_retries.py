"""Rule 1: an initiation without a response (PROTOCOL: timers and limits)."""

import itertools

import pytest

from wiresnake.door import commands as c
from wiresnake.door.notices import SessionWanted, Why
from wiresnake.protocol.constants import ERASE_AFTER_TIME, MAX_INITIATIONS
from wiresnake.protocol.cookies import CookieMaker
from wiresnake.protocol.messages import Initiation
from wiresnake.values.instants import NEVER


@pytest.fixture
def knocking(ends):
    """Alice has one packet for Bob, who does not answer."""
    alice, _ = ends.pair()
    alice.plane.send_data()
    alice.settle()
    return alice


def gaps(times):
    return [later - earlier for earlier, later in itertools.pairwise(times)]


def test_twenty_initiations_are_sent_and_no_more(ends, knocking):
    ends.run_for(1000)
    sent = knocking.times(c.Send)
    assert len(sent) == MAX_INITIATIONS == 20
    assert all(5.0 <= gap < 5.0 + 1 / 3 for gap in gaps(sent))
    assert len(set(gaps(sent))) == 19  # jitter is drawn anew each time


def test_it_is_given_up_when_the_timer_fires_after_the_last(ends, knocking):
    ends.run_for(200)
    (given_up,) = knocking.times(c.Abandon)
    assert 5.0 <= given_up - knocking.times(c.Send)[-1] < 5.0 + 1 / 3
    assert 100 <= given_up - knocking.times(c.Send)[0] < 107
    assert knocking.interface.counters == {"initiations_sent": 20, "handshakes_given_up": 1}


def test_every_initiation_is_fresh(ends, knocking):
    ends.run_for(60)
    messages = [Initiation.decode_untrusted(datagram) for datagram in knocking.take_handshakes()]
    assert len(messages) > 10
    for name in ("sender", "ephemeral", "static", "timestamp"):
        assert len({getattr(message, name) for message in messages}) == len(messages)


def test_only_the_latest_initiation_is_awaited(ends, knocking):
    ends.run_for(60)
    latest = Initiation.decode_untrusted(knocking.take_handshakes()[-1]).sender
    assert knocking.plane.expected == {latest}


def test_the_source_is_forgotten_on_every_retry(ends, knocking):
    ends.run_for(60)
    assert knocking.times(c.ClearSource) == knocking.times(c.Send)[1:]


def test_a_packet_that_has_to_wait_begins_the_count_anew(ends, knocking):
    ends.run_for(90)
    knocking.peer().staged_at = ends.clock.boottime  # one more packet waits; no notice says so
    ends.run_for(1000)
    sent = knocking.times(c.Send)
    assert 17 + 20 <= len(sent) <= 19 + 20
    assert len(knocking.times(c.Abandon)) == 1


def test_packets_without_end_keep_it_knocking(ends, knocking):
    for _ in range(300):
        ends.run_for(1)
        knocking.peer().staged_at = ends.clock.boottime
    assert len(knocking.times(c.Send)) >= 300 / 5.4
    assert knocking.times(c.Abandon) == []


def test_another_request_begins_the_count_anew_and_sends_nothing(ends, knocking):
    ends.run_for(90)
    before = len(knocking.times(c.Send))
    assert knocking.notice(SessionWanted(1, Why.STAGED)) == []
    ends.run_for(1000)
    assert len(knocking.times(c.Send)) == before + 19


def test_what_was_given_up_is_begun_again_when_asked(ends, knocking):
    ends.run_for(200)
    knocking.plane.send_data()
    ends.run_for(1)
    assert len(knocking.times(c.Send)) == 21


def test_giving_up_arms_the_erasure_of_keys(ends, knocking):
    ends.run_for(200)
    (given_up,) = knocking.times(c.Abandon)
    assert knocking.deadline() == given_up + ERASE_AFTER_TIME
    ends.run_for(ERASE_AFTER_TIME)
    assert knocking.times(c.EraseSessions) == [given_up + ERASE_AFTER_TIME]
    assert knocking.plane.expected == set()
    assert knocking.deadline() == NEVER


def test_giving_up_leaves_an_erasure_that_is_pending_where_it_is(ends, joined):
    alice, _ = joined
    (born,) = {alice.peer().current.born}
    ends.wait(200)
    alice.plane.send_data()
    ends.run_for(200)
    assert len(alice.times(c.Abandon)) == 1
    ends.run_for(600)
    assert alice.times(c.EraseSessions) == [born + ERASE_AFTER_TIME]


def test_giving_up_cancels_the_passive_keepalive(ends, knocking):
    ends.run_for(99)  # all twenty are out, or nearly
    while not knocking.times(c.Abandon):
        ends.run_until(knocking.deadline() - 0.001)
        knocking.plane.receive_data()  # under a session that can receive and not send
        ends.run_for(0.002)
    ends.run_for(60)
    assert knocking.times(c.Keepalive) == []


def test_a_response_to_the_last_initiation_is_good_after_giving_up(ends):
    alice, bob = ends.pair()
    alice.plane.send_data()
    ends.run_for(200)
    assert alice.times(c.Abandon)
    bob.receive(alice.take_handshakes()[-1], alice.home)
    alice.receive(bob.take_handshakes()[-1], bob.home)
    assert len(alice.commands(c.Install)) == 1


def test_a_response_ends_the_retries(ends):
    alice, bob = ends.pair()
    ends.shake_hands(alice, bob)
    assert alice.deadline() < ends.clock.boottime + 11  # only a look at its traffic
    ends.run_for(14)
    assert len(alice.times(c.Send)) == 1


def test_a_response_to_an_older_initiation_is_not_accepted(ends):
    alice, bob = ends.pair()
    alice.plane.send_data()
    alice.settle()
    (first,) = alice.take_handshakes()
    bob.receive(first, alice.home)
    (response,) = bob.take_handshakes()
    ends.run_for(6)
    assert alice.receive(response, bob.home) == []
    assert alice.interface.counters["not_awaited"] == 1


def test_a_response_is_accepted_once(ends):
    alice, bob = ends.pair()
    alice.plane.send_data()
    alice.settle()
    bob.receive(alice.take_handshakes()[0], alice.home)
    (response,) = bob.take_handshakes()
    assert alice.receive(response, bob.home) != []
    assert alice.receive(response, bob.home) == []


def test_a_forged_response_leaves_the_true_one_awaited(ends):
    alice, bob = ends.pair()
    alice.plane.send_data()
    alice.settle()
    bob.receive(alice.take_handshakes()[0], alice.home)
    (response,) = bob.take_handshakes()
    forged = response[:44] + bytes(16) + response[60:]
    assert alice.receive(forged, bob.home) == []
    assert alice.interface.counters["bad_confirmation"] == 1
    assert len(alice.receive(response, bob.home)) > 0


def test_a_cookie_changes_no_timer_and_goes_into_the_retry(ends):
    alice, bob = ends.pair()
    maker = CookieMaker(bob.key.public.raw, ends.random.randbytes)
    alice.plane.send_data()
    alice.settle()
    (initiation,) = alice.take_handshakes()
    due = alice.deadline()
    reply = maker.reply(initiation, alice.home, ends.clock.boottime)
    assert alice.receive(reply, bob.home) == []
    assert alice.deadline() == due
    ends.run_for(6)
    (retry,) = alice.take_handshakes()
    assert maker.has_valid_mac2(retry, alice.home, ends.clock.boottime)
    assert alice.receive(reply, bob.home) == []
    assert alice.interface.counters["not_awaited"] == 1  # its index was freed by the retry


def test_a_cookie_reply_to_a_response_is_kept_for_the_peer(ends):
    alice, bob = ends.pair()
    maker = CookieMaker(alice.key.public.raw, ends.random.randbytes)
    alice.plane.send_data()
    alice.settle()
    bob.receive(alice.take_handshakes()[0], alice.home)
    (response,) = bob.take_handshakes()
    bob.receive(maker.reply(response, bob.home, ends.clock.boottime), alice.home)
    assert bob.interface.counters["cookies_received"] == 1
    ends.run_for(6)
    bob.receive(alice.take_handshakes()[-1], alice.home)
    (again,) = bob.take_handshakes()
    assert maker.has_valid_mac2(again, bob.home, ends.clock.boottime)


def test_the_wall_clock_may_be_set_back_without_making_us_a_replay(ends):
    alice, bob = ends.pair()
    ends.shake_hands(alice, bob)
    ends.clock.wall_offset -= 3600 * 10**9
    ends.wait(200)
    ends.shake_hands(alice, bob)
    assert bob.interface.counters["responses_sent"] == 2


def test_a_peer_of_low_order_gets_nothing_and_no_retry(ends):
    alice = ends.end("alice")
    nobody = ends.end("nobody")
    nobody.key._public = type(nobody.key.public)(bytes(32))
    alice.know(nobody)
    alice.plane.send_data()
    alice.settle()
    assert alice.times(c.Send) == []
    assert len(alice.times(c.Abandon)) == 1
    assert alice.deadline() == NEVER
    assert alice.interface.counters == {"low_order": 1}
