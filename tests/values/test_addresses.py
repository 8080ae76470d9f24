"""Endpoints and prefixes: text, bytes, and what is refused. The twin is the standard library."""

import contextlib
import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiresnake.values.addresses import (
    Endpoint,
    InvalidAddress,
    NamedEndpoint,
    Prefix,
    format_address,
    pack_address,
)

ADDRESS = st.binary(min_size=4, max_size=4) | st.binary(min_size=16, max_size=16)


@given(ADDRESS)
def test_an_address_reads_back(packed: bytes) -> None:
    assert pack_address(format_address(packed)) == packed
    assert ipaddress.ip_address(format_address(packed)).packed == packed


@given(ADDRESS, st.integers(0, 128))
def test_a_prefix_is_masked_as_the_standard_library_does(address: bytes, length: int) -> None:
    length = min(length, len(address) * 8)
    prefix = Prefix.of(address, length)
    twin = ipaddress.ip_network((address, length), strict=False)
    assert prefix.network == twin.network_address.packed
    assert Prefix.parse(str(prefix)) == prefix
    assert prefix.is_ipv6 == (twin.version == 6)


@pytest.mark.parametrize(
    "text",
    ["", "/", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/-1", "10.0.0/8", "10.0.0.0/8/8",
     "10.0.0.0/٣", "10.0.0.0/ 8", "host/8", "10.0.0.0/0008"],
)  # fmt: skip
def test_what_is_no_prefix_is_refused(text: str) -> None:
    with pytest.raises(InvalidAddress):
        Prefix.parse(text)


def test_a_prefix_without_a_length_is_one_address() -> None:
    assert Prefix.parse("192.0.2.1").length == 32
    assert Prefix.parse("2001:db8::1").length == 128


@given(ADDRESS, st.integers(0, 65535), st.integers(0, 2**32 - 1))
def test_an_endpoint_reads_back(host: bytes, port: int, scope: int) -> None:
    # Interface indices this high name nothing here, so the number itself is written.
    endpoint = Endpoint(host, port, scope | 1 << 31 if len(host) == 16 else 0)
    assert Endpoint.parse(str(endpoint)) == endpoint


def test_a_link_local_endpoint_names_its_interface() -> None:
    endpoint = Endpoint.parse("[fe80::1%lo]:51820")
    assert endpoint.scope == 1
    assert str(endpoint) == "[fe80::1%lo]:51820"


@pytest.mark.parametrize(
    "text",
    ["", ":", "1.2.3.4", "1.2.3.4:", "1.2.3.4:65536", "1.2.3.4:-1", "::1:51820", "[::1]",
     "[::1:51820", "[1.2.3.4]:1", "[fe80::1%no-such-if]:1", "name:51820", "1.2.3.4:٣",
     "[fe80::1%lo%lo]:1", "[fe80::1%]:1", "[fe80::1%\0]:1", "[fe80::1%4294967296]:1",
     f"1.2.3.4:{'1' * 5000}", f"[fe80::1%{'1' * 5000}]:1"],
)  # fmt: skip
def test_what_is_no_endpoint_is_refused(text: str) -> None:
    with pytest.raises(InvalidAddress):
        Endpoint.parse(text)


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    for parse in (Endpoint.parse, Prefix.parse, pack_address):
        with contextlib.suppress(InvalidAddress):
            assert parse(text) is not None  # type: ignore[operator]


@pytest.mark.parametrize(
    ("text", "host", "service"),
    [
        ("peer.example:51820", "peer.example", "51820"),
        ("peer.example:wg", "peer.example", "wg"),
        ("192.0.2.1:1", "192.0.2.1", "1"),
        ("[2001:db8::1]:1", "2001:db8::1", "1"),
        ("[fe80::1%eth0]:1", "fe80::1%eth0", "1"),
    ],
)
def test_an_endpoint_by_name_is_read_and_written(text, host, service):
    named = NamedEndpoint.parse(text)
    assert named == NamedEndpoint(host, service)
    assert str(named) == text


@pytest.mark.parametrize(
    "text", ["", ":", "a", "a:", ":1", "a b:1", "a:1 2", "a\n:1", "ä:1", "a:" + "1" * 33, "[]:1"]
)
def test_what_cannot_be_an_endpoint_by_name_is_refused(text):
    with pytest.raises(InvalidAddress, match="not an endpoint"):
        NamedEndpoint.parse(text)
