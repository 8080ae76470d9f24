"""``wiresnake``: a table of commands, each loaded only when it is asked for."""

import os
import sys
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from typing import Final, NamedTuple

from wiresnake import __version__
from wiresnake.cli.program import called_as, complain


class Command(NamedTuple):
    """Where a command lives, ``run(arguments) -> exit status`` under ``function``, and its use."""

    module: str
    function: str
    summary: str


COMMANDS: Final = {
    "show": Command("show", "run", "Show what is configured on the interfaces and how they fare"),
    "showconf": Command("showconf", "run", "Write an interface's configuration, for setconf"),
    "set": Command("configure", "run_set", "Change an interface, add peers, change or remove them"),
    "setconf": Command(
        "configure", "run_setconf", "Make an interface what a configuration file says"
    ),
    "addconf": Command(
        "configure", "run_addconf", "Add to an interface what a configuration file says"
    ),
    "syncconf": Command(
        "configure", "run_syncconf", "Like setconf, but sessions of peers that stay live on"
    ),
    "genkey": Command("keys", "run_genkey", "Write a new private key to standard output"),
    "genpsk": Command("keys", "run_genpsk", "Write a new preshared key to standard output"),
    "pubkey": Command(
        "keys", "run_pubkey", "Turn a private key on standard input into its public key"
    ),
    "up": Command("quick.commands", "run_up", "Bring an interface up as a configuration file says"),
    "down": Command("quick.commands", "run_down", "Take it down, and undo all that `up' did"),
    "save": Command("quick.commands", "run_save", "Write to the file how its interface is now"),
    "strip": Command("quick.commands", "run_strip", "Print what of a file is for `wg setconf'"),
    "top": Command("top", "run", "Show how the interfaces and their peers live, as they do"),
    "log": Command("log", "run", "Tell what happens to an interface, as it happens"),
    "doctor": Command("doctor", "run", "Find what is wrong with a tunnel, and say what to do"),
    "new": Command("new", "run", "Make the configurations of a server and its clients"),
    "qr": Command("qr", "run", "Draw a configuration as a QR code for a phone"),
    "completion": Command("completion", "run", "Write what makes a shell complete these words"),
    "install-units": Command("install_units", "run", "Write the units that systemd needs"),
    "demo": Command("demo", "run", "Join two hosts on this machine by a tunnel, and watch it work"),
}


_OF_WG: Final = (
    "show", "showconf", "set", "setconf", "addconf", "syncconf", "genkey", "genpsk", "pubkey",
)  # fmt: skip


def usage(commands: Mapping[str, Command] = COMMANDS) -> str:
    """Return the text of ``--help``."""
    lines = [f"  {name}: {command.summary}" for name, command in commands.items()]
    return "\n".join(
        [f"Usage: {called_as()} <cmd> [<args>]", "", "Available subcommands:", *lines,
         "You may pass `--help' to any of these subcommands to view usage."]
    )  # fmt: skip


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit status; no argument means ``show``."""
    try:
        run = PROGRAMS.get(called_as(), PROGRAMS["wiresnake"])
        status = run(sys.argv[1:] if argv is None else argv)
        sys.stdout.flush()
    except BrokenPipeError:
        _drop_output()  # the reader, say `head`, has what it wanted
        return 1
    except OSError as bad:  # commands tell their own failures: this one is of the output
        _drop_output()
        return complain(f"{called_as()}: {bad.strerror or bad}")
    except KeyboardInterrupt:
        return 130
    return status


def _drop_output() -> None:
    """Let nothing more be written, for nobody takes what is still buffered."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(commands: Mapping[str, Command], arguments: list[str]) -> int:
    if arguments in (["-v"], ["--version"], ["version"]):
        print(f"wiresnake v{__version__}")
        return 0
    if arguments in (["-h"], ["--help"], ["help"]):
        print(usage(commands))
        return 0
    name = arguments[0] if arguments else "show"
    if name not in commands:
        return complain(f"Invalid subcommand: `{name}'\n{usage(commands)}")
    command = commands[name]
    run = getattr(import_module(f"wiresnake.cli.{command.module}"), command.function)
    status: int = run(arguments[1:])
    return status


def _run_wg_quick(arguments: list[str]) -> int:
    from wiresnake.cli.quick.commands import run_as_wg_quick

    return run_as_wg_quick(arguments)


PROGRAMS: Final[dict[str, Callable[[list[str]], int]]] = {
    "wiresnake": partial(_run, COMMANDS),
    "wg-quick": _run_wg_quick,
    "wg": partial(_run, {name: COMMANDS[name] for name in _OF_WG}),
}
"""What each name does by which this program is called."""


if __name__ == "__main__":
    sys.exit(main())
