"""The configuration files of this machine: where they are, and their text."""

import os
import sys
from pathlib import Path
from typing import Final

from wiresnake.config.quick import NAME

DIRECTORY: Final = "/etc/wireguard"
LARGEST: Final = 64 << 20
"""Bytes: more than any configuration, and less than what a wrong file could cost."""


class Unreadable(Exception):
    """A file cannot be read or written; the text is one line that says which and why."""


def locate(word: str) -> Path:
    """Return the file that ``word`` means: a path, or NAME for /etc/wireguard/NAME.conf."""
    if NAME.fullmatch(word) and not word.endswith(".conf") and not Path(word).is_file():
        return Path(DIRECTORY, f"{word}.conf")
    return Path(word)


def text_of(path: Path) -> str:
    """Return the text of a configuration; "-" is standard input. Raises Unreadable."""
    try:
        if str(path) == "-":
            raw = sys.stdin.buffer.read(LARGEST + 1)
        else:
            with path.open("rb") as file:
                raw = file.read(LARGEST + 1)
    except OSError as error:
        raise Unreadable(f"{path}: {error.strerror}") from None
    if len(raw) > LARGEST:
        raise Unreadable(f"{path} is no configuration: it is larger than {LARGEST >> 20} MiB")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise Unreadable(f"{path} is no configuration: it is not text") from None


def is_interface_name(name: str) -> bool:
    """Whether an interface, and so a configuration file, may be called that."""
    return bool(NAME.fullmatch(name)) and name not in {os.curdir, os.pardir}
