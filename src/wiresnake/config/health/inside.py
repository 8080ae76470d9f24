"""Which addresses stand for a network, when one is to be asked."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from wiresnake.config.quick import InterfaceAddress
from wiresnake.values.addresses import InvalidAddress, Prefix, pack_address


def representative(prefix: Prefix) -> bytes:
    """Return an address of the prefix that hardly is this host's own, to ask for the way to.

    Of a default route it is one that nobody has (RFC 7600, RFC 5180).
    """
    if prefix.length == 0:
        return pack_address("2001:2::1" if prefix.is_ipv6 else "192.0.0.8")
    size = len(prefix.network)
    last = int.from_bytes(prefix.network) | ((1 << (size * 8 - prefix.length)) - 1)
    distance = 1 if prefix.length < size * 8 - 1 else 0  # not the broadcast address
    return (last - distance).to_bytes(size)


class Behind(NamedTuple):
    """An address behind a peer; ``sure`` if it is the peer's own, not only likely somebody's."""

    address: bytes
    sure: bool


def address_behind(
    allowed_ips: Iterable[Prefix], own: Iterable[InterfaceAddress], dns: Iterable[str]
) -> Behind | None:
    """Return the address behind a peer that is the likeliest to answer a ping, None if none is.

    One that is listed alone is the peer's own. Else a name server inside the tunnel may be up, and
    the first address of a network is mostly that of the server.
    """
    allowed, ours = list(allowed_ips), list(own)
    for candidate in _candidates(allowed, ours, dns):
        alike = [each for each in ours if len(each.address) == len(candidate.address)]
        is_foreign = alike and all(candidate.address != each.address for each in alike)
        if is_foreign and any(_holds(each, candidate.address) for each in allowed):
            return candidate
    return None


def _candidates(
    allowed: list[Prefix], own: list[InterfaceAddress], dns: Iterable[str]
) -> Iterator[Behind]:
    for each in allowed:
        if each.length == len(each.network) * 8:
            yield Behind(each.network, sure=True)
    for text in dns:
        try:
            yield Behind(pack_address(text), sure=False)
        except InvalidAddress:
            continue  # one with a scope is no address inside
    networks = [Prefix.of(each.address, each.length) for each in own]
    usual = [Prefix.of(each.address, 64 if each.is_ipv6 else 24) for each in own]
    for network in (*networks, *(each for each in allowed if each.length), *usual):
        if network.length < len(network.network) * 8 - 1:
            first = int.from_bytes(network.network) + 1
            yield Behind(first.to_bytes(len(network.network)), sure=False)


def _holds(prefix: Prefix, address: bytes) -> bool:
    return len(prefix.network) == len(address) and Prefix.of(address, prefix.length) == prefix
