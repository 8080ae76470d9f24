import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiresnake.tunnel.pace import Pace


def test_a_burst_is_free_and_the_rest_waits():
    pace = Pace(rate=100)
    assert pace.wait(50, 50, now=1000.0) == 0.0
    assert pace.wait(10, 50, now=1000.0) == pytest.approx(0.1)
    assert pace.wait(10, 50, now=1000.0) == pytest.approx(0.2)


def test_time_gives_back_no_more_than_a_burst():
    pace = Pace(rate=100)
    pace.wait(80, 50, now=0.0)
    assert pace.wait(50, 50, now=1000.0) == 0.0
    assert pace.wait(1, 50, now=1000.0) == pytest.approx(0.01)


@given(st.lists(st.tuples(st.floats(0, 10), st.integers(1, 300)), min_size=1, max_size=50))
def test_no_stretch_of_time_carries_more_than_rate_and_burst(asked):
    rate, burst = 1000.0, 500
    pace = Pace(rate)
    now, done = 0.0, []
    for pause, units in asked:
        now += pause
        done.append((now + pace.wait(units, burst, now), units))
    for first in range(len(done)):
        for last in range(first, len(done)):
            stretch = max(at for at, _ in done[first : last + 1]) - done[first][0]
            carried = sum(units for _, units in done[first : last + 1])
            assert carried <= burst + rate * stretch + done[first][1] + 1e-6
