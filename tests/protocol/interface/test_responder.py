"""What is answered, what is not, and what an answer changes."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wiresnake.config.model import IdentitySet
from wiresnake.door import commands as c
from wiresnake.door.notices import SessionConfirmed
from wiresnake.protocol.constants import MIN_INITIATION_INTERVAL
from wiresnake.protocol.messages import Initiation, Response
from wiresnake.values.addresses import Endpoint
from wiresnake.values.instants import NEVER


def knock(end):
    end.plane.send_data()
    end.settle()
    return end.take_handshakes()[-1]


def initiations(ends, end, count):
    """Return some initiations of ``end``, oldest first, that were lost on the way."""
    end.plane.send_data()
    ends.run_for(5.4 * count)
    taken = end.take_handshakes()[:count]
    assert len(taken) == count
    return taken


def test_an_answer_installs_then_follows_then_sends_along_the_path(ends):
    alice, bob = ends.pair()
    source = Endpoint(b"\x01\x02\x03\x04", 5)
    commands = bob.receive(knock(alice), source, at=999.5)
    assert [type(command) for command in commands] == [c.Install, c.Follow, c.Expect, c.Send]
    install, follow, expect, send = commands
    assert not install.session.initiator
    assert install.session.renew_on_send_at == install.session.renew_on_receive_at == NEVER
    assert follow.path == send.path
    assert (follow.path.source, follow.path.at, follow.size) == (source, 999.5, 148)
    assert Response.decode_untrusted(send.datagram).sender == expect.index
    assert expect.index == install.session.local_index


def test_an_answer_is_given_once(ends):
    alice, bob = ends.pair()
    bob.receive(knock(alice), alice.home)
    alice.link(False)
    ends.run_for(1000)
    assert len(bob.times(c.Send)) == 1


def test_the_initiator_follows_before_it_installs(ends):
    alice, bob = ends.pair()
    bob.receive(knock(alice), alice.home)
    commands = alice.receive(bob.take_handshakes()[0], bob.home)
    assert [type(command) for command in commands] == [c.Unexpect, c.Follow, c.Install]
    assert commands[1].size == 92


def test_both_ends_hold_the_same_keys_and_the_limits_of_their_role(ends):
    alice, bob = ends.pair()
    bob.receive(knock(alice), alice.home)
    ends.wait(0.5)
    alice.receive(bob.take_handshakes()[0], bob.home)
    ours, theirs = alice.peer().current, bob.peer().next
    assert (ours.send_key, ours.receive_key) == (theirs.receive_key, theirs.send_key)
    assert (ours.local_index, ours.remote_index) == (theirs.remote_index, theirs.local_index)
    assert ours.born == theirs.born + 0.5
    assert ours.renew_on_send_at == ours.born + 120
    assert ours.renew_on_receive_at == ours.born + 165
    assert ours.dies_at == ours.born + 180
    assert theirs.dies_at == theirs.born + 180
    assert ours.send_key not in repr(ours).encode()


def test_a_replayed_initiation_is_not_answered(ends):
    alice, bob = ends.pair()
    initiation = knock(alice)
    assert bob.receive(initiation, alice.home) != []
    ends.wait(100)
    assert bob.receive(initiation, Endpoint(bytes(4), 666)) == []
    assert bob.interface.counters["replayed"] == 1


def test_an_older_initiation_is_not_answered(ends):
    alice, bob = ends.pair()
    first, second = initiations(ends, alice, 2)
    bob.receive(second, alice.home)
    ends.wait(1)
    assert bob.receive(first, alice.home) == []
    assert bob.interface.counters["replayed"] == 1


@pytest.mark.parametrize(
    ("gap", "answered"), [(MIN_INITIATION_INTERVAL - 0.001, False), (MIN_INITIATION_INTERVAL, True)]
)
def test_initiations_of_one_peer_are_answered_fifty_times_a_second_at_most(ends, gap, answered):
    alice, bob = ends.pair()
    first, second = initiations(ends, alice, 2)
    ends.clock.boottime = 4096.0
    bob.receive(first, alice.home)
    ends.clock.boottime = 4096.0 + gap
    assert (bob.receive(second, alice.home) != []) is answered
    assert bob.interface.counters.get("too_soon", 0) == (not answered)


def test_a_refused_initiation_changes_nothing(ends):
    alice, bob = ends.pair()
    first, second = initiations(ends, alice, 2)
    bob.receive(second, alice.home)
    before, due = bob.plane.observe([1]), bob.deadline()
    indices = len(bob.interface._exchange._indices)
    ends.wait(1)
    for datagram in (first, second, second[:40] + bytes(108), second[:147], b"", bytes(148)):
        assert bob.receive(datagram, Endpoint(bytes(4), 1)) == []
    assert bob.plane.observe([1]) == before
    assert bob.deadline() == due
    assert len(bob.interface._exchange._indices) == indices
    assert bob.interface.counters["malformed"] == 3


def test_strangers_get_no_answer(ends):
    _alice, bob = ends.pair()
    mallory = ends.end("mallory")
    mallory.know(bob)
    assert bob.receive(knock(mallory), mallory.home) == []
    assert bob.interface.counters == {"unknown_peer": 1}


def test_without_a_private_key_nothing_is_answered_or_begun(ends):
    alice, bob = ends.pair()
    bob.reconfigure(IdentitySet(None))
    assert bob.receive(knock(alice), alice.home) == []
    assert bob.interface.counters == {"no_private_key": 1}
    bob.plane.send_data()
    bob.settle()
    assert bob.times(c.Send) == []


def test_the_old_index_is_freed_by_the_next_answer(ends):
    alice, bob = ends.pair()
    first, second = initiations(ends, alice, 2)
    bob.receive(first, alice.home)
    (old,) = bob.plane.expected
    ends.wait(1)
    bob.receive(second, alice.home)
    (latest,) = bob.plane.expected
    assert latest == bob.peer().next.local_index != old


def test_confirmation_completes_the_responders_handshake(ends):
    alice, bob = ends.pair()
    bob.receive(knock(alice), alice.home)
    assert bob.interface.last_handshake(alice.key.public) is None
    ends.wait(0.25)
    index = bob.peer().next.local_index
    bob.notice(SessionConfirmed(1, index, ends.clock.boottime))
    assert bob.interface.last_handshake(alice.key.public) == ends.clock.now.wall
    assert bob.plane.expected == set()
    assert bob.interface.counters["handshakes_completed"] == 1


def test_confirmation_of_an_older_session_leaves_our_latest_initiation_awaited(ends):
    alice, bob = ends.pair()
    bob.receive(knock(alice), alice.home)
    (response,) = bob.take_handshakes()
    alice.receive(response, bob.home)
    ends.wait(6)
    knock(bob)
    (awaited,) = bob.plane.expected
    bob.plane.receive_data()
    bob.settle()
    assert bob.plane.expected == {awaited}
    ends.run_for(9)
    assert len(bob.times(c.Send)) == 2  # a response and an initiation, no retry


def test_accepting_an_initiation_gives_our_own_up(ends):
    alice, bob = ends.pair()
    ours, theirs = knock(alice), knock(bob)
    alice.receive(theirs, bob.home)
    bob.receive(ours, alice.home)
    (to_bob,), (to_alice,) = alice.take_handshakes(), bob.take_handshakes()
    assert alice.receive(to_alice, bob.home) == []
    assert bob.receive(to_bob, alice.home) == []
    assert Initiation.decode_untrusted(ours).sender not in alice.plane.expected


def test_the_last_handshake_of_the_initiator_is_the_response(ends):
    alice, bob = ends.pair()
    bob.receive(knock(alice), alice.home)
    ends.wait(0.25)
    alice.receive(bob.take_handshakes()[0], bob.home)
    assert alice.interface.last_handshake(bob.key.public) == ends.clock.now.wall


def test_indices_are_held_until_their_session_cannot_live(ends):
    alice, bob = ends.pair()
    indices = bob.interface._exchange._indices
    for _ in range(4):
        ends.shake_hands(alice, bob)
        ends.wait(100)
        alice.plane.peers[1].current = None  # so that Alice needs another
    assert len(indices) == 2  # two are younger than 180 s
    ends.run_for(600)
    assert len(indices) == 0


def test_a_notice_about_a_peer_that_ended_says_nothing(ends):
    alice, _ = ends.pair()
    assert alice.notice(SessionConfirmed(77, 1, 0.0)) == []


@given(st.binary(max_size=200) | st.sampled_from([148, 92, 64]).map(bytes), st.integers(0, 4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # it only makes worlds
def test_no_datagram_is_an_error_or_an_effect(ends_of, junk, kind):
    ends = ends_of(3)
    alice, bob = ends.pair()
    knock(alice)
    before = alice.plane.observe([1]), alice.deadline(), set(alice.plane.expected)
    index = next(iter(alice.plane.expected)).to_bytes(4, "little")
    for datagram in (
        junk,
        bytes([kind, 0, 0, 0]) + junk[4:],
        bytes([3, 0, 0, 0]) + index + junk[8:].ljust(56, b"x")[:56],
        bytes([2, 0, 0, 0]) + junk[4:8].ljust(4) + index + junk[12:].ljust(80, b"x")[:80],
    ):
        assert alice.receive(datagram, bob.home) == []
    assert (alice.plane.observe([1]), alice.deadline(), alice.plane.expected) == before
