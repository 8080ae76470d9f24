"""Fast sums say what RFC 1071 says word by word."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.plane.portable.packets import internet_checksum
from wiresnake.plane.portable.checksum import amend, complement, word_sum


@given(st.binary(max_size=700))
def test_a_sum_is_that_of_the_words(data: bytes) -> None:
    assert complement(word_sum(data)) % 65535 == internet_checksum(data) % 65535


@pytest.mark.parametrize("size", [0, 1, 2, 127, 128, 129, 255, 256, 257, 1367, 1368, 65535])
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_a_sum_of_any_size_and_buffer(size: int, kind: type) -> None:
    data = (bytes(range(1, 252)) * 262)[:size]
    assert complement(word_sum(kind(data))) % 65535 == internet_checksum(data) % 65535


def test_the_example_of_the_rfc() -> None:
    # RFC 1071, 3: the words 0001 f203 f4f5 f6f7 add up to ddf2.
    assert word_sum(bytes.fromhex("0001f203f4f5f6f7")) % 65535 == 0xDDF2


@given(st.binary(min_size=2, max_size=60).filter(lambda data: len(data) % 2 == 0))
def test_a_checksum_makes_the_sum_come_out_and_is_never_zero(data: bytes) -> None:
    check = complement(word_sum(data))
    assert 0 < check <= 65535
    assert (word_sum(data) + check) % 65535 == 0


@given(
    st.lists(st.integers(0, 65535), min_size=1, max_size=9),
    st.integers(0, 8),
    st.integers(0, 65535),
    st.integers(0, 65535),
)
def test_amending_a_word_is_as_good_as_summing_again(
    words: list[int], which: int, new: int, error: int
) -> None:
    which %= len(words)
    before = b"".join(word.to_bytes(2) for word in words)
    old, words[which] = words[which], new
    after = b"".join(word.to_bytes(2) for word in words)
    check = internet_checksum(before) ^ error
    amended = amend(check, old, new)
    assert 0 <= amended <= 65535
    wrong_by = (word_sum(before) + check) % 65535
    assert (word_sum(after) + amended) % 65535 == wrong_by


def test_amending_gives_the_form_of_zero_of_rfc_1624() -> None:
    # RFC 1624, 4: a checksum of dd2f, a word that goes from 5555 to 3285, gives 0000, not ffff.
    assert amend(0xDD2F, 0x5555, 0x3285) == 0x0000
