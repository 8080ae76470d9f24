import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiresnake.protocol.deadlines import Deadlines
from wiresnake.values.instants import NEVER

PEERS = st.integers(1, 6)
INSTANTS = st.integers(0, 20).map(float) | st.just(NEVER)


@given(st.lists(st.tuples(PEERS, INSTANTS)), st.integers(0, 20).map(float), st.integers(1, 7))
def test_deadlines_do_what_a_dictionary_does(changes, now, limit):
    deadlines, twin = Deadlines(), {}
    for peer, at in changes:
        deadlines.set(peer, at)
        twin[peer] = at
        assert deadlines.next() == min((at for at in twin.values() if at < NEVER), default=None)
    come = sorted((at, peer) for peer, at in twin.items() if at <= now)
    expected = [peer for _, peer in come][:limit]
    assert deadlines.due(now, limit) == expected
    assert deadlines.due(now, limit) == expected  # they stay due until they are moved
    assert len(deadlines) == sum(at < NEVER for at in twin.values())


def test_moved_deadlines_do_not_pile_up():
    deadlines = Deadlines()
    for n in range(100_000):
        deadlines.set(1, float(n))
    assert deadlines.next() == 99_999.0
    assert len(deadlines._heap) < 100


@pytest.mark.parametrize("remove", [Deadlines.clear, lambda deadlines: deadlines.set(1, NEVER)])
def test_what_was_removed_is_never_due(remove):
    deadlines = Deadlines()
    deadlines.set(1, 5.0)
    remove(deadlines)
    assert deadlines.next() is None
    assert deadlines.due(10.0, 9) == []
