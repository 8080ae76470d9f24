from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wiresnake.protocol.ratelimit import RateLimiter
from wiresnake.values.addresses import pack_address

ALICE = pack_address("192.0.2.1")
BOB = pack_address("192.0.2.2")


class TokenBuckets:
    """The naive twin: a bucket of five tokens for each source, twenty more a second."""

    def __init__(self) -> None:
        self._buckets: dict[bytes, tuple[Fraction, Fraction]] = {}

    def allow(self, address: bytes, now: Fraction) -> bool:
        source = address if len(address) == 4 else address[:8]
        tokens, since = self._buckets.get(source, (Fraction(5), now))
        tokens = min(Fraction(5), tokens + (now - since) * 20)
        allowed = tokens >= 1
        self._buckets[source] = (tokens - allowed, now)
        return allowed


@pytest.mark.parametrize("start", [0.0, 0.3, 1234.567891, 3.1e7 + 1 / 3])
@pytest.mark.parametrize("address", [ALICE, pack_address("2001:db8::1")])
def test_timings_of_the_kernel(address, start):
    # tests/vectors/README.md: five, then one for each twentieth of a second
    limiter = RateLimiter()
    burst = [limiter.allow(address, start) for _ in range(6)]
    assert burst == [True] * 5 + [False]
    assert [limiter.allow(address, start + 0.05) for _ in range(2)] == [True, False]
    assert [limiter.allow(address, start + 0.15) for _ in range(3)] == [True, True, False]


def test_another_ipv4_address_has_a_bucket_of_its_own():
    limiter = RateLimiter()
    for _ in range(6):
        limiter.allow(ALICE, 1.0)
    assert not limiter.allow(ALICE, 1.0)
    assert limiter.allow(BOB, 1.0)


def test_ipv6_addresses_of_one_64_share_a_bucket():
    limiter = RateLimiter()
    for host in range(5):
        assert limiter.allow(pack_address(f"2001:db8:0:1:{host:x}::{host:x}"), 1.0)
    assert not limiter.allow(pack_address("2001:db8:0:1:ffff:ffff:ffff:ffff"), 1.0)
    assert limiter.allow(pack_address("2001:db8:0:2::"), 1.0)
    assert limiter.allow(pack_address("2001:db9:0:1::"), 1.0)


def test_an_ipv4_address_and_the_64_that_begins_with_it_are_strangers():
    limiter = RateLimiter()
    for _ in range(6):
        limiter.allow(ALICE, 1.0)
    assert limiter.allow(ALICE + bytes(12), 1.0)


def test_a_refused_message_costs_its_source_nothing():
    limiter = RateLimiter()
    for _ in range(1000):
        limiter.allow(ALICE, 1.0)
    assert limiter.allow(ALICE, 1.05)


@given(
    events=st.lists(
        st.tuples(
            st.integers(0, 120),  # milliseconds since the one before
            st.sampled_from([ALICE, BOB, pack_address("2001:db8::1"), pack_address("2001:db8::2")]),
        ),
        max_size=120,
    )
)
@settings(max_examples=60)
def test_like_its_naive_twin(events):
    limiter, twin = RateLimiter(), TokenBuckets()
    milliseconds = 5_000_000
    for step, address in events:
        milliseconds += step
        expected = twin.allow(address, Fraction(milliseconds, 1000))
        assert limiter.allow(address, milliseconds / 1000) is expected


def addresses(count: int, first: int = 0) -> list[bytes]:
    return [number.to_bytes(4) for number in range(first, first + count)]


def test_when_full_it_refuses_new_sources_and_serves_known_ones():
    limiter = RateLimiter(max_entries=100)
    assert all(limiter.allow(address, 1.0) for address in addresses(100))
    assert not any(limiter.allow(address, 1.0) for address in addresses(50, first=1000))
    assert all(limiter.allow(address, 1.0) for address in addresses(100))
    assert len(limiter) == 100


def test_idle_sources_make_room():
    limiter = RateLimiter(max_entries=100)
    for address in addresses(100):
        limiter.allow(address, 1.0)
    assert not limiter.allow(BOB, 1.04)
    assert limiter.allow(BOB, 1.06)
    assert all(limiter.allow(address, 1.07) for address in addresses(60, first=1000))


def test_a_source_that_is_always_busy_keeps_no_idle_one_in_the_table():
    limiter = RateLimiter(max_entries=100)
    for address in (ALICE, *addresses(99)):
        limiter.allow(address, 1.0)
    for call in range(100):
        limiter.allow(ALICE, 1.0 + call / 50)
    assert len(limiter) == 1


def test_a_call_never_collects_more_than_two_and_an_idle_table_empties():
    limiter = RateLimiter(max_entries=1000)
    for address in addresses(1000):
        limiter.allow(address, 1.0)
    sizes = [1000]
    for call in range(500):
        limiter.allow(ALICE, 60.0 + call / 1000)
        sizes.append(len(limiter))
    assert all(before - after <= 2 for before, after in pairwise(sizes))
    assert sizes[-1] == 1


def test_memory_is_bounded_whatever_comes():
    limiter = RateLimiter(max_entries=64)
    for number in range(5000):
        limiter.allow(number.to_bytes(4), 1.0 + number / 1000)
        assert len(limiter) <= 64


def test_collecting_forgets_no_one_who_is_not_full_again():
    limiter = RateLimiter()
    for _ in range(5):
        limiter.allow(ALICE, 1.0)
    for number in range(100):
        limiter.allow((number + 2**30).to_bytes(4), 1.2)
    assert [limiter.allow(ALICE, 1.2) for _ in range(5)] == [True] * 4 + [False]
