"""What `up` and `down` say, all of it on standard error, and the failures they end with."""

import sys

from wiresnake.cli.program import called_as


class Failed(Exception):
    """It cannot be done; the text is one line that says what, where and what to do."""


def step(words: str) -> None:
    """Say what is done next."""
    _say(f"[#] {words}")


def warn(line: str) -> None:
    """Say what the user should know, though it goes on."""
    _say(f"Warning: {line}")


def complain(line: str) -> None:
    """Say what failed."""
    _say(f"{called_as()}: {line}")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
