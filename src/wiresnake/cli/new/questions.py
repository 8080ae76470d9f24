"""Questions on a terminal, asked again until the answer is understood."""

import sys
from collections.abc import Callable
from typing import TypeVar

_Answer = TypeVar("_Answer")


class NobodyAnswers(Exception):
    """The input ended before the answer."""


def ask(question: str, understood: Callable[[str], _Answer], default: str = "") -> _Answer:
    """Return what ``understood`` makes of the answer; no answer means ``default``.

    ``understood`` raises ValueError, whose text is shown. Raises NobodyAnswers.
    """
    hint = f" [{default}]" if default else ""
    while True:
        print(f"{question}{hint}: ", end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline()
        if not line:
            print(file=sys.stderr)
            raise NobodyAnswers("the input ended before all was answered")
        try:
            return understood(line.strip() or default)
        except ValueError as bad:
            print(f"  {bad}", file=sys.stderr)


def yes_or_no(answer: str) -> bool:
    """Understand an answer to a question of yes or no. Raises ValueError."""
    if answer.lower() not in {"y", "yes", "n", "no"}:
        raise ValueError("yes or no?")
    return answer.lower().startswith("y")
