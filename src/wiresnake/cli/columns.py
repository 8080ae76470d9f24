"""An interface as lines for scripts: what is asked for, tabs between, and nothing hidden."""

from collections.abc import Callable, Iterator
from typing import Final

from wiresnake.config.reply import Report, ReportedPeer
from wiresnake.values.keys import Secret

_SECOND: Final = 1_000_000_000


def lines(parameter: str, report: Report) -> Iterator[str]:
    """Yield the lines of one of `PARAMETERS`."""
    if parameter == "dump":
        yield "\t".join(show(report) for show in _OF_INTERFACE.values())
        for peer in report.peers:
            yield "\t".join([_key(peer), *(show(peer, ",") for show in _OF_PEER.values())])
    elif parameter == "peers":
        yield from map(_key, report.peers)
    elif parameter in _OF_INTERFACE:
        yield _OF_INTERFACE[parameter](report)
    else:
        show = _OF_PEER[parameter]
        for peer in report.peers:
            yield f"{_key(peer)}\t{show(peer, ' ')}"


def _key(peer: ReportedPeer) -> str:
    return str(peer.public_key)


def _secret(secret: Secret | None) -> str:
    return "(none)" if secret is None else secret.to_base64()


def _public_key(report: Report) -> str:
    return "(none)" if report.private_key is None else str(report.private_key.public)


def _allowed_ips(peer: ReportedPeer, between: str) -> str:
    return between.join(map(str, peer.allowed_ips)) or "(none)"


def _transfer(peer: ReportedPeer, _between: str) -> str:
    return f"{peer.rx_bytes}\t{peer.tx_bytes}"


# In the order of a dump. A peer's columns get what stands between the allowed IPs.
_OF_INTERFACE: Final[dict[str, Callable[[Report], str]]] = {
    "private-key": lambda report: _secret(report.private_key),
    "public-key": _public_key,
    "listen-port": lambda report: str(report.listen_port),
    "fwmark": lambda report: f"0x{report.fwmark:x}" if report.fwmark else "off",
}
_OF_PEER: Final[dict[str, Callable[[ReportedPeer, str], str]]] = {
    "preshared-keys": lambda peer, _: _secret(peer.preshared_key),
    "endpoints": lambda peer, _: peer.endpoint or "(none)",
    "allowed-ips": _allowed_ips,
    "latest-handshakes": lambda peer, _: str(peer.last_handshake_ns // _SECOND),
    "transfer": _transfer,
    "persistent-keepalive": lambda peer, _: str(peer.persistent_keepalive or "off"),
}
PARAMETERS: Final = (
    "public-key", "private-key", "listen-port", "fwmark", "peers", "preshared-keys", "endpoints",
    "allowed-ips", "latest-handshakes", "transfer", "persistent-keepalive", "dump",
)  # fmt: skip
"""What `lines` understands, in the order in which it is told to people."""
