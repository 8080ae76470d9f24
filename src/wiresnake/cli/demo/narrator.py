"""The voice of the demo: steps, facts and findings, in colour on a terminal."""

import io
import os
import sys
import time
from typing import TextIO

_RESET = "\x1b[0m"
_BOLD = "\x1b[1m"
_DIM = "\x1b[2m"
_GREEN = "\x1b[32m"
_RED = "\x1b[31m"
_CYAN = "\x1b[36m"


class Narrator:
    """Says what happens. ``colour`` None asks the terminal, and NO_COLOR."""

    def __init__(self, out: TextIO, *, colour: bool | None = None) -> None:
        self._out = out
        self._began = time.monotonic()
        self._steps = 0
        asked = out.isatty() and not os.environ.get("NO_COLOR")
        self._colour = asked if colour is None else colour

    @property
    def seconds(self) -> float:
        """Seconds since the story began."""
        return time.monotonic() - self._began

    def step(self, what: str) -> None:
        """Begin the next step."""
        self._steps += 1
        self._say(f"\n{self._in(_BOLD + _CYAN, f'{self._steps}. {what}')}")

    def fact(self, what: str) -> None:
        """Say what is being done, or is so."""
        self._say(f"   {what}")

    def quote(self, text: str) -> None:
        """Show what a program printed, or what a file holds."""
        for line in text.rstrip("\n").split("\n"):
            self._say(f"     {self._in(_DIM, line) if not line.startswith(chr(27)) else line}")

    def good(self, what: str) -> None:
        """Say what was hoped for and has come true."""
        self._say(f"   {self._in(_GREEN, '✓')} {what}")

    def end(self, what: str) -> None:
        """Say the last word."""
        self._say(f"\n{self._in(_BOLD + _GREEN, what)}")

    def bad(self, what: str) -> None:
        """Say what went wrong."""
        self._say(f"\n{self._in(_BOLD + _RED, 'The demo failed:')} {what}")

    def _in(self, colour: str, text: str) -> str:
        return f"{colour}{text}{_RESET}" if self._colour else text

    def _say(self, line: str) -> None:
        print(line, file=self._out, flush=True)

    @property
    def colour(self) -> bool:
        """Whether colours are shown."""
        return self._colour


def on_standard_output() -> Narrator:
    """Return a narrator for whoever started the program."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal may not know the sign for "good"
    return Narrator(sys.stdout)
