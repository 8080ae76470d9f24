"""``show``: interfaces and their peers, for people."""

import os
import re
import sys
import time
from collections.abc import Iterator
from typing import Final

from wiresnake.cli import daemons
from wiresnake.config.reply import Report, ReportedPeer

USAGE: Final = "Usage: wiresnake show { <interface> | all | interfaces }"

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


def run(arguments: list[str]) -> int:
    """Show one interface, all of them, or their names."""
    if arguments in (["-h"], ["--help"], ["help"]):
        print(USAGE, file=sys.stderr)
        return 0
    if len(arguments) > 1:
        print(USAGE, file=sys.stderr)
        return 1
    which = arguments[0] if arguments else "all"
    try:
        if which == "interfaces":
            _write_names(daemons.names())
        elif which == "all":
            return _show_all(daemons.names())
        else:
            _write(which, daemons.ask(which))
    except BrokenPipeError:
        raise
    except OSError as bad:
        what = "list interfaces" if which in {"all", "interfaces"} else "access interface"
        print(f"Unable to {what}: {bad.strerror or bad}", file=sys.stderr)
        return 1
    return 0


def _write_names(names: list[str]) -> None:
    if names:
        print(" ".join(names))


def _show_all(names: list[str]) -> int:
    status = 1 if names else 0
    for name in names:
        try:
            report = daemons.ask(name)
        except OSError as bad:
            print(f"Unable to access interface {name}: {bad.strerror or bad}", file=sys.stderr)
        else:
            _write(name, report)
            status = 0
        if name != names[-1]:
            print()
    return status


def _write(name: str, report: Report) -> None:
    text = "".join(pretty(name, report, time.time_ns() // _SECOND))
    mode = os.environ.get("WG_COLOR_MODE")
    if mode == "never" or (mode != "always" and not sys.stdout.isatty()):
        text = _SEQUENCE.sub("", text)
    sys.stdout.write(text)


def pretty(name: str, report: Report, now: int) -> Iterator[str]:
    """Yield the coloured text of one interface; ``now`` is seconds since the Unix epoch."""
    yield f"{_RESET}{_GREEN}{_BOLD}interface{_RESET}: {_GREEN}{name}{_RESET}\n"
    if report.private_key is not None:
        yield _line("public key", str(report.private_key.public))
        yield _line("private key", _hidden(report.private_key.to_base64()))
    if report.listen_port:
        yield _line("listening port", str(report.listen_port))
    if report.fwmark:
        yield _line("fwmark", f"0x{report.fwmark:x}")
    for peer in sorted(report.peers, key=lambda each: -each.last_handshake_ns):
        yield "\n"
        yield from _pretty_peer(peer, now)


def _pretty_peer(peer: ReportedPeer, now: int) -> Iterator[str]:
    yield f"{_YELLOW}{_BOLD}peer{_RESET}: {_YELLOW}{peer.public_key}{_RESET}\n"
    if peer.preshared_key is not None:
        yield _line("preshared key", _hidden(peer.preshared_key.to_base64()))
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


def _hidden(secret: str) -> str:
    return secret if os.environ.get("WG_HIDE_KEYS") == "never" else "(hidden)"


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
