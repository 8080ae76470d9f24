"""The longest prefix that holds an address decides, and a prefix has one owner (paper 2).

The tables follow Linux' selftest/allowedips.c (tests/vectors/README.md).
"""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wiresnake.plane.portable.routes import Routes
from wiresnake.values.addresses import Prefix, format_address, pack_address


def routes_of(*entries: tuple[str, str]) -> Routes[str]:
    routes: Routes[str] = Routes()
    for peer, prefix in entries:
        routes.insert(Prefix.parse(prefix), peer)
    return routes


KERNELS = [
    ("a", "192.168.4.0/24"), ("b", "192.168.4.4/32"), ("c", "192.168.0.0/16"),
    ("d", "192.95.5.64/27"), ("c", "192.95.5.65/27"), ("e", "0.0.0.0/0"), ("g", "64.15.112.0/20"),
    ("h", "64.15.123.211/25"), ("a", "10.0.0.0/25"), ("b", "10.0.0.128/25"), ("a", "10.1.0.0/30"),
    ("b", "10.1.0.4/30"), ("c", "10.1.0.8/29"), ("d", "10.1.0.16/29"),
    ("d", "2607:5300:6000:6b00::c05f:543/128"), ("c", "2607:5300:6000:6b00::/64"), ("e", "::/0"),
    ("f", "::/0"), ("g", "2404:6800::/32"), ("h", "2404:6800:4004:800:dead:beef:dead:beef/64"),
    ("a", "2404:6800:4004:800:dead:beef:dead:beef/128"),
    ("c", "2404:6800:4004:806:dead:beef:dead:beef/128"), ("b", "2404:6800:4004:800::/98"),
]  # fmt: skip

FOUND = [
    ("a", "192.168.4.20"), ("a", "192.168.4.0"), ("b", "192.168.4.4"), ("c", "192.168.200.182"),
    ("c", "192.95.5.68"), ("e", "192.95.5.96"), ("e", "192.95.5.63"), ("d", "10.1.0.17"),
    ("c", "10.1.0.15"), ("b", "10.1.0.7"), ("a", "10.1.0.2"), ("b", "10.0.0.200"),
    ("a", "10.0.0.4"), ("g", "64.15.116.26"), ("g", "64.15.127.3"), ("h", "64.15.123.128"),
    ("g", "64.15.123.0"), ("d", "2607:5300:6000:6b00::c05f:543"), ("c", "2607:5300:6000:6b00::1"),
    ("f", "2607:5300:6000:6b01::1"), ("g", "2404:6800:4004:806::1006"),
    ("g", "2404:6800:4004:806::1234"), ("h", "2404:6800:4004:800:1::1"),
    ("a", "2404:6800:4004:800:dead:beef:dead:beef"), ("b", "2404:6800:4004:800::1"),
    ("c", "2404:6800:4004:806:dead:beef:dead:beef"), ("f", "2001:db8::1"), ("e", "1.1.1.1"),
]  # fmt: skip


@pytest.mark.parametrize(("peer", "address"), FOUND)
def test_the_longest_prefix_wins(peer: str, address: str) -> None:
    assert routes_of(*KERNELS).lookup(pack_address(address)) == peer


def test_host_bits_are_cleared_and_the_same_prefix_moves() -> None:
    routes = routes_of(*KERNELS)
    assert Prefix.parse("192.95.5.64/27") in set(routes.prefixes("c"))
    assert Prefix.parse("192.95.5.64/27") not in set(routes.prefixes("d"))
    assert Prefix.parse("::/0") in set(routes.prefixes("f"))
    assert Prefix.parse("::/0") not in set(routes.prefixes("e"))
    assert len(routes) == len(KERNELS) - 2


def test_a_peers_prefixes_are_told_masked() -> None:
    routes = routes_of(
        ("a", "192.95.5.93/27"),
        ("a", "2607:5300:6000:6b00::c05f:543/128"),
        ("a", "10.1.0.20/29"),
        ("b", "10.1.0.4/30"),
        ("a", "2607:5300:6d8a:6bf8:dab1:f1df:c05f:1523/83"),
        ("a", "2607:5300:6d8a:6bf8:dab1:f1df:c05f:1523/21"),
    )
    assert {str(prefix) for prefix in routes.prefixes("a")} == {
        "192.95.5.64/27",
        "10.1.0.16/29",
        "2607:5300:6000:6b00::c05f:543/128",
        "2607:5300:6d8a:6bf8:dab1:e000::/83",
        "2607:5000::/21",
    }


def test_removing_a_peer_takes_all_of_it_and_nothing_else() -> None:
    routes = routes_of(
        ("a", "1.0.0.0/32"), ("a", "64.0.0.0/32"), ("a", "128.0.0.0/32"), ("a", "192.0.0.0/32"),
        ("a", "255.0.0.0/32"), ("b", "192.0.0.0/8"),
    )  # fmt: skip
    routes.remove_peer("a")
    for address in ("1.0.0.0", "64.0.0.0", "128.0.0.0", "255.0.0.0"):
        assert routes.lookup(pack_address(address)) is None
    assert routes.lookup(pack_address("192.0.0.0")) == "b"
    assert len(routes) == 1
    routes.remove_peer("a")
    assert len(routes) == 1


def test_of_two_halves_of_everything_only_the_one_left_is_found() -> None:
    routes = routes_of(("a", "192.168.0.0/16"), ("a", "192.168.0.0/24"))
    routes.remove_peer("a")
    assert routes.lookup(pack_address("192.168.0.1")) is None


def test_a_chain_of_all_lengths() -> None:
    routes: Routes[int] = Routes()
    ones = (1 << 128) - 1
    for length in range(129):
        routes.insert(Prefix.of(ones.to_bytes(16), length), length)
    assert routes.lookup(ones.to_bytes(16)) == 128
    for length in range(128):
        differs_after = ones ^ 1 << (127 - length)
        assert routes.lookup(differs_after.to_bytes(16)) == length
    for length in range(128, 0, -1):
        assert routes.remove(Prefix.of(ones.to_bytes(16), length), length)
        assert routes.lookup(ones.to_bytes(16)) == length - 1


def test_a_chain_of_128_single_addresses() -> None:
    routes: Routes[str] = Routes()
    for bit in range(128):
        routes.insert(Prefix.of((1 << bit).to_bytes(16), 128), "a")
    assert len(routes) == 128
    assert all(routes.lookup((1 << bit).to_bytes(16)) == "a" for bit in range(128))
    assert routes.lookup((3).to_bytes(16)) is None
    routes.remove_peer("a")
    assert len(routes) == 0


def test_only_the_owner_can_be_deprived() -> None:
    routes = routes_of(("a", "10.0.0.0/8"), ("b", "10.1.0.0/16"))
    assert not routes.remove(Prefix.parse("10.0.0.0/8"), "b")
    assert not routes.remove(Prefix.parse("10.0.0.0/9"), "a")
    assert not routes.remove(Prefix.parse("2001:db8::/8"), "a")
    assert routes.remove(Prefix.parse("10.0.0.0/8"), "a")
    assert not routes.remove(Prefix.parse("10.0.0.0/8"), "a")
    assert routes.lookup(pack_address("10.1.2.3")) == "b"
    assert routes.lookup(pack_address("10.2.2.3")) is None


def test_what_was_found_before_is_forgotten_on_every_change() -> None:
    address = pack_address("10.1.2.3")
    routes = routes_of(("a", "10.0.0.0/8"))
    assert routes.lookup(address) == "a"
    routes.insert(Prefix.parse("10.1.0.0/16"), "b")
    assert routes.lookup(address) == "b"
    routes.insert(Prefix.parse("10.1.0.0/16"), "c")
    assert routes.lookup(address) == "c"
    routes.remove(Prefix.parse("10.1.0.0/16"), "c")
    assert routes.lookup(address) == "a"
    routes.remove_peer("a")
    assert routes.lookup(address) is None


def test_what_was_found_takes_bounded_memory() -> None:
    routes = routes_of(("a", "10.0.0.0/8"))
    for number in range(20_000):
        assert routes.lookup((10 << 24 | number).to_bytes(4)) == "a"
    assert len(routes._found) <= 8192


def short_prefixes() -> st.SearchStrategy[Prefix]:
    """Prefixes that overlap often: few bits vary."""
    four = st.builds(
        lambda top, low, length: Prefix.of((top << 24 | low).to_bytes(4), length),
        st.integers(0, 3), st.integers(0, 15), st.sampled_from([0, 7, 8, 28, 30, 31, 32]),
    )  # fmt: skip
    six = st.builds(
        lambda top, low, length: Prefix.of((top << 120 | low).to_bytes(16), length),
        st.integers(0, 3), st.integers(0, 15), st.sampled_from([0, 8, 64, 124, 127, 128]),
    )  # fmt: skip
    return st.one_of(four, six)


CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("insert"), short_prefixes(), st.integers(1, 4)),
        st.tuples(st.just("remove"), short_prefixes(), st.integers(1, 4)),
        st.tuples(st.just("remove_peer"), st.none(), st.integers(1, 4)),
    ),
    max_size=40,
)


def naive_lookup(table: dict[Prefix, int], address: bytes) -> int | None:
    holding = [
        prefix
        for prefix in table
        if len(prefix.network) == len(address) and Prefix.of(address, prefix.length) == prefix
    ]
    return table[max(holding, key=lambda prefix: prefix.length)] if holding else None


@settings(max_examples=150)
@given(CHANGES, st.lists(short_prefixes(), max_size=6))
def test_a_naive_twin_agrees(
    changes: list[tuple[str, Prefix | None, int]], asked: list[Prefix]
) -> None:
    routes: Routes[int] = Routes()
    naive: dict[Prefix, int] = {}
    for verb, prefix, peer in changes:
        if prefix is None:
            routes.remove_peer(peer)
            naive = {other: owner for other, owner in naive.items() if owner != peer}
        elif verb == "insert":
            routes.insert(prefix, peer)
            naive[prefix] = peer
        else:
            assert routes.remove(prefix, peer) == (naive.get(prefix) == peer)
            if naive.get(prefix) == peer:
                del naive[prefix]
        for other in asked:
            assert routes.lookup(other.network) == naive_lookup(naive, other.network)
    assert len(routes) == len(naive)
    for peer in range(1, 5):
        told = list(routes.prefixes(peer))
        assert sorted(told) == sorted(other for other, owner in naive.items() if owner == peer)


def test_many_random_prefixes_of_both_families() -> None:
    rng = random.Random(7)
    routes: Routes[int] = Routes()
    naive: dict[Prefix, int] = {}
    for number in range(400):
        size = rng.choice((4, 16))
        prefix = Prefix.of(rng.randbytes(size), rng.randint(0, size * 8))
        routes.insert(prefix, number % 50)
        naive[prefix] = number % 50
    for _ in range(200):
        base = rng.choice(list(naive))
        noise = rng.getrandbits(len(base.network) * 8) >> rng.randint(0, len(base.network) * 8)
        address = (int.from_bytes(base.network) ^ noise).to_bytes(len(base.network))
        assert routes.lookup(address) == naive_lookup(naive, address), format_address(address)
