"""The file that a command is about: found by name or path, read once, and judged by its owner."""

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wiresnake.cli.quick import voice
from wiresnake.cli.quick.voice import Failed
from wiresnake.config.quick import NAME

DIRECTORY: Final = "/etc/wireguard"
_FILE: Final = re.compile(rf"(?:^|/)({NAME.pattern})\.conf$")
_LARGEST: Final = 64 << 20
_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True, slots=True)
class Source:
    """A configuration file: the interface it names, where it is, and its text.

    ``distrusted`` says why its hooks are not to be run; "" if nothing is against it.
    """

    interface: str
    path: Path
    text: str
    distrusted: str


def place(word: str) -> tuple[str, Path]:
    """Return the interface and the file that ``word``, a name or a path, means.

    Raises Failed if no interface can be called so.
    """
    if NAME.fullmatch(word) and not (word.endswith(".conf") and Path(word).is_file()):
        path = Path(DIRECTORY, f"{word}.conf")
    else:
        path = Path(word)
    named = _FILE.search(str(path))
    if not path.exists():
        raise Failed(f"`{path}' does not exist")
    if named is None or named[1] in {".", ".."}:
        raise Failed("The config file must be a valid interface name, followed by .conf")
    return named[1], path.resolve().parent / path.name


def interface_of(word: str) -> str:
    """Return the interface that ``word`` means, whether or not its file exists; "" if none."""
    named = _FILE.search(word)
    name = named[1] if named else word
    return name if NAME.fullmatch(name) and name not in {".", ".."} else ""


def read(word: str) -> Source:
    """Read the file that ``word``, a name or a path, means; warn if the world may. Raises Failed.

    What is judged is what was read: the descriptor, not the name.
    """
    interface, path = place(word)
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            raw = file.read(_LARGEST)
        directory = path.parent.stat()
    except OSError as error:
        raise Failed(f"{path}: {error.strerror}") from None
    if status.st_mode & directory.st_mode & stat.S_IRWXO:
        voice.warn(f"`{path}' is world accessible")
    text = raw.replace(b"\0", b"").decode(errors="surrogateescape")
    return Source(interface, path, text, _distrust(path, status))


def _distrust(path: Path, status: os.stat_result) -> str:
    """Return why somebody else could have put hooks there; "" if nobody could."""
    if _is_of_others(status):
        return f"others than you can write {path}"
    # A link leads where its target's directories let it, and its own.
    for directory in dict.fromkeys([*path.parents, *path.resolve().parents]):
        status = directory.stat()
        # In a directory like /tmp nobody can put a file in the place of another's.
        sticky = status.st_mode & stat.S_ISVTX and directory != path.parent
        if _is_of_others(status, ignore_mode=bool(sticky)):
            return f"others than you can write in {directory}"
    return ""


def _is_of_others(status: os.stat_result, *, ignore_mode: bool = False) -> bool:
    if status.st_uid not in {0, os.geteuid()}:
        return True
    return bool(not ignore_mode and status.st_mode & _OTHERS_WRITE)
