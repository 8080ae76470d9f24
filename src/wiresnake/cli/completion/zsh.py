"""The script for zsh: to be sourced, or put as ``_wiresnake`` where `fpath` leads."""

from collections.abc import Iterator, Mapping
from shlex import quote
from typing import Final

from wiresnake.cli.grammar import Grammar

_HEAD: Final = """\
#compdef wiresnake
# Completion of wiresnake for zsh, written by `wiresnake completion zsh`.

_wiresnake_offer() {
    local place
    local -a offered
    for place in "$@"; do
        case $place in
            '<interface>') offered+=(${=$(wiresnake show interfaces 2>/dev/null)}) ;;
            '<config>') offered+=(/etc/wireguard/*.conf(N:t:r)) ;;
            '<file>') _files ;;
            '<directory>') _files -/ ;;
            *) offered+=($place) ;;
        esac
    done
    (( $#offered )) && compadd -a offered
}

_wiresnake() {
    local -a commands
    commands=(
@commands@
    )
    if (( CURRENT == 2 )); then
        _describe -t commands command commands
        return
    fi
    shift words
    (( CURRENT-- ))
    case $words[1] in
@arguments@
    esac
}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _wiresnake "$@"
else
    compdef _wiresnake wiresnake
fi
"""


def script(summaries: Mapping[str, str], grammars: Mapping[str, Grammar]) -> str:
    """Return the script for these commands."""
    commands = (f"        {quote(f'{name}:{text}')}" for name, text in summaries.items())
    text = _HEAD.replace("@commands@", "\n".join(commands))
    return text.replace("@arguments@", "\n".join(_cases(grammars)))


def _cases(grammars: Mapping[str, Grammar]) -> Iterator[str]:
    for name, grammar in grammars.items():
        arguments = [*_options(grammar), *_operands(grammar)]
        if arguments:
            yield f"        {name})"
            yield " \\\n                ".join(["            _arguments", *map(quote, arguments)])
            yield "            ;;"


def _options(grammar: Grammar) -> Iterator[str]:
    for option in grammar.options:
        others = "*" if option.repeats else ""
        summary = option.summary.translate({ord("["): "(", ord("]"): ")", ord(":"): "\\:"})
        value = ""
        if option.value:
            value = f":{option.value.translate({ord(':'): ' '})}:{_action(option.words)}"
        yield f"{others}{option.name}[{summary}]{value}"


def _operands(grammar: Grammar) -> Iterator[str]:
    for place, words in enumerate(grammar.operands, 1):
        yield f"{place}:operand:{_action(words)}"
    if grammar.rest:
        yield f"*:operand:{_action(grammar.rest)}"


def _action(words: tuple[str, ...]) -> str:
    return f"{{ _wiresnake_offer {' '.join(map(quote, words))} }}" if words else " "
