"""What `up` and `down` say, all of it on standard error, and the failures they end with."""

import os
import sys


class Failed(Exception):
    """It cannot be done; the text is one line that says what, where and what to do."""


def program() -> str:
    """Return the name that messages begin with: ``wg-quick`` for whoever called it that."""
    called = os.path.basename(sys.argv[0])  # noqa: PTH119  # a name, not a path
    return "wg-quick" if called == "wg-quick" else "wiresnake"


def step(words: str) -> None:
    """Say what is done next."""
    _say(f"[#] {words}")


def warn(line: str) -> None:
    """Say what the user should know, though it goes on."""
    _say(f"Warning: {line}")


def complain(line: str) -> None:
    """Say what failed."""
    _say(f"{program()}: {line}")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
