"""``wiresnake``: a table of commands, each loaded only when it is asked for."""

import os
import sys
from importlib import import_module
from typing import Final, NamedTuple

from wiresnake import __version__


class Command(NamedTuple):
    """Where a command lives, ``run(arguments) -> exit status`` under ``function``, and its use."""

    module: str
    function: str
    summary: str


COMMANDS: Final = {
    "show": Command("show", "run", "Show what is configured on the interfaces and how they fare"),
    "genkey": Command("keys", "run_genkey", "Write a new private key to standard output"),
    "genpsk": Command("keys", "run_genpsk", "Write a new preshared key to standard output"),
    "pubkey": Command(
        "keys", "run_pubkey", "Turn a private key on standard input into its public key"
    ),
    "up": Command("quick.commands", "run_up", "Bring an interface up as a configuration file says"),
    "down": Command("quick.commands", "run_down", "Take it down, and undo all that `up' did"),
    "save": Command("quick.commands", "run_save", "Write to the file how its interface is now"),
    "strip": Command("quick.commands", "run_strip", "Print what of a file is for `wg setconf'"),
    "demo": Command("demo", "run", "Join two hosts on this machine by a tunnel, and watch it work"),
}


def usage() -> str:
    """Return the text of ``--help``."""
    lines = [f"  {name}: {command.summary}" for name, command in COMMANDS.items()]
    return "\n".join(
        ["Usage: wiresnake <cmd> [<args>]", "", "Available subcommands:", *lines,
         "You may pass `--help' to any of these subcommands to view usage."]
    )  # fmt: skip


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit status; no argument means ``show``."""
    try:
        arguments = sys.argv[1:] if argv is None else argv
        # A link of that name makes this program the other one.
        called = os.path.basename(sys.argv[0])  # noqa: PTH119  # pathlib is slow to load
        status = _run_wg_quick(arguments) if called == "wg-quick" else _run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader, say `head`, has what it wanted, and nobody takes what is still buffered.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130
    return status


def _run(arguments: list[str]) -> int:
    if arguments in (["-v"], ["--version"], ["version"]):
        print(f"wiresnake v{__version__}")
        return 0
    if arguments in (["-h"], ["--help"], ["help"]):
        print(usage())
        return 0
    name = arguments[0] if arguments else "show"
    if name not in COMMANDS:
        print(f"Invalid subcommand: `{name}'", usage(), sep="\n", file=sys.stderr)
        return 1
    command = COMMANDS[name]
    run = getattr(import_module(f"wiresnake.cli.{command.module}"), command.function)
    status: int = run(arguments[1:])
    return status


def _run_wg_quick(arguments: list[str]) -> int:
    from wiresnake.cli.quick.commands import run_as_wg_quick

    return run_as_wg_quick(arguments)


if __name__ == "__main__":
    sys.exit(main())
