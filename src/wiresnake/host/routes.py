"""Routes, and the rules that choose a routing table, by rtnetlink (ip-route(8), ip-rule(8))."""

import errno
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wiresnake.host import netlink
from wiresnake.host.interfaces import mtu_of
from wiresnake.host.netlink import INT, ROUTE, RTA_DST, RTA_OIF, UNSIGNED, Requests, attribute
from wiresnake.values.addresses import Prefix

MAIN: Final = 254
RESERVED: Final = {"unspec": 0, "default": 253, "main": MAIN, "local": 255}
NAME_FILES: Final = (
    "/usr/share/iproute2/rt_tables", "/etc/iproute2/rt_tables", "/usr/share/iproute2/rt_tables.d",
    "/etc/iproute2/rt_tables.d",
)  # fmt: skip
"""Where `ip` finds the names of tables: files, and directories of files called ``*.conf``."""

_RTA_PRIORITY: Final = 6
_RTA_METRICS: Final = 8
_RTA_TABLE: Final = 15
_RTAX_MTU: Final = 2
_FRA_PRIORITY: Final = 6
_FRA_FWMARK: Final = 10
_FRA_SUPPRESS_PREFIXLEN: Final = 14
_FRA_TABLE: Final = 15
_FIB_RULE_INVERT: Final = 2
_FR_ACT_TO_TBL: Final = 1
_PROTOCOL_BOOT: Final = 3  # RTPROT_BOOT: what `ip` says where nothing else is asked for
_UNICAST: Final = 1
_UNREACHABLE: Final = 7
_SCOPE_LINK: Final = 253


@dataclass(frozen=True, slots=True)
class Route:
    """A way to ``prefix`` in ``table``: through the interface ``index``, or nowhere if that is 0.

    ``metric`` 0 leaves it to the kernel.
    """

    prefix: Prefix
    table: int
    index: int
    metric: int = 0


@dataclass(frozen=True, slots=True)
class Rule:
    """Look into ``table``: for all packets without ``mark``, if there is one, else for all.

    A route found there counts only if it is longer than ``suppress`` bits, if that is not None.
    Rules of lower ``priority`` come first.
    """

    ipv6: bool
    priority: int
    table: int
    mark: int = 0
    suppress: int | None = None


def add_route(requests: Requests, route: Route) -> None:
    """Add a route. Raises OSError; EEXIST if there is one to that prefix in that table."""
    requests.change(netlink.RTM_NEWROUTE, _route_body(route), netlink.CREATE)


def remove_route(requests: Requests, route: Route) -> bool:
    """Remove a route; return whether it was there. Raises OSError."""
    return _removed(requests, netlink.RTM_DELROUTE, _route_body(route))


def add_rule(requests: Requests, rule: Rule) -> None:
    """Add a rule. Raises OSError; EEXIST if it is there."""
    requests.change(netlink.RTM_NEWRULE, _rule_body(rule), netlink.CREATE)


def remove_rule(requests: Requests, rule: Rule) -> bool:
    """Remove a rule; return whether it was there. Raises OSError."""
    return _removed(requests, netlink.RTM_DELRULE, _rule_body(rule))


def rules(requests: Requests, *, ipv6: bool) -> list[Rule]:
    """Return the rules of one family in their order, as far as a `Rule` can say them.

    Raises OSError.
    """
    found = []
    for body in requests.dump(netlink.RTM_GETRULE, ROUTE.pack(_family(ipv6), *[0] * 8)):
        _, _, _, _, table, _, _, _, _ = ROUTE.unpack_from(body)
        parts = dict(netlink.attributes(body, ROUTE.size))
        suppress = _number(parts.get(_FRA_SUPPRESS_PREFIXLEN), 0xFFFF_FFFF)
        found.append(
            Rule(
                ipv6,
                priority=_number(parts.get(_FRA_PRIORITY), 0),
                table=_number(parts.get(_FRA_TABLE), table),
                mark=_number(parts.get(_FRA_FWMARK), 0),
                suppress=None if suppress == 0xFFFF_FFFF else suppress,
            )
        )
    return sorted(found, key=lambda rule: rule.priority)


def is_empty(requests: Requests, table: int) -> bool:
    """Whether the table has no route of either family. Raises OSError."""
    return not any(True for ipv6 in (False, True) for _ in _routes(requests, table, ipv6=ipv6))


def route_mtu(requests: Requests, destination: bytes) -> int | None:
    """Return the MTU in bytes toward an address of 4 or 16 bytes; None if there is no way.

    That of the route if it has one, which is also where path MTU discovery leaves what it found,
    else that of the interface.
    """
    family = _family(len(destination) == 16)
    body = ROUTE.pack(family, 8 * len(destination), *[0] * 7) + attribute(RTA_DST, destination)
    try:
        _, answer = requests.ask(netlink.RTM_GETROUTE, body)
        return _mtu(requests, answer)
    except OSError as error:
        if error.errno in {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EAFNOSUPPORT,
                           errno.EINVAL, errno.EACCES, errno.ESRCH}:  # fmt: skip
            return None
        raise


def default_mtu(requests: Requests) -> int | None:
    """Return the least MTU in bytes of the default routes; None if there is none.

    Raises OSError.
    """
    found = [
        _mtu(requests, body)
        for ipv6 in (False, True)
        for body in _routes(requests, MAIN, ipv6=ipv6)
        if ROUTE.unpack_from(body)[1] == 0 and ROUTE.unpack_from(body)[7] == _UNICAST
    ]
    return min((mtu for mtu in found if mtu is not None), default=None)


def table_number(word: str) -> int | None:
    """Return the number of the table that ``word`` is, or names as `ip` would; None if none."""
    if word in RESERVED:
        return RESERVED[word]
    try:
        number = int(word, 0 if word[:2].lower() == "0x" else 10)
    except ValueError:
        return dict(_named_tables()).get(word)
    return number if 0 < number <= 0xFFFF_FFFF else None


def _named_tables() -> Iterator[tuple[str, int]]:
    for place in map(Path, NAME_FILES):
        for file in sorted(place.glob("*.conf")) if place.is_dir() else [place]:
            try:
                lines = file.read_text(errors="replace").splitlines()
            except OSError:
                continue
            for words in (line.partition("#")[0].split() for line in lines):
                if len(words) == 2 and words[0].isascii() and words[0].isdigit():
                    yield words[1], int(words[0])


def _routes(requests: Requests, table: int, *, ipv6: bool) -> Iterator[memoryview]:
    narrow = ROUTE.pack(_family(ipv6), *[0] * 8) + attribute(_RTA_TABLE, UNSIGNED.pack(table))
    try:
        everything = requests.dump(netlink.RTM_GETROUTE, narrow)
    except OSError as error:
        # The kernel knows no such table, or no such family.
        if error.errno not in {errno.ENOENT, errno.EOPNOTSUPP, errno.EAFNOSUPPORT}:
            raise
        return
    for body in everything:
        parts = dict(netlink.attributes(body, ROUTE.size))
        if _number(parts.get(_RTA_TABLE), ROUTE.unpack_from(body)[4]) == table:
            yield body


def _mtu(requests: Requests, body: memoryview) -> int | None:
    parts = dict(netlink.attributes(body, ROUTE.size))
    metrics = dict(netlink.attributes(parts.get(_RTA_METRICS, memoryview(b"")), 0))
    if _RTAX_MTU in metrics:
        return _number(metrics[_RTAX_MTU], 0)
    index = _number(parts.get(RTA_OIF), 0)
    return mtu_of(requests, index) if index else None


def _route_body(route: Route) -> bytes:
    ipv6 = route.prefix.is_ipv6
    scope = 0 if ipv6 or not route.index else _SCOPE_LINK
    kind = _UNICAST if route.index else _UNREACHABLE
    length = route.prefix.length
    body = ROUTE.pack(_family(ipv6), length, 0, 0, 0, _PROTOCOL_BOOT, scope, kind, 0)
    body += attribute(_RTA_TABLE, UNSIGNED.pack(route.table))
    body += attribute(RTA_DST, route.prefix.network)
    if route.index:
        body += attribute(RTA_OIF, INT.pack(route.index))
    if route.metric:
        body += attribute(_RTA_PRIORITY, UNSIGNED.pack(route.metric))
    return body


def _rule_body(rule: Rule) -> bytes:
    invert = _FIB_RULE_INVERT if rule.mark else 0
    body = ROUTE.pack(_family(rule.ipv6), 0, 0, 0, 0, 0, 0, _FR_ACT_TO_TBL, invert)
    body += attribute(_FRA_PRIORITY, UNSIGNED.pack(rule.priority))
    body += attribute(_FRA_TABLE, UNSIGNED.pack(rule.table))
    if rule.mark:
        body += attribute(_FRA_FWMARK, UNSIGNED.pack(rule.mark))
    if rule.suppress is not None:
        body += attribute(_FRA_SUPPRESS_PREFIXLEN, UNSIGNED.pack(rule.suppress))
    return body


def _removed(requests: Requests, kind: int, body: bytes) -> bool:
    try:
        requests.change(kind, body)
    except OSError as error:
        if error.errno not in {errno.ENOENT, errno.ESRCH, errno.ENODEV, errno.EAFNOSUPPORT}:
            raise
        return False
    return True


def _family(ipv6: bool) -> int:
    return socket.AF_INET6 if ipv6 else socket.AF_INET


def _number(value: memoryview | None, otherwise: int) -> int:
    if value is None or len(value) != UNSIGNED.size:
        return otherwise
    return int(UNSIGNED.unpack(value)[0])
