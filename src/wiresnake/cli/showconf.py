"""``showconf``: an interface as a configuration file, its secrets in it."""

import sys

from wiresnake.cli import interfaces
from wiresnake.cli.program import complain, refuse
from wiresnake.config.ini import format_config


def run(arguments: list[str]) -> int:
    """Write the configuration of one interface, for ``setconf``."""
    if len(arguments) != 1:
        return refuse("showconf <interface>")
    try:
        report = interfaces.ask(arguments[0])
    except OSError as bad:
        return complain(f"Unable to access interface: {bad.strerror or bad}")
    sys.stdout.write(format_config(report))
    return 0
