"""``install-units``: the units by which systemd serves tunnels, ``wiresnake@NAME.service``."""

import sys
from pathlib import Path
from typing import Final

from wiresnake.cli import grammar
from wiresnake.cli.grammars import INSTALL_UNITS

UNITS: Final = ("wiresnake@.service", "wiresnake.target")
DIRECTORY: Final = "/etc/systemd/system"

_TEMPLATES: Final = Path(__file__).with_name("units")
_OURS: Final = "# Written by `wiresnake install-units`"
_MODE: Final = 0o644


class _Refused(Exception):
    """A unit cannot be written; the text is one line that says why."""


def run(arguments: list[str]) -> int:
    """Write the units, for the programs that were installed with this command."""
    if arguments in grammar.HELP:
        print(grammar.usage("install-units", INSTALL_UNITS))
        return 0
    try:
        words = grammar.read(INSTALL_UNITS, arguments)
        directory = Path(words.one("--dir") or DIRECTORY)
        programs = _programs()
        for name in UNITS:
            _refuse_if_foreign(directory / name)
        for name in UNITS:
            _write(directory / name, (_TEMPLATES / name).read_text().replace("@BIN@", programs))
            print(directory / name)
    except (grammar.UsageError, _Refused) as bad:
        print(f"wiresnake install-units: {bad}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"wiresnake install-units: {error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    print("Then: systemctl daemon-reload; systemctl enable --now wiresnake@NAME")
    return 0


def _programs() -> str:
    """Return the directory of `wiresnake` and `wiresnaked`. Raises _Refused."""
    directory = Path(sys.executable).parent
    if not all((directory / each).is_file() for each in ("wiresnake", "wiresnaked")):
        raise _Refused(
            f"wiresnake and wiresnaked are not in {directory}, so units cannot call them"
        )
    if any(each in str(directory) for each in " \t\"'\\%$"):
        raise _Refused(f"{directory} has characters that mean something to systemd")
    return str(directory)


def _refuse_if_foreign(path: Path) -> None:
    if path.exists() and not path.read_text(errors="replace").startswith(_OURS):
        raise _Refused(f"{path} exists and is not of this command; move it away first")


def _write(path: Path, text: str) -> None:
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(text)
    beside.chmod(_MODE)
    beside.rename(path)
