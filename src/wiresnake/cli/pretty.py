"""An interface and its peers as text for people, in colour."""

import os
import re
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Final

from wiresnake.config.reply import Report, ReportedPeer
from wiresnake.values.keys import PublicKey, Secret

_RESET: Final = "\x1b[0m"
_BOLD: Final = "\x1b[1m"
_RED: Final = "\x1b[31m"
_GREEN: Final = "\x1b[32m"
_YELLOW: Final = "\x1b[33m"
_CYAN: Final = "\x1b[36m"
_SEQUENCE: Final = re.compile(r"\x1b\[\d+m")

_UNITS: Final = (
    ("year", 365 * 24 * 60 * 60), ("day", 24 * 60 * 60), ("hour", 60 * 60), ("minute", 60),
    ("second", 1),
)  # fmt: skip
_SECOND: Final = 1_000_000_000


def write(name: str, report: Report, names: Mapping[PublicKey, str]) -> None:
    """Write one interface to standard output, its colours as WG_COLOR_MODE says.

    ``names`` are what people call its peers.
    """
    text = "".join(pretty(name, report, names, time.time_ns() // _SECOND))
    mode = os.environ.get("WG_COLOR_MODE")
    if mode == "never" or (mode != "always" and not sys.stdout.isatty()):
        text = _SEQUENCE.sub("", text)
    sys.stdout.write(text)


def pretty(name: str, report: Report, names: Mapping[PublicKey, str], now: int) -> Iterator[str]:
    """Yield the coloured text of one interface; ``now`` is seconds since the Unix epoch."""
    yield f"{_RESET}{_GREEN}{_BOLD}interface{_RESET}: {_GREEN}{name}{_RESET}\n"
    if report.private_key is not None:
        yield _line("public key", str(report.private_key.public))
        yield _line("private key", shown_secret(report.private_key))
    if report.listen_port:
        yield _line("listening port", str(report.listen_port))
    if report.fwmark:
        yield _line("fwmark", f"0x{report.fwmark:x}")
    for peer in sorted(report.peers, key=lambda each: -each.last_handshake_ns):
        yield "\n"
        yield from _pretty_peer(peer, names.get(peer.public_key, ""), now)


def _pretty_peer(peer: ReportedPeer, name: str, now: int) -> Iterator[str]:
    yield f"{_YELLOW}{_BOLD}peer{_RESET}: {_YELLOW}{peer.public_key}{_RESET}\n"
    if name:
        yield _line("friendly name", name)
    if peer.preshared_key is not None:
        yield _line("preshared key", shown_secret(peer.preshared_key))
    if peer.endpoint:
        yield _line("endpoint", peer.endpoint)
    prefixes = [str(prefix).replace("/", f"{_CYAN}/{_RESET}") for prefix in peer.allowed_ips]
    yield _line("allowed ips", ", ".join(prefixes) or "(none)")
    if handshake := peer.last_handshake_ns // _SECOND:
        yield _line("latest handshake", _ago(handshake, now))
    if peer.rx_bytes or peer.tx_bytes:
        transfer = f"{_amount(peer.rx_bytes)} received, {_amount(peer.tx_bytes)} sent"
        yield _line("transfer", transfer)
    if peer.persistent_keepalive:
        yield _line("persistent keepalive", f"every {_duration(peer.persistent_keepalive)}")


def _line(label: str, value: str) -> str:
    return f"  {_BOLD}{label}{_RESET}: {value}\n"


def shown_secret(secret: Secret) -> str:
    """Return 44 characters if WG_HIDE_KEYS is ``never``, else that there is something to hide."""
    return secret.to_base64() if os.environ.get("WG_HIDE_KEYS") == "never" else "(hidden)"


def _ago(then: int, now: int) -> str:
    if then == now:
        return "Now"
    if then > now:
        return f"({_RED}System clock wound backward; connection problems may ensue.{_RESET})"
    return f"{_duration(now - then)} ago"


def _duration(seconds: int) -> str:
    parts = []
    for unit, size in _UNITS:
        count, seconds = divmod(seconds, size)
        if count:
            plural = "" if count == 1 else "s"
            parts.append(f"{count} {_CYAN}{unit}{plural}{_RESET}")
    return ", ".join(parts)


def _amount(size: int) -> str:
    for power, unit in ((40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")):
        if size >> power:
            return f"{size / (1 << power):.2f} {_CYAN}{unit}{_RESET}"
    return f"{size} {_CYAN}B{_RESET}"
