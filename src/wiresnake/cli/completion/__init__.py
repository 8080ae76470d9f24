"""``completion``: a script by which a shell completes the words of `wiresnake`.

Each script is made of the table of commands and of `grammars`; what the machine has at the moment
(interfaces, configurations, files) the shell itself looks up.
"""

import sys
from collections.abc import Callable, Mapping
from typing import Final

from wiresnake.cli import grammar
from wiresnake.cli.completion import bash, fish, zsh
from wiresnake.cli.grammar import Grammar
from wiresnake.cli.grammars import COMPLETION, GRAMMARS
from wiresnake.cli.main import COMMANDS

_SHELLS: Final[Mapping[str, Callable[[Mapping[str, str], Mapping[str, Grammar]], str]]] = {
    "bash": bash.script, "zsh": zsh.script, "fish": fish.script,
}  # fmt: skip


def run(arguments: list[str]) -> int:
    """Write the script for one shell to standard output."""
    if arguments in grammar.HELP:
        print(grammar.usage("completion", COMPLETION))
        return 0
    try:
        text = script(grammar.read(COMPLETION, arguments, least=1).operands[0])
    except grammar.UsageError as bad:
        print(f"wiresnake completion: {bad}", file=sys.stderr)
        return 1
    sys.stdout.write(text)
    return 0


def script(shell: str) -> str:
    """Return the script for ``shell``. Raises UsageError if there is none."""
    if shell not in _SHELLS:
        raise grammar.UsageError(f"no script for `{shell}'; there are {', '.join(_SHELLS)}")
    summaries = {name: command.summary for name, command in COMMANDS.items()}
    return _SHELLS[shell](summaries, GRAMMARS)
