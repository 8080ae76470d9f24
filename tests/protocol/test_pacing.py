import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiresnake.protocol.pacing import BURST, Pacer


def test_after_a_pause_a_burst_begins_at_once_and_the_rest_at_the_pace():
    pacer = Pacer(per_second=500)
    given_ = [pacer.reserve(100.0) for _ in range(BURST + 500)]
    assert given_[:BURST] == [100.0] * BURST
    assert given_[BURST] > 100.0
    assert given_[-1] == pytest.approx(100.0 + 500 / 500)


def test_a_reset_forgets_the_places_taken():
    pacer = Pacer()
    for _ in range(1000):
        pacer.reserve(100.0)
    pacer.reset()
    assert pacer.reserve(100.0) == 100.0


@given(st.lists(st.floats(0, 0.5), min_size=1, max_size=300))
def test_no_second_has_more_than_the_pace_and_the_burst(gaps):
    pacer = Pacer(per_second=10, burst=3)
    now, places = 0.0, []
    for gap in gaps:
        now += gap
        place = pacer.reserve(now)
        assert place >= now
        assert not places or place >= places[-1]  # in the order of the requests
        places.append(place)
    for first in places:
        assert sum(first <= place < first + 0.999 for place in places) <= 10 + 3
