"""What a daemon is told when it is started: its arguments and its environment."""

import argparse
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NoReturn

from wiresnake import __version__

LOG_LEVELS: Final = ("verbose", "debug", "error", "silent")
PLANES: Final = ("auto", "portable", "native")
_NAME: Final = re.compile(r"[a-zA-Z0-9_=+.-]{1,15}")


class CannotStart(Exception):
    """The daemon cannot begin to serve; the text is one line for the person who started it."""


@dataclass(frozen=True, slots=True)
class Options:
    """One start of the daemon.

    ``log_level`` is None unless it was named. ``tun_fd`` and ``uapi_fd`` are descriptors that
    were handed in: an open TUN device, a listening stream socket.
    """

    name: str
    foreground: bool
    plane: str
    keep_privileges: bool
    allow_keylog: bool
    log_level: str | None
    tun_fd: int | None
    uapi_fd: int | None


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise CannotStart(message)


def read_options(arguments: Sequence[str], environment: Mapping[str, str]) -> Options:
    """Read the command line and the variables that a daemon knows.

    ``--help`` and ``--version`` print and raise SystemExit. Raises CannotStart.
    """
    asked = _parser().parse_args(arguments)
    plane = asked.plane or environment.get("WIRESNAKE_PLANE") or "auto"
    if plane not in PLANES:
        raise CannotStart(f"no data plane is called `{plane}'; there are {', '.join(PLANES)}")
    level = environment.get("LOG_LEVEL")
    if level is not None and level not in LOG_LEVELS:
        level = "error"
    return Options(
        name=checked_name(asked.interface),
        foreground=asked.foreground or environment.get("WG_PROCESS_FOREGROUND") == "1",
        plane=plane,
        keep_privileges=asked.keep_privileges,
        allow_keylog=asked.allow_keylog,
        log_level=level,
        tun_fd=_descriptor(environment, "WG_TUN_FD"),
        uapi_fd=_descriptor(environment, "WG_UAPI_FD"),
    )


def checked_name(name: str) -> str:
    """Return ``name`` if an interface may have it. Raises CannotStart."""
    if not _NAME.fullmatch(name) or name in {".", ".."}:
        raise CannotStart(f"{name!r} cannot be the name of an interface")
    return name


def _descriptor(environment: Mapping[str, str], variable: str) -> int | None:
    text = environment.get(variable)
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise CannotStart(f"{variable} is not the number of a descriptor: `{text}'")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="wiresnaked",
        description="Serve one WireGuard interface.",
        epilog="In the environment: LOG_LEVEL=verbose|debug|error|silent, WIRESNAKE_PLANE,"
        " WG_PROCESS_FOREGROUND=1, WG_TUN_FD and WG_UAPI_FD (descriptors that are handed in).",
        allow_abbrev=False,
    )
    parser.add_argument("interface", help="the name of the interface to create")
    parser.add_argument(
        "-f", "--foreground", action="store_true", help="stay here instead of in the background"
    )
    parser.add_argument("--plane", choices=PLANES, help="the data plane (auto)")
    parser.add_argument(
        "--keep-privileges",
        action="store_true",
        help="do not give up capabilities that are needed no longer",
    )
    parser.add_argument(
        "--allow-keylog",
        action="store_true",
        help="let `wiresnake log --keylog' have the secrets of handshakes",
    )
    parser.add_argument("--version", action="version", version=f"wiresnaked {__version__}")
    return parser
