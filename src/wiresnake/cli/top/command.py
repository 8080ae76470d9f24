"""``top``: what it is told, and the loop that reads, draws and listens for keys."""

import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.live import Live

from wiresnake.cli import control, daemons
from wiresnake.cli.top.history import History, Reading
from wiresnake.cli.top.terminal import Keyboard
from wiresnake.cli.top.view import Shown, frame
from wiresnake.config.names import friendly_names
from wiresnake.config.reply import Report
from wiresnake.values.keys import PublicKey

USAGE: Final = "Usage: wiresnake top [--once] [--interval <seconds>] [<interface> ...]"

_CONFIGURATIONS: Final = Path("/etc/wireguard")
_MAX_STAMPS: Final = 256
"""Peers of which the control socket tells at once."""
_SHORTEST, _LONGEST = 0.1, 3600.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """One call of the command. No interfaces means all there are, as they come and go."""

    interfaces: tuple[str, ...]
    once: bool
    interval: float


def run(arguments: list[str]) -> int:
    """Show how interfaces live, until q or Ctrl-C, or once."""
    if arguments in (["-h"], ["--help"], ["help"]):
        print(USAGE)
        return 0
    try:
        wanted = _read(arguments)
    except ValueError:
        print(USAGE, file=sys.stderr)
        return 1
    watch = Watch(wanted.interfaces)
    shown = watch.look()
    lacking = [each for each in shown if each.reading is None]
    if lacking and len(lacking) == len(shown):
        for each in lacking:
            print(f"Unable to access interface {each.interface}: {each.trouble}", file=sys.stderr)
        return 1
    console = Console(highlight=False)
    if wanted.once or not console.is_terminal:
        time.sleep(wanted.interval)  # a rate is of some time
        console.print(frame(console, watch.look(), ""))
        return 0
    with suppress(EOFError):
        _live(console, watch, wanted.interval)
    return 0


def _read(arguments: Sequence[str]) -> Wanted:
    """Read the command line. Raises ValueError."""
    names: list[str] = []
    once, interval = False, 1.0
    words = iter(arguments)
    for word in words:
        if word == "--once":
            once = True
        elif word == "--interval":
            interval = float(next(words, ""))
            if not _SHORTEST <= interval <= _LONGEST:
                raise ValueError("no such interval")
        elif word.startswith("-"):
            raise ValueError(word)
        else:
            names.append(word)
    return Wanted(tuple(dict.fromkeys(names)), once, interval)


def _live(console: Console, watch: "Watch", interval: float) -> None:
    keyboard = Keyboard()
    footer = f"every {interval:g} s, q ends"
    with (
        keyboard.unseen(),
        Live(console=console, screen=True, auto_refresh=False, redirect_stderr=False) as live,
    ):
        due = time.monotonic()
        while True:
            live.update(frame(console, watch.look(), footer), refresh=True)
            due = max(due + interval, time.monotonic())
            while (patience := due - time.monotonic()) > 0:
                if keyboard.pressed(patience) in {"q", "Q", "\x1b"}:
                    return


class Watch:
    """Reads interfaces again and again, and remembers."""

    def __init__(self, interfaces: Sequence[str]) -> None:
        self._interfaces = interfaces
        self._histories: dict[str, History] = {}
        self._names: dict[str, dict[PublicKey, str]] = {}

    def look(self) -> list[Shown]:
        """Read all interfaces once, each with what was remembered of it."""
        try:
            interfaces = self._interfaces or sorted(daemons.names())
        except OSError as bad:
            return [Shown("all", History(), None, {}, bad.strerror or str(bad))]
        self._histories = {name: self._histories.get(name) or History() for name in interfaces}
        return [self._look_at(name) for name in interfaces]

    def _look_at(self, interface: str) -> Shown:
        history = self._histories[interface]
        names = self._names_for(interface)
        try:
            report = daemons.ask(interface)
        except OSError as bad:
            return Shown(interface, history, None, names, bad.strerror or str(bad))
        if report.private_key is not None:
            report.private_key.wipe()  # nobody wants to see it
        reading = Reading(time.monotonic(), time.time(), report, _statistics(interface, report))
        history.note(reading)
        return Shown(interface, history, reading, names)

    def _names_for(self, interface: str) -> dict[PublicKey, str]:
        if interface not in self._names:
            try:
                text = (_CONFIGURATIONS / f"{interface}.conf").read_text(encoding="utf-8")
            except (OSError, ValueError):
                text = ""  # there is none for us to read: keys have to do
            self._names[interface] = friendly_names(text)
        return self._names[interface]


def _statistics(interface: str, report: Report) -> dict[str, Any]:
    """Return what the control socket says; nothing where there is none (any more)."""
    peers = sorted(report.peers, key=lambda each: -each.last_handshake_ns)[:_MAX_STAMPS]
    request = {"ask": "statistics", "peers": [str(each.public_key) for each in peers]}
    try:
        return control.ask(interface, request)
    except (OSError, control.Refused):
        return {}
