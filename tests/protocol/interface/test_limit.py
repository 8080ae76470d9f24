"""No initiation within REKEY_TIMEOUT of the last handshake message sent, and what waits for it."""

import itertools

import pytest

from wiresnake.door import commands as c
from wiresnake.door.notices import SessionUnknown, SessionWanted, Why
from wiresnake.protocol.messages import Initiation
from wiresnake.protocol.timers import RESPONDER_COURTESY


def knock(end):
    end.plane.send_data()
    end.settle()
    return end.take_handshakes()[-1]


def test_a_request_after_a_response_waits_until_the_initiators_retry_could_have_come(ends):
    alice, bob = ends.pair()
    initiation = knock(alice)
    bob.receive(initiation, alice.home)
    bob.take_handshakes()  # the response is lost
    answered = ends.clock.boottime
    ends.run_for(1)
    bob.plane.send_data()
    bob.settle()
    assert bob.take_handshakes() == []
    alice.link(False)
    ends.run_for(10)
    assert bob.times(c.Send)[1:2] == [pytest.approx(answered + 5.0 + RESPONDER_COURTESY)]


def test_a_wish_that_waits_ends_with_the_session_it_was_for(ends):
    alice, bob = ends.pair()
    bob.receive(knock(alice), alice.home)
    bob.plane.send_data()
    bob.settle()
    alice.receive(bob.take_handshakes()[0], bob.home)
    bob.plane.receive_empty()
    bob.settle()
    ends.run_for(14)  # then nobody answered the packet, and rule 3 speaks
    assert len(bob.times(c.Send)) == 1


def test_a_retry_that_the_limit_stops_is_sent_later_and_not_lost(ends):
    alice, bob = ends.pair()
    ours = knock(alice)
    ends.wait(3)
    alice.receive(knock(bob), bob.home)  # crosses ours; the response to it is lost
    answered = ends.clock.boottime
    bob.link(False)
    ends.run_for(60)
    retry = alice.times(c.Send)[2]
    assert answered + 5.0 <= retry <= answered + 5.0 + 5.0 + 1 / 3
    assert Initiation.decode_untrusted(ours)
    assert len(alice.times(c.Send)) > 8


def test_the_limit_counts_responses_as_well_as_initiations(ends):
    alice, bob = ends.pair()
    bob.receive(knock(alice), alice.home)
    assert bob.notice(SessionWanted(1, Why.SENT_LATE)) == []
    ends.wait(4.99)
    assert bob.notice(SessionWanted(1, Why.RECEIVED_LATE)) == []


@pytest.mark.parametrize("why", Why)
def test_every_reason_begins_a_handshake(ends, why):
    alice, _ = ends.pair()
    alice.notice(SessionWanted(1, why))
    assert len(alice.times(c.Send)) == 1


def test_a_session_unknown_here_is_answered_at_once_and_at_most_once_in_five_seconds(ends):
    alice, _ = ends.pair()
    alice.notice(SessionUnknown(1))
    assert len(alice.times(c.Send)) == 1
    for _ in range(100):
        ends.run_for(1)
        alice.notice(SessionUnknown(1))
    sent = alice.times(c.Send)
    assert len(sent) <= 21
    assert min(b - a for a, b in itertools.pairwise(sent)) >= 5.0


def test_a_session_unknown_does_not_prolong_the_knocking(ends):
    alice, _ = ends.pair()
    while not alice.times(c.Abandon):
        assert alice.clock.boottime < 1200
        alice.notice(SessionUnknown(1))
        ends.run_for(0.5)
    assert len(alice.times(c.Send)) == 20


def test_a_session_unknown_within_the_limit_leaves_no_wish_behind(ends):
    alice, bob = ends.pair()
    bob.receive(knock(alice), alice.home)
    assert bob.notice(SessionUnknown(1)) == []
    ends.run_for(60)
    assert len(bob.times(c.Send)) == 1


def cross(ends, alice, bob, delay, until):
    """Carry every handshake message to the other end, ``delay`` later, until one session each."""
    flying = []
    while ends.clock.boottime < until:
        for end, other in ((alice, bob), (bob, alice)):
            at = ends.clock.boottime + delay
            flying += [(at, other, end, datagram) for datagram in end.take_handshakes()]
        flying.sort(key=lambda flight: flight[0])
        soonest = min(alice.deadline(), bob.deadline(), flying[0][0] if flying else until, until)
        ends.clock.boottime = max(soonest, ends.clock.boottime)
        while flying and flying[0][0] <= ends.clock.boottime:
            _, to, origin, datagram = flying.pop(0)
            before = len(to.commands(c.Install))
            to.receive(datagram, origin.home)
            session = to.commands(c.Install)[-1][1].session if to.commands(c.Install) else None
            if len(to.commands(c.Install)) > before and session.initiator:
                return to, ends.clock.boottime
        for end in (alice, bob):
            end.look()
    return None, until


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("delay", [0.0, 0.05, 0.4, 1.0, 2.4])
@pytest.mark.parametrize("apart", [0.0, 0.04, 0.5])
def test_initiations_that_cross_end_in_a_session_within_the_second_round(
    ends_of, seed, delay, apart
):
    ends = ends_of(seed)
    alice, bob = ends.pair()
    begun = ends.clock.boottime
    alice.plane.send_data()
    alice.settle()
    ends.wait(apart)
    bob.plane.send_data()
    bob.settle()
    winner, at = cross(ends, alice, bob, delay, begun + 60)
    assert winner is not None
    # One flight each, the limit, jitter, and the winner's initiation and response.
    assert at - begun <= delay + 5.0 + 1 / 3 + 2 * delay + apart + 0.01


def test_both_ends_know_who_goes_first(ends):
    alice, bob = ends.pair()
    ours, theirs = knock(alice), knock(bob)
    alice.receive(theirs, bob.home)
    bob.receive(ours, alice.home)
    alice.take_handshakes()
    bob.take_handshakes()
    first, second = sorted((alice, bob), key=lambda end: end.key.public.raw, reverse=True)
    assert 5.0 <= first.deadline() - ends.clock.boottime < 5.0 + 1 / 3
    assert 10.0 <= second.deadline() - ends.clock.boottime < 10.0 + 1 / 3
