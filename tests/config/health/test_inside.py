"""Addresses that stand for a network."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiresnake.config.health.inside import address_behind, representative
from wiresnake.config.quick import InterfaceAddress
from wiresnake.values.addresses import Prefix, format_address

prefixes = st.builds(Prefix.of, st.binary(min_size=4, max_size=4), st.integers(1, 32)) | st.builds(
    Prefix.of, st.binary(min_size=16, max_size=16), st.integers(1, 128)
)


@given(prefixes)
def test_it_lies_in_the_prefix_and_is_no_broadcast(prefix: Prefix) -> None:
    network = ipaddress.ip_network(str(prefix))
    address = ipaddress.ip_address(representative(prefix))
    assert address in network
    assert address != network.broadcast_address or network.num_addresses <= 2


@pytest.mark.parametrize(
    ("text", "reserved"), [("0.0.0.0/0", "192.0.0.0/24"), ("::/0", "2001:2::/48")]
)
def test_that_of_everything_is_nobodys(text: str, reserved: str) -> None:
    address = ipaddress.ip_address(representative(Prefix.parse(text)))
    assert address in ipaddress.ip_network(reserved)


@pytest.mark.parametrize(
    ("allowed", "own", "dns", "expected"),
    [
        (["10.7.0.2/32"], ["10.7.0.1/24"], [], "10.7.0.2"),
        (["fd07::2/128", "10.7.0.2/32"], ["10.7.0.1/24"], [], "10.7.0.2"),
        (["10.7.0.1/32"], ["10.7.0.1/24"], [], None),
        (["10.7.0.0/24"], ["10.7.0.2/24"], [], "10.7.0.1"),
        (["10.7.0.0/24"], ["10.7.0.2/32"], [], "10.7.0.1"),
        (["10.7.0.0/24"], ["10.7.0.1/24"], [], None),
        (["0.0.0.0/0"], ["10.7.0.2/24"], [], "10.7.0.1"),
        (["0.0.0.0/0"], ["10.7.0.2/32"], ["10.7.0.1"], "10.7.0.1"),
        (["10.7.0.0/16"], ["10.7.0.2/32"], ["9.9.9.9", "fe80::1%eth0"], "10.7.0.1"),
        (["0.0.0.0/0"], ["10.7.0.2/32"], [], "10.7.0.1"),
        (["10.8.0.0/24"], ["10.7.0.2/32"], [], "10.8.0.1"),
        (["0.0.0.0/0"], ["10.7.0.1/32"], [], None),
        (["::/0"], ["fd07::2/64"], [], "fd07::1"),
        ([], ["10.7.0.2/24"], ["10.7.0.1"], None),
        (["10.7.0.2/32"], [], [], None),
    ],
)
def test_who_is_pinged(allowed, own, dns, expected) -> None:
    found = address_behind(
        [Prefix.parse(each) for each in allowed],
        [InterfaceAddress.parse(each) for each in own],
        dns,
    )
    assert (found and format_address(found.address)) == expected
    assert found is None or found.sure == (f"{expected}/{8 * len(found.address)}" in allowed)
