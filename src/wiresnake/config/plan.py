"""From a file and what the host is like, the steps of `up`, and what must be said beforehand.

In two parts, for a PreUp hook may change the host: `opening` is what can be known at once, `rest`
what depends on how things are when the interface is there and has its peers.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from wiresnake.config.quick import QuickConfig
from wiresnake.config.steps import (
    MAIN,
    AddAddress,
    AddLastResort,
    AddRoutes,
    AddRule,
    Backend,
    Configure,
    HandOver,
    MakeLink,
    RaiseGuard,
    RunHook,
    SetDns,
    SetMark,
    SetUp,
    Step,
    WriteSetting,
)
from wiresnake.values.addresses import Prefix

TUNNEL_OVERHEAD: Final = 80
"""Bytes: the headers of IPv6 (40), UDP (8) and a transport message (16), and its tag (16)."""
IPV6_LEAST_MTU: Final = 1280
FIRST_TABLE: Final = 51820
"""Where the search for an empty routing table begins."""
SRC_VALID_MARK: Final = "net.ipv4.conf.all.src_valid_mark"
_FAMILIES: Final = ((False, "IPv4", "0.0.0.0/0"), (True, "IPv6", "::/0"))


class Impossible(ValueError):
    """What is asked for contradicts itself; the message is one line."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One `up`: the interface, its file, what makes it, and what the command line asks.

    ``attach``: it is made already.
    """

    interface: str
    path: str
    backend: Backend
    program: list[str]
    mark: str
    endpoints: dict[str, list[str]]
    hooks: bool = True
    kill_switch: bool = False
    attach: bool = False


@dataclass(frozen=True, slots=True)
class Situation:
    """How things are on the host, when the interface has its peers.

    ``mark`` and ``allowed`` are the interface's; ``path_mtu`` is the least toward an endpoint, in
    bytes; ``table`` is what the file's ``Table`` means, ``free_table`` is empty. The next rule of a
    family gets ``priorities[ipv6]``, the one after it a number less. ``setting`` is that of
    `SRC_VALID_MARK`, "" if it cannot be read. ``looks_again``: the daemon can look peers up itself.
    """

    mark: int
    allowed: Sequence[Prefix]
    path_mtu: int
    table: int
    free_table: int
    priorities: tuple[int, int]
    setting: str
    setting_is_writable: bool
    guard: Literal["nft", "iptables", ""]
    dns: Literal["resolvconf", "resolvectl", ""]
    dns_record: str
    ipv6_is_off: bool
    looks_again: bool


@dataclass(slots=True)
class Plan:
    """Steps in their order, and warnings: one line each."""

    steps: list[Step]
    warnings: list[str]


def opening(config: QuickConfig, wish: Wish) -> list[Step]:
    """Return the steps up to an interface that has its peers. Raises Impossible."""
    if wish.kill_switch and config.table == "off":
        raise Impossible("--kill-switch needs routes, and Table is off")
    made = [MakeLink(wish.interface, wish.backend, wish.program, wish.mark)]
    return [
        *(made if not wish.attach else []),
        *_hooks(config, wish, "preup"),
        Configure(wish.interface, wish.path),
    ]


def rest(config: QuickConfig, wish: Wish, now: Situation) -> Plan:
    """Return the other steps: addresses, MTU, name servers, routes, hooks. Raises Impossible."""
    plan = Plan([], [])
    # Longest first, as the kernel would look.
    unique = dict.fromkeys(now.allowed)
    prefixes = sorted(unique, key=lambda prefix: (-prefix.length, prefix.is_ipv6))
    if now.ipv6_is_off and _is_asked(config, prefixes):
        plan.warnings.append("IPv6 is off on this host: its addresses and routes are left out")
    prefixes = [prefix for prefix in prefixes if not (prefix.is_ipv6 and now.ipv6_is_off)]
    everything = [ipv6 for ipv6, _, _ in _FAMILIES if takes_all(prefixes, ipv6=ipv6)]
    if wish.endpoints and now.looks_again:
        plan.steps.append(HandOver(wish.interface, wish.endpoints))
    for held in config.addresses:
        if not (held.is_ipv6 and now.ipv6_is_off):
            plan.steps.append(AddAddress(wish.interface, str(held), held.is_ipv6))
    _add_mtu(plan, config, wish, now)
    _add_dns(plan, config, wish, now, alone=bool(everything))
    if config.table == "auto":
        _add_routes(plan, config, wish, now, prefixes)
        _warn_of_leaks(plan, wish, now, everything)
    elif config.table != "off":
        _add_to_table(plan, wish, now, prefixes)
    plan.steps += _hooks(config, wish, "postup")
    return plan


def _hooks(config: QuickConfig, wish: Wish, key: str) -> list[Step]:
    commands = config.hooks.get(key, []) if wish.hooks else []
    return [RunHook(command.replace("%i", wish.interface)) for command in commands]


def _add_mtu(plan: Plan, config: QuickConfig, wish: Wish, now: Situation) -> None:
    mtu = config.mtu if config.mtu is not None else now.path_mtu - TUNNEL_OVERHEAD
    plan.steps.append(SetUp(wish.interface, mtu))
    if mtu < IPV6_LEAST_MTU and any(held.is_ipv6 for held in config.addresses):
        plan.warnings.append(
            f"the MTU is {mtu}, and IPv6 needs {IPV6_LEAST_MTU}: it will not work in this tunnel"
        )


def _add_dns(plan: Plan, config: QuickConfig, wish: Wish, now: Situation, *, alone: bool) -> None:
    if not config.dns:
        if config.search:
            plan.warnings.append("DNS names domains to search and no server: it is left out")
        return
    if not now.dns:
        plan.warnings.append(
            "DNS is not set: there is no resolvconf, and no systemd-resolved; "
            f"the file asks for {', '.join([*config.dns, *config.search])}"
        )
        return
    plan.steps.append(
        SetDns(wish.interface, now.dns, now.dns_record, config.dns, config.search, alone)
    )


def _add_to_table(plan: Plan, wish: Wish, now: Situation, prefixes: Sequence[Prefix]) -> None:
    if wish.kill_switch:
        if now.table in {MAIN, 253, 255}:
            raise Impossible("--kill-switch needs a routing table of its own, or Table = auto")
        plan.steps += [
            AddLastResort(ipv6, now.table)
            for ipv6, _, _ in _FAMILIES
            if not (ipv6 and now.ipv6_is_off)
        ]
    plan.steps += _routes(wish, now.table, prefixes)


def _add_routes(
    plan: Plan, config: QuickConfig, wish: Wish, now: Situation, prefixes: Sequence[Prefix]
) -> None:
    """Lead the prefixes into the interface, and a /0 by way of a table of its own."""
    connected = [
        Prefix.of(held.address, held.length)
        for held in config.addresses
        # The kernel makes a route for the network of an address, if it is more than that.
        if held.is_ipv6 or held.length < 32
    ]
    plan.steps += _routes(wish, MAIN, _uncovered(prefixes, connected))
    whole = [prefix.is_ipv6 for prefix in prefixes if prefix.length == 0]
    if not whole and wish.kill_switch:
        raise Impossible("--kill-switch needs AllowedIPs with 0.0.0.0/0 or ::/0")
    if not whole:
        return
    mark = now.mark or now.free_table
    if not now.mark:
        plan.steps.append(SetMark(wish.interface, mark))
    for ipv6, _, everything in reversed(_FAMILIES):
        if ipv6 not in whole and (not wish.kill_switch or (ipv6 and now.ipv6_is_off)):
            continue
        if ipv6 in whole:
            _add_guard(plan, config, wish, now, mark, ipv6=ipv6)
        if wish.kill_switch:
            plan.steps.append(AddLastResort(ipv6, mark))
        if ipv6 in whole:
            plan.steps.append(AddRoutes(wish.interface, mark, [everything]))
        # The table leads somewhere before anything is sent there.
        first = now.priorities[ipv6]
        plan.steps.append(AddRule(ipv6, first, mark, mark))
        plan.steps.append(AddRule(ipv6, first - 1, MAIN))


def _add_guard(
    plan: Plan, config: QuickConfig, wish: Wish, now: Situation, mark: int, *, ipv6: bool
) -> None:
    if not ipv6 and now.setting != "1":
        if now.setting_is_writable:
            plan.steps.append(WriteSetting(SRC_VALID_MARK, "1", now.setting))
        else:
            plan.warnings.append(
                f"{SRC_VALID_MARK} cannot be set to 1: "
                "where rp_filter is 1, answers to the tunnel's own packets may be dropped"
            )
    own = [held for held in config.addresses if held.is_ipv6 == ipv6]
    addresses = [str(held).partition("/")[0] for held in own]
    if now.guard:
        plan.steps.append(RaiseGuard(wish.interface, now.guard, ipv6, mark, addresses))
    elif not any("no leak guard" in line for line in plan.warnings):
        plan.warnings.append(
            "no leak guard: neither nft nor iptables-restore works here; "
            "neighbours could find out the tunnel's addresses"
        )


def _warn_of_leaks(plan: Plan, wish: Wish, now: Situation, everything: Sequence[bool]) -> None:
    if len(everything) != 1 or now.ipv6_is_off:
        return
    (_, taken, _), (_, other, missing) = sorted(
        _FAMILIES, key=lambda each: each[0] != everything[0]
    )
    if wish.kill_switch:
        plan.warnings.append(f"AllowedIPs lack {missing}: {other} is blocked by the kill switch")
    else:
        plan.warnings.append(
            f"all of {taken} goes into the tunnel and {other} goes past it: "
            f"AllowedIPs lack {missing}"
        )


def _routes(wish: Wish, table: int, prefixes: Iterable[Prefix]) -> Iterator[Step]:
    listed = list(prefixes)
    for ipv6, _, _ in _FAMILIES:
        texts = [str(prefix) for prefix in listed if prefix.is_ipv6 == ipv6]
        if texts:
            yield AddRoutes(wish.interface, table, texts)


def _uncovered(prefixes: Iterable[Prefix], connected: Iterable[Prefix]) -> Iterator[Prefix]:
    """Yield the prefixes, without a /0, that lie in no network the interface is in already.

    They come longest first, so none lies in one that came before it.
    """
    networks = {(each.network, each.length) for each in connected}
    lengths = sorted({(each.is_ipv6, each.length) for each in connected})
    for prefix in prefixes:
        if prefix.length and not any(
            (Prefix.of(prefix.network, length).network, length) in networks
            for ipv6, length in lengths
            if ipv6 == prefix.is_ipv6 and length <= prefix.length
        ):
            yield prefix


def _is_asked(config: QuickConfig, prefixes: Iterable[Prefix]) -> bool:
    """Whether anything of IPv6 is asked for."""
    return any(each.is_ipv6 for each in config.addresses) or any(
        prefix.is_ipv6 for prefix in prefixes
    )


def takes_all(prefixes: Iterable[Prefix], *, ipv6: bool) -> bool:
    """Whether the prefixes of a family hold all its addresses, a /0 or both halves."""
    own = {prefix for prefix in prefixes if prefix.is_ipv6 == ipv6 and prefix.length <= 1}
    return any(prefix.length == 0 for prefix in own) or len(own) == 2
