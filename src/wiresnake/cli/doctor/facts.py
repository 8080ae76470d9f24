"""Collects the facts of one interface from its file, its daemon and its host."""

import errno
import socket
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from wiresnake.cli import control, daemons, interfaces
from wiresnake.cli.doctor.examination import Examined, examine, received_beside_handshakes
from wiresnake.cli.doctor.file_facts import of_file
from wiresnake.config.enrol import EVERYTHING
from wiresnake.config.health.facts import Facts, FileFacts, LinkFacts, PeerFacts
from wiresnake.config.health.inside import representative
from wiresnake.config.names import friendly_names
from wiresnake.config.plan import SRC_VALID_MARK
from wiresnake.config.quick import InterfaceAddress
from wiresnake.config.reply import Report, ReportedPeer
from wiresnake.host import dns, masquerade, settings, tun, ways
from wiresnake.host import interfaces as links
from wiresnake.host.netlink import IFF_UP, Requests
from wiresnake.values.addresses import Endpoint, InvalidAddress
from wiresnake.values.keys import PublicKey

KERNEL_MODULE: Final = Path("/sys/module/wireguard")
MOST_WAYS: Final = 64
"""Prefixes whose way is asked for; where one is missing, mostly all are."""

_REFUSAL_PATIENCE: Final = 0.5
_SECOND: Final = 1_000_000_000
_FORWARDING: Final = ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding")


def collect(name: str, path: Path | None, text: str, *, dead: Iterable[Path] = ()) -> Facts:
    """Collect all that is known of the interface ``name`` and the file ``path``, if there is one.

    ``dead`` are sockets of that interface at which nobody listens. Raises OSError.
    """
    file = None if path is None else of_file(path, text)
    with Requests() as requests:
        link = None
        if links.exists(requests, name):
            link = _link(requests, name, file, friendly_names(text))
        outer = _outer(requests, link)
        wanted = [SRC_VALID_MARK, *_FORWARDING]
        wanted += [f"net.ipv4.conf.{each}.rp_filter" for each in ("all", *outer)]
        port = None if file is None else file.change.listen_port
        return Facts(
            name,
            time.time(),
            link,
            file,
            elsewhere={
                prefix.is_ipv6: _leaving_by(requests, representative(prefix))
                for prefix in EVERYTHING
            },
            dns_tool=dns.find_tool(),
            port_taken=link is None and bool(port) and ways.port_is_taken(port or 0),
            settings={each: settings.read(each) or "" for each in wanted},
            outer=outer,
            masquerades=masquerade.is_on() if file is not None and file.for_clients else None,
            no_tun=_why_no_tun(),
            kernel=KERNEL_MODULE.exists(),
            dead_sockets=tuple(map(str, dead)),
        )


def dead_sockets() -> list[Path]:
    """Return the sockets at which nobody listens, and leave them there."""
    found = []
    for directory in map(Path, (daemons.SOCKETS, control.SOCKETS)):
        for each in filter(Path.is_socket, sorted(directory.glob("*.sock"))):
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
                probe.settimeout(daemons.PATIENCE)
                try:
                    probe.connect(str(each))
                except ConnectionRefusedError:
                    found.append(each)
                except OSError:
                    continue  # not ours to ask, or too busy to answer, and so alive
    return found


def _link(
    requests: Requests, name: str, file: FileFacts | None, names: Mapping[PublicKey, str]
) -> LinkFacts | None:
    """Return the facts of an interface; None if it is not one of WireGuard."""
    state = requests.link(name, None)
    is_up = bool(state.flags & IFF_UP)
    own = tuple(InterfaceAddress(*held) for held in links.addresses(requests, name))
    earlier = _statistics(name)
    try:
        before = interfaces.ask(name)
    except OSError as error:
        if error.errno != errno.ENODEV:
            raise
        return None
    servers = [] if file is None else file.config.dns
    examined = examine(name, before, state.mtu, own, servers) if is_up else Examined(before, before)
    later = _statistics(name)
    report = examined.after
    prefixes = [each for peer in report.peers for each in peer.allowed_ips][:MOST_WAYS]
    counters = _counters(later)
    return LinkFacts(
        None if report.private_key is None else report.private_key.public,
        is_up,
        state.mtu,
        report.listen_port,
        report.fwmark,
        own,
        tuple(_peers(examined, file, names)),
        {each: _leaving_by(requests, representative(each)) for each in prefixes},
        counters,
        {key: value - _counters(earlier).get(key, 0) for key, value in counters.items()},
        {key.upper(): bool(later["tun"][key]) for key in ("tso", "uso")} if later else {},
    )


def _peers(
    examined: Examined, file: FileFacts | None, names: Mapping[PublicKey, str]
) -> Iterable[PeerFacts]:
    listed = file.change.peers if file is not None else []
    callers = {peer.public_key for peer in listed if peer.endpoint is None}
    earlier = {peer.public_key: peer for peer in examined.before.peers}
    for peer in examined.after.peers:
        key = peer.public_key
        before = earlier.get(key, peer)
        received = received_beside_handshakes(before, peer)
        is_silent = key in examined.asked and not received
        yield PeerFacts(
            key,
            names.get(key, ""),
            peer.endpoint,
            tuple(peer.allowed_ips),
            _age(peer),
            key in examined.asked,
            peer.tx_bytes - before.tx_bytes,
            received,
            _obstacle(peer, examined.after) if is_silent else 0,
            key in callers,
            examined.echoes.get(key),
        )


def _age(peer: ReportedPeer) -> float | None:
    if not peer.last_handshake_ns:
        return None
    return time.time() - peer.last_handshake_ns / _SECOND


def _obstacle(peer: ReportedPeer, report: Report) -> int:
    try:
        endpoint = Endpoint.parse(peer.endpoint)
    except InvalidAddress:
        return 0  # it names an interface of the daemon's namespace
    return ways.obstacle_to(endpoint, report.fwmark, _REFUSAL_PATIENCE)


def _outer(requests: Requests, link: LinkFacts | None) -> tuple[str, ...]:
    """Return the interfaces by which IPv4 endpoints are reached."""
    found: dict[str, None] = {}
    for peer in link.peers if link is not None else ():
        with suppress(InvalidAddress):
            host = Endpoint.parse(peer.endpoint).host
            if len(host) == 4 and link is not None:
                found[_leaving_by(requests, host, link.fwmark)] = None
    return tuple(each for each in found if each)


def _leaving_by(requests: Requests, destination: bytes, mark: int = 0) -> str:
    index = ways.leaving_by(requests, destination, mark)
    try:
        return socket.if_indextoname(index) if index else ""
    except OSError:
        return ""  # it has gone meanwhile


def _statistics(name: str) -> dict[str, Any]:
    """Return what our own daemon counts; nothing of others."""
    try:
        return control.ask(name, {"ask": "statistics", "peers": []})
    except (OSError, control.Refused):
        return {}


def _counters(statistics: Mapping[str, Any]) -> dict[str, int]:
    return {key: int(value) for key, value in statistics.get("counters", {}).items()}


def _why_no_tun() -> str:
    try:
        tun.check_device()
    except OSError as error:
        return error.strerror or str(error)
    return ""
