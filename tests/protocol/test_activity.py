"""What a look makes of the plane's stamps."""

import itertools

import pytest

from wiresnake.door.snapshots import Observed
from wiresnake.protocol.activity import Activity
from wiresnake.protocol.timers import (
    look_due,
    new_handshake_due,
    passive_keepalive_due,
    persistent_keepalive_due,
)
from wiresnake.values.addresses import Endpoint
from wiresnake.values.instants import NEVER

SOMEWHERE = Endpoint(bytes(4), 1)


def seen(activity=0, **stamps):
    blank = dict.fromkeys(Observed.__struct_fields__) | {"peer": 1, "endpoint": SOMEWHERE}
    return Observed(**(blank | {"activity": activity} | stamps))


@pytest.fixture
def draw():
    return map(float, itertools.count(1)).__next__


def test_the_jitter_is_drawn_once_for_each_stamp(draw):
    known = Activity()
    known.observe(seen(unanswered_since=100.0), 101.0, draw)
    known.observe(seen(unanswered_since=100.0), 111.0, draw)
    assert new_handshake_due(known) == 100.0 + 15 + 1.0
    known.observe(seen(unanswered_since=112.0), 121.0, draw)
    assert new_handshake_due(known) == 112.0 + 15 + 2.0


def test_a_stamp_that_was_acted_on_does_not_count_twice(draw):
    known = Activity()
    snapshot = seen(5, unanswered_since=100.0, unacknowledged_since=100.0)
    known.observe(snapshot, 116.0, draw)
    known.spend_unanswered(snapshot)
    known.spend_unacknowledged(snapshot)
    known.observe(snapshot, 126.0, draw)
    assert known.quiet
    assert new_handshake_due(known) == passive_keepalive_due(known) == NEVER


def test_data_after_it_counts_from_the_look_that_sees_it(draw):
    known = Activity()
    snapshot = seen(5, unanswered_since=100.0, unacknowledged_since=100.0)
    known.observe(snapshot, 116.0, draw)
    known.spend_unanswered(snapshot)
    known.spend_unacknowledged(snapshot)
    more = seen(6, unanswered_since=100.0, unacknowledged_since=100.0)
    known.observe(more, 126.0, draw)
    known.observe(more, 136.0, draw)
    known.observe(seen(9, unanswered_since=100.0, unacknowledged_since=100.0), 137.0, draw)
    assert new_handshake_due(known) == 126.0 + 15 + 2.0
    assert passive_keepalive_due(known) == 136.0


def test_an_answer_forgets_what_was_acted_on(draw):
    known = Activity()
    snapshot = seen(5, unanswered_since=100.0)
    known.observe(snapshot, 116.0, draw)
    known.spend_unanswered(snapshot)
    known.observe(seen(5), 126.0, draw)
    assert known.unanswered_spent == NEVER
    assert known.quiet


def test_a_look_tells_whether_data_has_flowed(draw):
    known = Activity()
    assert known.observe(seen(0), 100.0, draw)  # the first look knows nothing yet
    assert not known.observe(seen(0), 110.0, draw)
    assert known.observe(seen(3), 120.0, draw)


def test_traffic_is_the_later_of_both_ways(draw):
    known = Activity(every=25.0, every_before=25.0)
    known.observe(seen(last_sent=100.0, last_received=None), 101.0, draw)
    assert persistent_keepalive_due(known) == 125.0
    known.observe(seen(last_sent=100.0, last_received=103.0), 104.0, draw)
    assert persistent_keepalive_due(known) == 128.0


def test_traffic_never_falls_back_behind_a_keepalive_just_asked_for(draw):
    known = Activity(every=25.0, every_before=25.0)
    known.keepalive_sent(200.0)
    known.observe(seen(last_sent=100.0), 201.0, draw)
    assert persistent_keepalive_due(known) == 225.0


def test_a_peer_without_an_endpoint_owes_nothing_until_it_has_one(draw):
    known = Activity()
    known.keepalive_set(25, 100.0, up=True)
    assert persistent_keepalive_due(known) == 100.0
    known.observe(seen(endpoint=None), 100.0, draw)
    assert persistent_keepalive_due(known) == NEVER
    known.observe(seen(), 150.0, draw)
    assert persistent_keepalive_due(known) == 100.0


@pytest.mark.parametrize(("up", "due"), [(True, 100.0), (False, NEVER)])
def test_a_first_interval_owes_a_keepalive_at_once_while_up(up, due):
    known = Activity()
    known.keepalive_set(25, 100.0, up=up)
    assert persistent_keepalive_due(known) == due


@pytest.mark.parametrize(("before", "after"), [(25, 60), (60, 25), (25, 1)])
def test_a_changed_interval_counts_from_the_next_packet(before, after, draw):
    known = Activity()
    known.keepalive_set(before, 0.0, up=False)
    known.observe(seen(last_sent=100.0), 100.0, draw)
    known.keepalive_set(after, 110.0, up=True)
    assert persistent_keepalive_due(known) == 100.0 + before
    assert look_due(known) == 110.0 + after  # no sooner can the next packet's keepalive be due
    known.observe(seen(last_sent=111.0), 111.0, draw)
    assert persistent_keepalive_due(known) == 111.0 + after
    assert look_due(known) == NEVER


def test_two_changes_without_a_packet_leave_the_running_interval_alone(draw):
    known = Activity()
    known.keepalive_set(25, 0.0, up=False)
    known.observe(seen(last_sent=100.0), 100.0, draw)
    known.keepalive_set(60, 101.0, up=True)
    known.keepalive_set(90, 102.0, up=True)
    assert persistent_keepalive_due(known) == 125.0


def test_an_interval_that_was_ended_ends_the_timer(draw):
    known = Activity()
    known.keepalive_set(25, 0.0, up=True)
    known.observe(seen(last_sent=100.0), 100.0, draw)
    known.keepalive_set(0, 101.0, up=True)
    assert persistent_keepalive_due(known) == NEVER
    known.keepalive_set(30, 102.0, up=True)
    assert persistent_keepalive_due(known) == 102.0


def test_the_same_interval_again_changes_nothing(draw):
    known = Activity()
    known.keepalive_set(25, 0.0, up=False)
    known.observe(seen(last_sent=100.0), 100.0, draw)
    known.keepalive_set(25, 110.0, up=True)
    assert persistent_keepalive_due(known) == 125.0
