"""The outline of a configuration file: which line says what, with nothing judged.

For what must keep a file's comments and order: the meaning of values is for others.
"""

from collections.abc import Iterator
from typing import NamedTuple

from wiresnake.config.quick import lines_of


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


def entries(text: str) -> Iterator[Entry]:
    """Yield what each line of the file says; a line that is no ``key = value`` has an empty value.

    Comments, blank lines and the headings themselves are passed over.
    """
    section = -1
    for number, line in enumerate(lines_of(text), 1):
        if line.is_heading:
            section += 1
        elif line.key or line.value:
            kind, key = ("".join(words.split()) for words in (line.section, line.key))
            yield Entry(number, section, kind, key, line.value)


def comments(text: str) -> Iterator[str]:
    """Yield the words of each line that is nothing but a comment."""
    for raw in text.split("\n"):
        line = raw.strip()
        if line.startswith("#"):
            yield line.lstrip("#").strip()
