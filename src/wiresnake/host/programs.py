"""Programs of this machine, run to their end with an argument list and never a shell."""

import os
import shutil
import subprocess
from collections.abc import Sequence


class ProgramFailed(Exception):
    """A program could not be run or failed; the text is one line: its name, and what it said."""


def is_here(program: str) -> bool:
    """Whether the program is installed."""
    return shutil.which(program) is not None


def run(argv: Sequence[str], text: str = "") -> str:
    """Run a program with ``text`` as its input; return what it printed.

    It speaks no language but C's. Raises ProgramFailed.
    """
    try:
        done = subprocess.run(
            argv, input=text, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"}
        )
    except OSError as error:
        raise ProgramFailed(f"{argv[0]}: {error.strerror}") from None
    if done.returncode:
        said = done.stderr.strip().split("\n")[0] or f"ended with status {done.returncode}"
        raise ProgramFailed(f"{argv[0]}: {said}")
    return done.stdout
