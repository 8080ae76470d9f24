"""``log``: what happens to a tunnel, as it happens; and the key log that Wireshark reads."""

import json
import os
import re
import stat
import sys
import time
from contextlib import ExitStack, closing
from errno import EPERM
from typing import IO, Any, Final

from wiresnake.cli import control

USAGE: Final = "Usage: wiresnake log <interface> [--json] [--keylog <file>]"

_LINES: Final = {
    "initiation": "calling",
    "handshake": "handshake completed as {role}, at {endpoint}",
    "gave_up": "no answer, giving up until there is something to send",
    "endpoint": "endpoint {endpoint}, was {before}",
    "resolved": "{name} leads to {endpoint}: trying there",
    "unresolved": "{name} cannot be looked up: {why}",
    "ended": "ended: {why}",
}
_UNPRINTABLE: Final = re.compile(r"[^ -~]")


def run(arguments: list[str]) -> int:
    """Follow one interface until it ends, or the reader does."""
    if arguments in (["-h"], ["--help"], ["help"]):
        print(USAGE)
        return 0
    try:
        interface, as_json, keylog = _read(arguments)
    except ValueError:
        print(USAGE, file=sys.stderr)
        return 1
    try:
        _follow(interface, as_json, keylog)
    except control.Refused as refused:
        return _fail(interface, str(refused))
    except BrokenPipeError:
        raise
    except OSError as bad:
        return _fail(bad.filename or interface, control.reason(bad))
    return 0


def _read(arguments: list[str]) -> tuple[str, bool, str | None]:
    """Return interface, whether JSON is wanted, and the file of the key log. Raises ValueError."""
    as_json, keylog, names = False, None, []
    words = iter(arguments)
    for word in words:
        if word == "--json":
            as_json = True
        elif word == "--keylog":
            keylog = next(words, None)
            if not keylog:
                raise ValueError("a key log needs a file")
        elif word.startswith("-"):
            raise ValueError(word)
        else:
            names.append(word)
    [interface] = names
    return interface, as_json, keylog


def _open_private(path: str) -> IO[str]:
    """Open a file that is this user's alone for appending. Raises OSError."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    sink = open(  # noqa: SIM115  # the caller's
        os.open(path, flags, 0o600), "a", encoding="ascii", buffering=1
    )
    found = os.fstat(sink.fileno())
    if stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid():
        os.fchmod(sink.fileno(), 0o600)
        return sink
    sink.close()
    raise OSError(EPERM, "is not a file of this user", path)


def _follow(interface: str, as_json: bool, keylog: str | None) -> None:
    request = {"ask": "events", "keylog": keylog is not None}
    with ExitStack() as undo:
        lines = undo.enter_context(closing(control.stream(interface, request)))
        # Not before the daemon has agreed, so that a refusal leaves no empty file.
        sink = None if keylog is None else undo.enter_context(_open_private(keylog))
        for line in lines:
            if "lines" in line:
                if sink is not None:
                    sink.write("".join(f"{each}\n" for each in line["lines"]))
            elif as_json:
                print(json.dumps(line), flush=True)
            else:
                print(readable(line), flush=True)


def readable(line: dict[str, Any]) -> str:
    """Return what one event says to people; an event that is not known is shown as it is."""
    at = float(line.get("at", 0))
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at)) + f".{int(at * 1000) % 1000:03}"
    kind = line.get("event")
    if kind == "link":
        what = _link(line)
    elif kind in _LINES:
        what = _LINES[kind].format_map(_Known(line))
    else:
        what = json.dumps(line)
    peer = f"peer {line['peer']}: " if "peer" in line and kind in _LINES else ""
    return _UNPRINTABLE.sub("?", f"{when} {peer}{what}")


class _Known(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "?"

    def __getitem__(self, key: str) -> object:
        value = super().__getitem__(key)
        return "an unknown endpoint" if value is None else value


def _link(line: dict[str, Any]) -> str:
    if not line.get("up"):
        return "interface down"
    port = line.get("port")
    return f"interface up, UDP port {port}" if port else "interface up, without a UDP port"


def _fail(what: str, why: str) -> int:
    print(f"wiresnake: {what}: {why}", file=sys.stderr)
    return 1
