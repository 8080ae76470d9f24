"""The outline of a configuration file: which line says what, with nothing judged.

For what must keep a file's comments and order: the meaning of values is for others.
"""

from collections.abc import Iterator
from typing import NamedTuple


class Entry(NamedTuple):
    """One line that says ``key = value`` in the section number ``section``, from 0 in the order
    of their headings; ``kind`` and ``key`` are in lower case, ``value`` is as it was written.

    ``line`` counts from 1. Lines before the first heading belong to section -1, of kind "".
    """

    line: int
    section: int
    kind: str
    key: str
    value: str


_HOOKS = frozenset({"preup", "postup", "predown", "postdown"})
"""Keys whose value may hold a `#` that begins no comment."""


def entries(text: str) -> Iterator[Entry]:
    """Yield what each line of the file says; a line that is no ``key = value`` has an empty value.

    Comments, blank lines and the headings themselves are passed over.
    """
    section, kind = -1, ""
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.partition("#")[0].strip()
        if line.startswith("[") and line.endswith("]"):
            section, kind = section + 1, "".join(line[1:-1].split()).lower()
        elif line:
            key, _, value = line.partition("=")
            key = "".join(key.split()).lower()
            if key in _HOOKS:
                value = raw.partition("=")[2]
            yield Entry(number, section, kind, key, value.strip())


def comments(text: str) -> Iterator[tuple[int, str]]:
    """Yield the number and the words of each line that is nothing but a comment."""
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.strip()
        if line.startswith("#"):
            yield number, line.lstrip("#").strip()
