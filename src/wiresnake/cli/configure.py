"""``set``, ``setconf``, ``addconf``, ``syncconf``: changes to an interface."""

import sys
from typing import Final

from wiresnake.cli import interfaces, keyfiles, lookup
from wiresnake.cli.program import complain, refuse
from wiresnake.config import ini, words
from wiresnake.config.fields import InvalidField
from wiresnake.config.ini import IniError
from wiresnake.config.model import Change
from wiresnake.config.synchronize import synchronizing

SET_USAGE: Final = (
    "set <interface> [listen-port <port>] [fwmark <mark>] [private-key <file path>] "
    "[peer <base64 public key> [remove] [preshared-key <file path>] [endpoint <host>:<port>] "
    "[persistent-keepalive <interval seconds>] "
    "[allowed-ips [+|-]<ip1>/<cidr1>[,[+|-]<ip2>/<cidr2>]...] ]..."
)


def run_set(arguments: list[str]) -> int:
    """Change what the words name, and nothing else."""
    if len(arguments) < 2:
        return refuse(SET_USAGE)
    name, *said = arguments
    try:
        change = words.parse(
            said, read_key=keyfiles.read, resolve=lookup.resolve, warn=_warn
        )  # fmt: skip
    except InvalidField as bad:
        return complain(str(bad))
    return _apply(name, change)


def run_setconf(arguments: list[str]) -> int:
    """Make the interface what the file says: what it does not name goes."""
    if len(arguments) != 2:
        return refuse("setconf <interface> <configuration filename>")
    change = _read(arguments[1])
    return 1 if change is None else _apply(arguments[0], ini.replacing(change))


def run_addconf(arguments: list[str]) -> int:
    """Change what the file names, and nothing else."""
    if len(arguments) != 2:
        return refuse("addconf <interface> <configuration filename>")
    change = _read(arguments[1])
    return 1 if change is None else _apply(arguments[0], change)


def run_syncconf(arguments: list[str]) -> int:
    """Make the interface what the file says, and leave alone the peers that it already has."""
    if len(arguments) != 2:
        return refuse("syncconf <interface> <configuration filename>")
    change = _read(arguments[1])
    if change is None:
        return 1
    change = ini.replacing(change)
    if change.peers:
        try:
            change = synchronizing(change, interfaces.ask(arguments[0]))
        except OSError as bad:
            why = bad.strerror or bad
            return complain(f"Unable to retrieve current interface configuration: {why}")
    return _apply(arguments[0], change)


def _read(path: str) -> Change | None:
    """Return what a file says, None if that was complained of."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="\n") as file:
            text = file.read()
    except OSError as bad:
        complain(f"fopen: {bad.strerror}")
        return None
    try:
        return ini.parse(text, resolve=lookup.resolve, warn=_warn)
    except IniError as bad:
        complain("\n".join(bad.lines))
        return None


def _apply(name: str, change: Change) -> int:
    try:
        interfaces.apply(name, change)
    except OSError as bad:
        return complain(f"Unable to modify interface: {bad.strerror or bad}")
    return 0


def _warn(line: str) -> None:
    print(line, file=sys.stderr)
