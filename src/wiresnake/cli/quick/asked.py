"""The command line of `up`, `down`, `save` and `strip`, as `wiresnake` and as `wg-quick`."""

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Never

from wiresnake.cli.program import called_as
from wiresnake.cli.quick.voice import Failed
from wiresnake.config.steps import Backend

VERBS: Final = ("up", "down", "save", "strip")
_OPTIONS: Final = {
    "up": ("--no-hooks", "--kill-switch", "--backend", "--attach"),
    "down": ("--no-hooks", "--remains"),
}
_BACKENDS: Final[dict[str, Backend]] = {"daemon": "daemon", "kernel": "kernel"}
_HELP: Final = (["-h"], ["--help"], ["help"])
_PROGRAM: Final = "WG_QUICK_USERSPACE_IMPLEMENTATION"

USAGES: Final = {
    "up": "up [--no-hooks] [--kill-switch] [--backend daemon|kernel | --attach]"
    " <config file | interface>",
    "down": "down [--no-hooks] [--remains] <config file | interface>",
    "save": "save <config file | interface>",
    "strip": "strip <config file | interface>",
}
WG_QUICK_USAGE: Final = f"""\
Usage: wg-quick [ {" | ".join(VERBS)} ] [ CONFIG_FILE | INTERFACE ]

CONFIG_FILE is called as the interface, with `.conf' after it; INTERFACE stands
for /etc/wireguard/INTERFACE.conf. It is a file for `wg setconf' that may also
say, in its [Interface] section:

  Address                  an address, with the length of its prefix; any number
  DNS                      a name server, or a domain to search; any number
  MTU                      in bytes; else the least on the way to an endpoint, less 80
  Table                    the table for routes; off: none; auto, or nothing:
                           the main one, and one of its own for all addresses
  PreUp, PostUp, PreDown, PostDown
                           commands for bash, %i is the interface
  SaveConfig               true: what is so at `down' is saved to the file"""


@dataclass(frozen=True, slots=True)
class Asked:
    """One call: the verb, the file or interface it is about, and its options.

    ``program`` makes the interface where the kernel does not. ``attach``: it is there, and whoever
    serves it will end it. ``remains``: only what is left of it is to be undone.
    """

    verb: str
    about: str
    backend: Backend
    program: list[str]
    hooks: bool = True
    kill_switch: bool = False
    attach: bool = False
    remains: bool = False


class Misused(Exception):
    """The command line is wrong, or asks for help: ``status`` is that of the command."""

    def __init__(self, usage: str, status: int) -> None:
        super().__init__(usage)
        self.status = status


def read_wg_quick(arguments: list[str]) -> Asked:
    """Read the arguments of `wg-quick`. Raises Misused."""
    if arguments in _HELP:
        raise Misused(WG_QUICK_USAGE, 0)
    if len(arguments) != 2 or arguments[0] not in VERBS:
        raise Misused(WG_QUICK_USAGE, 1)
    other = os.environ.get(_PROGRAM)
    program = [other] if other else our_daemon()
    verb, about = arguments
    return Asked(verb, about, "either", program)


def read(verb: str, arguments: list[str]) -> Asked:
    """Read what follows ``wiresnake VERB``. Raises Misused."""
    usage = f"Usage: wiresnake {USAGES[verb]}"
    if arguments in _HELP:
        raise Misused(usage, 0)
    options: dict[str, str] = {}
    about = []
    words = iter(arguments)
    for word in words:
        name, equals, value = word.partition("=")
        if name in _OPTIONS.get(verb, ()):
            takes_value = name == "--backend"
            options[name] = value if equals or not takes_value else next(words, "")
            if bool(equals) > takes_value:
                raise Misused(usage, 1)
        elif word.startswith("-"):
            raise Misused(usage, 1)
        else:
            about.append(word)
    backend = options.get("--backend", "daemon")
    contradiction = "--attach" in options and "--backend" in options
    if len(about) != 1 or backend not in _BACKENDS or contradiction:
        raise Misused(usage, 1)
    return Asked(
        verb,
        about[0],
        _BACKENDS[backend],
        our_daemon(),
        hooks="--no-hooks" not in options,
        kill_switch="--kill-switch" in options,
        attach="--attach" in options,
        remains="--remains" in options,
    )


def our_daemon() -> list[str]:
    """Return how `wiresnaked` is started: the one that was installed with this command."""
    beside = Path(sys.executable).with_name("wiresnaked")
    if beside.is_file():
        return [str(beside)]
    # -P: what lies in the current directory is not to be taken for a part of it.
    return [sys.executable, "-P", "-m", "wiresnake.daemon.main"]


def become_root(arguments: list[str]) -> None:
    """See that this is root; `wg-quick` becomes it by `sudo`, if that is here. Raises Failed."""
    if os.geteuid() == 0:
        return
    if called_as() == "wg-quick" and (sudo := shutil.which("sudo")):
        _run_again(sudo, arguments)
    raise Failed(f"run this as root: sudo {called_as()} {' '.join(arguments)}")


def _run_again(sudo: str, arguments: list[str]) -> Never:
    prompt = "wg-quick needs root. Password of %u: "
    own = shutil.which(sys.argv[0]) or sys.argv[0]
    command = [sudo, "-p", prompt, "--", str(Path(own).absolute()), *arguments]
    os.execv(sudo, command)  # noqa: S606  # no shell is wanted
