"""Interfaces as JSON: names of things as other tools have them, and only what is set."""

import json
from collections.abc import Mapping
from typing import Any, Final

from wiresnake.cli.pretty import shown_secret
from wiresnake.config.reply import Report, ReportedPeer
from wiresnake.values.keys import PublicKey

_SECOND: Final = 1_000_000_000


def document(interfaces: Mapping[str, tuple[Report, Mapping[PublicKey, str]]]) -> str:
    """Return one object: a report for each interface, with what people call its peers."""
    return json.dumps(
        {name: _interface(*each) for name, each in interfaces.items()}, indent=2, ensure_ascii=False
    )


def _interface(report: Report, names: Mapping[PublicKey, str]) -> dict[str, Any]:
    key = report.private_key
    told = {
        "privateKey": shown_secret(key) if key is not None else None,
        "publicKey": str(key.public) if key is not None else None,
        "listenPort": report.listen_port,
        "fwmark": report.fwmark,
    }
    peers = {
        str(peer.public_key): _peer(peer, names.get(peer.public_key, "")) for peer in report.peers
    }
    return {**_what_is_set(told), "peers": peers}


def _peer(peer: ReportedPeer, name: str) -> dict[str, Any]:
    preshared = peer.preshared_key
    told = {
        "friendlyName": name,
        "presharedKey": shown_secret(preshared) if preshared is not None else None,
        "endpoint": peer.endpoint,
        "latestHandshake": peer.last_handshake_ns // _SECOND,
        "transferRx": peer.rx_bytes,
        "transferTx": peer.tx_bytes,
        "persistentKeepalive": peer.persistent_keepalive,
    }
    return {**_what_is_set(told), "allowedIps": [str(prefix) for prefix in peer.allowed_ips]}


def _what_is_set(told: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in told.items() if value}
