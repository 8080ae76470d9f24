"""The words that a command takes: it reads them by this, and shells complete them by it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

INTERFACE: Final = "<interface>"
CONFIG: Final = "<config>"
FILE: Final = "<file>"
DIRECTORY: Final = "<directory>"
"""Places in a list of possible words that stand for what the machine has at the moment."""

HELP: Final = (["-h"], ["--help"], ["help"])


class UsageError(ValueError):
    """The words are not what the command takes; the text is one line for people."""


class Option(NamedTuple):
    """``name VALUE``, or a flag if ``value`` is empty; ``words`` are what the value may be."""

    name: str
    summary: str
    value: str = ""
    words: tuple[str, ...] = ()
    repeats: bool = False


class Grammar(NamedTuple):
    """What follows a command.

    ``operands`` lists the words that each operand may be, and ``rest`` those of all that come
    after; an empty tuple means that nothing is known of them. ``synopsis`` names them for people.
    """

    synopsis: str
    operands: tuple[tuple[str, ...], ...] = ()
    rest: tuple[str, ...] = ()
    options: tuple[Option, ...] = ()


@dataclass(slots=True)
class Words:
    """The words of one call: operands in order, and what each option was given."""

    operands: list[str] = field(default_factory=list)
    values: dict[str, list[str]] = field(default_factory=dict)

    def has(self, option: str) -> bool:
        """Whether the option was named."""
        return option in self.values

    def all(self, option: str) -> list[str]:
        """Return all that the option was given, in order."""
        return self.values.get(option, [])

    def one(self, option: str) -> str | None:
        """Return what the option was given, None if it was not named."""
        return self.values.get(option, [None])[0]


def read(
    grammar: Grammar, arguments: Sequence[str], *, least: int = 0, most: int | None = None
) -> Words:
    """Sort the arguments into options and ``least`` to ``most`` operands; ``--`` ends options.

    ``most`` None stands for the number of operands of the grammar. Raises UsageError.
    """
    options = {option.name: option for option in grammar.options}
    words = Words()
    left = list(arguments)
    while left:
        word = left.pop(0)
        if word == "--":
            words.operands += left
            break
        if not word.startswith("-") or word == "-":
            words.operands.append(word)
            continue
        _read_option(options, word, left, words)
    most = len(grammar.operands) if most is None else most
    if not least <= len(words.operands) <= most:
        raise UsageError("an operand is missing" if len(words.operands) < least else
                         f"one operand too many: `{words.operands[most]}'")  # fmt: skip
    return words


def _read_option(options: Mapping[str, Option], word: str, left: list[str], words: Words) -> None:
    name, equals, value = word.partition("=")
    option = options.get(name)
    if option is None:
        raise UsageError(f"no option is called `{name}'")
    if option.value and not equals:
        if not left:
            raise UsageError(f"{name} needs a {option.value}")
        value = left.pop(0)
    elif equals and not option.value:
        raise UsageError(f"{name} takes no value")
    if option.name in words.values and not option.repeats:
        raise UsageError(f"{name} is given twice")
    words.values.setdefault(name, []).append(value)


def usage(name: str, grammar: Grammar) -> str:
    """Return what ``wiresnake NAME --help`` says."""
    lines = [f"Usage: wiresnake {name} {grammar.synopsis}".rstrip()]
    width = max((len(_heading(option)) for option in grammar.options), default=0)
    lines += [f"  {_heading(option).ljust(width)}  {option.summary}" for option in grammar.options]
    return "\n".join(lines)


def _heading(option: Option) -> str:
    return f"{option.name} {option.value}".rstrip()
