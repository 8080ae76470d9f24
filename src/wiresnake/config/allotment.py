"""Which address of a network the next member gets."""

from collections.abc import Iterable

from wiresnake.values.addresses import Prefix


class NetworkFull(ValueError):
    """Every address of a network is somebody's; the message says which network."""


def free_address(network: Prefix, taken: Iterable[Prefix]) -> bytes:
    """Return the lowest address of ``network`` that no prefix in ``taken`` holds, 4 or 16 bytes.

    The first address is nobody's (it names the network, or all its routers: RFC 4291, 2.6.1), nor
    is the last of IPv4, the broadcast; unless there are only one or two. A prefix that reaches
    beyond the network, such as a default route, holds none: a longer one wins over it. Raises
    NetworkFull.
    """
    first, last = span(network)
    if last - first > 1:
        first, last = first + 1, last if network.is_ipv6 else last - 1
    candidate = first
    spans = (
        span(each)
        for each in taken
        if each.is_ipv6 == network.is_ipv6 and each.length >= network.length
    )
    for start, end in sorted(spans):
        if start > candidate:
            break
        candidate = max(candidate, end + 1)
    if candidate > last:
        raise NetworkFull(f"{network} has no free address")
    return candidate.to_bytes(len(network.network))


def span(prefix: Prefix) -> tuple[int, int]:
    """Return the first and the last address of ``prefix`` as numbers."""
    first = int.from_bytes(prefix.network)
    return first, first + (1 << (len(prefix.network) * 8 - prefix.length)) - 1
