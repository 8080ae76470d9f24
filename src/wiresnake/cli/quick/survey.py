"""What `up` must know of the host before it can say what to do."""

from pathlib import Path
from typing import Final

from wiresnake.cli import control
from wiresnake.cli.quick.voice import Failed
from wiresnake.config.plan import FIRST_TABLE, SRC_VALID_MARK, Situation
from wiresnake.config.quick import QuickConfig
from wiresnake.config.reply import Report
from wiresnake.host import dns, firewall, routes, settings
from wiresnake.host.netlink import Requests
from wiresnake.values.addresses import Endpoint

_ETHERNET_MTU: Final = 1500
_USUAL_PRIORITY: Final = 32765


def look(requests: Requests, interface: str, config: QuickConfig, report: Report) -> Situation:
    """Return how things are. Raises OSError; Failed for a table that there is not."""
    allowed = [prefix for peer in report.peers for prefix in peer.allowed_ips]
    guarded = config.table == "auto" and any(prefix.length == 0 for prefix in allowed)
    return Situation(
        mark=report.fwmark,
        allowed=allowed,
        path_mtu=_path_mtu(requests, report),
        table=_table(config.table),
        free_table=_free_table(requests),
        priorities=(_next_priority(requests, ipv6=False), _next_priority(requests, ipv6=True)),
        setting=settings.read(SRC_VALID_MARK) or "",
        setting_is_writable=settings.is_writable(SRC_VALID_MARK),
        guard=firewall.find_tool() if guarded else "",
        dns=dns.find_tool(),
        dns_record=dns.record_name(interface),
        ipv6_is_off=settings.ipv6_is_off(),
        looks_again=Path(control.SOCKETS, f"{interface}.sock").exists(),
    )


def _path_mtu(requests: Requests, report: Report) -> int:
    """Return the least MTU toward an endpoint, or by a default route, in bytes."""
    hosts = {Endpoint.parse(peer.endpoint).host for peer in report.peers if peer.endpoint}
    found = [routes.route_mtu(requests, host) for host in hosts]
    known = [mtu for mtu in found if mtu]
    return min(known) if known else routes.default_mtu(requests) or _ETHERNET_MTU


def _table(word: str) -> int:
    if word in {"auto", "off"}:
        return 0
    number = routes.table_number(word)
    if number is None:
        raise Failed(
            f"Table = {word}: there is no such routing table; a number, a name of "
            "/etc/iproute2/rt_tables, auto, or off"
        )
    return number


def _free_table(requests: Requests) -> int:
    table = FIRST_TABLE
    while not routes.is_empty(requests, table):
        table += 1
    return table


def _next_priority(requests: Requests, *, ipv6: bool) -> int:
    """Return the priority that the kernel would give a rule: just before all but the first."""
    try:
        listed = routes.rules(requests, ipv6=ipv6)
    except OSError:
        if not ipv6:
            raise
        return 0  # there is no IPv6 here, and no rule of it will be asked for
    return listed[1].priority - 1 if len(listed) > 1 else _USUAL_PRIORITY
