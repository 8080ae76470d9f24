"""What this program is called, for its messages and usage lines."""

import os
import sys


def called_as() -> str:
    """Return the name of the link by which it was called: ``wg``..., else ``wiresnake``."""
    name = os.path.basename(sys.argv[0])  # noqa: PTH119  # pathlib is slow to load
    return name if name.startswith("wg") else "wiresnake"


def complain(line: str) -> int:
    """Write one line on standard error; return the exit status of a failure."""
    print(line, file=sys.stderr)
    return 1


def refuse(usage: str) -> int:
    """Write how a command is used on standard error; return the exit status of a failure.

    ``usage`` begins with the command's name.
    """
    return complain(f"Usage: {called_as()} {usage}")
