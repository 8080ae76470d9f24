"""The lowest free address, beside a search through all of them."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiresnake.config.allotment import NetworkFull, free_address
from wiresnake.values.addresses import Prefix


def naive(network: Prefix, taken: list[Prefix]) -> bytes | None:
    own = ipaddress.ip_network(str(network))
    others = [ipaddress.ip_network(str(each)) for each in taken]
    for address in own if own.num_addresses <= 2 else own.hosts():
        if not any(
            address in each and each.version == own.version and each.prefixlen >= own.prefixlen
            for each in others
        ):
            return address.packed
    return None


def prefixes_of(*start: int, lengths: list[int]) -> st.SearchStrategy[Prefix]:
    """Prefixes around the first 64 addresses, whose bytes but the last are ``start``."""
    addresses = st.integers(0, 63).map(lambda low: bytes([*start, low]))
    return st.builds(Prefix.of, addresses, st.sampled_from(lengths))


IPV4 = [10, 0, 0]
IPV6 = [0xFD, *[0] * 14]
small = prefixes_of(*IPV4, lengths=[25, 28, 30, 31, 32]) | prefixes_of(
    *IPV6, lengths=[121, 124, 126, 127, 128]
)
any_size = small | prefixes_of(*IPV4, lengths=[0, 8]) | prefixes_of(*IPV6, lengths=[0, 64])


@given(small, st.lists(any_size, max_size=12))
def test_it_is_the_one_that_a_search_finds(network: Prefix, taken: list[Prefix]) -> None:
    expected = naive(network, taken)
    if expected is None:
        with pytest.raises(NetworkFull, match=str(network)):
            free_address(network, taken)
    else:
        assert free_address(network, taken) == expected


@pytest.mark.parametrize(
    ("network", "taken", "expected"),
    [
        ("10.0.0.0/24", [], "10.0.0.1"),
        ("10.0.0.0/24", ["10.0.0.1/32", "10.0.0.3/32"], "10.0.0.2"),
        ("10.0.0.0/24", ["10.0.0.0/25", "10.0.0.128/32"], "10.0.0.129"),
        ("10.0.0.0/24", ["0.0.0.0/0", "::/0"], "10.0.0.1"),
        ("10.0.0.0/31", ["10.0.0.0/32"], "10.0.0.1"),
        ("10.0.0.7/32", [], "10.0.0.7"),
        ("fd00::/64", ["fd00::1/128"], "fd00::2"),
        ("::/0", [], "::1"),
    ],
)
def test_examples(network: str, taken: list[str], expected: str) -> None:
    found = free_address(Prefix.parse(network), [Prefix.parse(each) for each in taken])
    assert found == ipaddress.ip_address(expected).packed


def test_a_huge_network_takes_no_time() -> None:
    taken = [Prefix.parse(f"fd00::{number:x}/128") for number in range(1, 5000)]
    assert free_address(Prefix.parse("fd00::/8"), taken) == bytes([0xFD, *[0] * 13, 0x13, 0x88])
