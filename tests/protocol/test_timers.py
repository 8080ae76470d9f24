"""Every timer rule at its exact instant (PROTOCOL: timers and limits)."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiresnake.protocol import timers
from wiresnake.protocol.activity import Activity
from wiresnake.protocol.timers import RULES, next_due
from wiresnake.values.instants import NEVER

NOW = 1000.0


@pytest.mark.parametrize(
    ("rule", "known", "due"),
    [
        # 1: REKEY_TIMEOUT and the jitter after the initiation
        ("retransmit", {"initiated_at": NOW, "limited_from": NOW, "retry_jitter": 0.25}, 5.25),
        ("retransmit", {"initiated_at": NOW, "limited_from": NOW}, 5.0),
        # ... but not before the limit of a response sent since
        ("retransmit", {"initiated_at": NOW, "limited_from": NOW + 3, "retry_jitter": 0.25}, 8.25),
        ("retransmit", {"initiated_at": NOW, "limited_from": NOW + 3, "courtesy": 5.0}, 13.0),
        # ... and if the limit was lifted, when it was armed for
        ("retransmit", {"initiated_at": NOW, "retry_jitter": 0.25}, 5.25),
        ("retransmit", {"limited_from": NOW, "retry_jitter": 0.25}, NEVER),
        # a wish: at once, or at its place in the queue, or when the limit ends
        ("start", {"wanted_at": NOW}, 0.0),
        ("start", {"wanted_at": NOW + 7}, 7.0),
        ("start", {"wanted_at": NOW + 1, "limited_from": NOW}, 5.0),
        ("start", {"wanted_at": NOW + 1, "limited_from": NOW, "courtesy": 0.5}, 5.5),
        ("start", {"limited_from": NOW}, NEVER),
        # 2: KEEPALIVE_TIMEOUT after the first data received, no jitter
        ("passive_keepalive", {"unacknowledged_since": NOW, "unanswered_jitter": 0.3}, 10.0),
        ("passive_keepalive", {}, NEVER),
        # 3: KEEPALIVE_TIMEOUT + REKEY_TIMEOUT and a jitter after the first data sent
        ("new_handshake", {"unanswered_since": NOW, "unanswered_jitter": 0.125}, 15.125),
        ("new_handshake", {}, NEVER),
        # 6: 3 * REJECT_AFTER_TIME after the last session was derived
        ("erase", {"keys_from": NOW}, 540.0),
        ("erase", {}, NEVER),
        # 7: N after the last authenticated packet, no jitter
        ("persistent_keepalive", {"every": 25.0, "last_traffic": NOW, "reachable": True}, 25.0),
        ("persistent_keepalive", {"every": 25.0, "last_traffic": NOW}, NEVER),
        ("persistent_keepalive", {"every": 25.0, "reachable": True}, NEVER),
        ("persistent_keepalive", {"last_traffic": NOW, "reachable": True}, NEVER),
        (
            "persistent_keepalive",
            {"every": 25.0, "owed_at": NOW, "last_traffic": NOW, "reachable": True},
            0.0,
        ),
        (
            "persistent_keepalive",  # the interval that was in force at the last packet
            {
                "every": 5.0,
                "every_before": 60.0,
                "every_from": NOW + 1,
                "last_traffic": NOW,
                "reachable": True,
            },
            60.0,
        ),
        # the next look: no stamp made since the last one is due before it
        ("look", {"awake": True, "looked_at": NOW}, 10.0),
        ("look", {"looked_at": NOW}, NEVER),
        (
            "look",
            {"looked_at": NOW, "every": 5.0, "every_from": NOW, "last_traffic": NOW - 9},
            5.0,
        ),
    ],
)
def test_a_rule_is_due_at_its_instant(rule, known, due):
    assert getattr(timers, f"{rule}_due")(Activity(**known)) == NOW + due


def test_nothing_is_due_of_a_peer_that_never_did_anything():
    assert next_due(Activity()) == NEVER


def test_every_rule_is_listed():
    named = {getattr(timers, name) for name in dir(timers) if name.endswith("_due")} - {next_due}
    assert set(RULES) == named


@given(st.binary(min_size=4, max_size=4))
def test_jitter_is_at_least_0_and_below_a_third_of_a_second(drawn):
    assert 0 <= timers.jitter(lambda n: drawn[:n]) < 1 / 3


def test_jitter_is_spread_over_its_whole_range():
    source = random.Random(1)
    drawn = [timers.jitter(source.randbytes) for _ in range(1000)]
    assert min(drawn) < 0.01
    assert max(drawn) > 0.32
    assert 0.15 < sum(drawn) / len(drawn) < 0.18
