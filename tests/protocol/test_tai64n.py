from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiresnake.protocol.tai64n import TIMESTAMP_SIZE, whitened

WALL = st.integers(-(10**18), 2**63)
LABEL_OF_EPOCH = 0x4000_0000_0000_000A


def wall_of(timestamp: bytes) -> int:
    seconds = int.from_bytes(timestamp[:8]) - LABEL_OF_EPOCH
    return seconds * 10**9 + int.from_bytes(timestamp[8:])


def test_the_epoch():
    assert whitened(0) == bytes.fromhex("400000000000000a00000000")


def test_a_recorded_timestamp_is_one_of_ours(recorded):
    wall = wall_of(recorded.timestamp)
    assert whitened(wall) == recorded.timestamp
    assert whitened(wall + 2**24 - 1) == recorded.timestamp
    assert whitened(wall + 2**24) > recorded.timestamp
    assert whitened(wall - 1) < recorded.timestamp


@given(wall=WALL)
def test_it_is_behind_the_clock_by_less_than_the_cut(wall):
    timestamp = whitened(wall)
    assert len(timestamp) == TIMESTAMP_SIZE
    assert 0 <= wall - wall_of(timestamp) < 2**24
    assert int.from_bytes(timestamp[8:]) % 2**24 == 0


@given(wall=WALL, step=st.integers(10**9 // 50, 10**12))
def test_it_grows_at_steps_of_a_fiftieth_of_a_second(wall, step):
    assert whitened(wall + step) > whitened(wall)


@pytest.mark.parametrize("start", [0, 1, 989_855_743, 989_855_744, 999_999_999])
def test_it_grows_across_the_turn_of_a_second(start):
    walls = [start + n * 10**9 // 50 for n in range(200)]
    stamps = [whitened(wall) for wall in walls]
    assert all(earlier < later for earlier, later in pairwise(stamps))


@given(walls=st.lists(WALL, min_size=2, max_size=2))
def test_it_never_runs_backwards(walls):
    earlier, later = sorted(walls)
    assert whitened(earlier) <= whitened(later)
