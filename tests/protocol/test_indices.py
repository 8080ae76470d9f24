from collections.abc import Iterator
from itertools import chain, repeat

import pytest

from wiresnake.protocol.indices import Indices


def drawing(numbers: Iterator[int]) -> Indices:
    return Indices(lambda size: next(numbers).to_bytes(size, "little"))


def test_an_index_is_the_four_random_bytes():
    indices = Indices(lambda size: bytes(range(1, size + 1)))
    assert indices.allocate() == 0x04030201
    assert 0x04030201 in indices


def test_a_live_index_is_not_given_again():
    indices = drawing(iter([5, 5, 5, 6, 5, 6, 7]))
    assert [indices.allocate() for _ in range(3)] == [5, 6, 7]
    assert len(indices) == 3


def test_a_released_index_may_come_again():
    indices = drawing(iter([5, 5]))
    assert indices.allocate() == 5
    indices.release(5)
    assert 5 not in indices
    assert indices.allocate() == 5


def test_the_whole_range_is_used():
    indices = drawing(iter([0, 2**32 - 1]))
    assert [indices.allocate(), indices.allocate()] == [0, 2**32 - 1]


def test_releasing_what_is_not_live_is_a_fault():
    with pytest.raises(KeyError):
        drawing(iter([])).release(1)


def test_a_source_that_repeats_itself_is_a_fault_and_not_a_hang():
    indices = drawing(chain([9], repeat(9)))
    indices.allocate()
    with pytest.raises(RuntimeError):
        indices.allocate()
