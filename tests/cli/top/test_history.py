"""Rates and order, from readings that any daemon could give."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiresnake.cli.top.history import REMEMBERED, History, Reading
from wiresnake.config.reply import Report, ReportedPeer
from wiresnake.values.keys import PublicKey

KEYS = [PublicKey(bytes([n]) * 32) for n in range(5)]

counts = st.dictionaries(
    st.sampled_from(KEYS), st.tuples(st.integers(0, 1 << 40), st.integers(0, 1 << 40))
)
looks = st.lists(st.tuples(st.floats(0.01, 100), counts), min_size=1, max_size=6)


def reading(at: float, peers: dict[PublicKey, tuple[int, int]]) -> Reading:
    reported = [ReportedPeer(key, rx_bytes=rx, tx_bytes=tx) for key, (rx, tx) in peers.items()]
    return Reading(at, at, Report(peers=reported))


@given(looks)
def test_a_rate_is_what_was_added_divided_by_the_time(looks: list) -> None:
    history, at, before = History(), 0.0, None
    for seconds, peers in looks:
        at += seconds
        history.note(reading(at, peers))
        total = 0.0
        for key, (rx, tx) in peers.items():
            flow = history.flow(key)
            if before is None or key not in before:
                assert (flow.received, flow.sent) == (0, 0)
                continue
            grown = [max(0, new - old) for new, old in zip((rx, tx), before[key], strict=True)]
            assert flow.received == pytest.approx(grown[0] / seconds)
            assert flow.sent == pytest.approx(grown[1] / seconds)
            total += sum(grown) / seconds
        assert history.total.received + history.total.sent == pytest.approx(total)
        before = peers


def test_a_daemon_that_began_anew_gives_no_rate() -> None:
    history = History()
    history.note(reading(1, {KEYS[0]: (1000, 1000)}))
    history.note(reading(2, {KEYS[0]: (10, 1200)}))
    assert (history.flow(KEYS[0]).received, history.flow(KEYS[0]).sent) == (0, 200)


def test_two_readings_of_one_instant_are_no_rate() -> None:
    history = History()
    history.note(reading(1, {KEYS[0]: (0, 0)}))
    history.note(reading(1, {KEYS[0]: (10, 10)}))
    assert not history.flow(KEYS[0]).lately


def test_only_so_much_is_remembered() -> None:
    history = History()
    for at in range(3 * REMEMBERED):
        history.note(reading(float(at), {KEYS[0]: (at * at, 0)}))
    assert len(history.flow(KEYS[0]).lately) == REMEMBERED
    assert len(history.total.lately) == REMEMBERED


def test_a_peer_that_left_is_forgotten() -> None:
    history = History()
    history.note(reading(1, {KEYS[0]: (0, 0), KEYS[1]: (0, 0)}))
    history.note(reading(2, {KEYS[1]: (0, 0)}))
    with pytest.raises(KeyError):
        history.flow(KEYS[0])
    assert [peer.public_key for peer in history.busiest_first()] == [KEYS[1]]


def test_the_busiest_come_first_then_the_latest_heard() -> None:
    history = History()
    peers = [ReportedPeer(key, last_handshake_ns=n) for n, key in enumerate(KEYS)]
    history.note(Reading(1, 1, Report(peers=peers)))
    peers = [ReportedPeer(key, last_handshake_ns=n) for n, key in enumerate(KEYS)]
    peers[2].rx_bytes = 5
    history.note(Reading(2, 2, Report(peers=peers)))
    order = [KEYS.index(peer.public_key) for peer in history.busiest_first()]
    assert order == [2, 4, 3, 1, 0]
    assert History().busiest_first() == []
