"""The script for fish, 3 or newer."""

from collections.abc import Iterator, Mapping
from typing import Final

from wiresnake.cli.grammar import CONFIG, DIRECTORY, FILE, INTERFACE, Grammar

_HEAD: Final = """\
# Completion of wiresnake for fish, written by `wiresnake completion fish`.

function __wiresnake_interfaces
    string split -n ' ' (wiresnake show interfaces 2>/dev/null)
end

function __wiresnake_configs
    for each in /etc/wireguard/*.conf
        string replace -r '.*/(.*)\\.conf$' '$1' $each
    end
end

function __wiresnake_is -d 'Whether the command is $argv[1]'
    set -l words (commandline -opc)
    test (count $words) -ge 2; and test $words[2] = $argv[1]
end

function __wiresnake_at -d 'Whether operand $argv[2] of $argv[1] is next; the rest take values'
    __wiresnake_is $argv[1]; or return 1
    set -l place 0
    set -l skipped 0
    for word in (commandline -opc)[3..]
        if test $skipped = 1
            set skipped 0
        else if contains -- $word $argv[3..]
            set skipped 1
        else if not string match -q -- '-*' $word
            set place (math $place + 1)
        end
    end
    test $skipped = 0; and string match -qr "^($argv[2])\\$" $place
end

complete -c wiresnake -f
"""
_PLACES: Final = {INTERFACE: "(__wiresnake_interfaces)", CONFIG: "(__wiresnake_configs)"}
_DIRECTORIES: Final = "(__fish_complete_directories)"


def script(summaries: Mapping[str, str], grammars: Mapping[str, Grammar]) -> str:
    """Return the script for these commands."""
    lines = [
        f"complete -c wiresnake -n 'test (count (commandline -opc)) -eq 1' -a {_quoted(name)}"
        f" -d {_quoted(text)}"
        for name, text in summaries.items()
    ]
    for name, grammar in grammars.items():
        lines += [*_options(name, grammar), *_operands(name, grammar)]
    return _HEAD + "\n".join(lines) + "\n"


def _options(name: str, grammar: Grammar) -> Iterator[str]:
    for option in grammar.options:
        value = f" {'-r' if FILE in option.words else '-x'}{_offered(option.words)}"
        yield (
            f"complete -c wiresnake -n '__wiresnake_is {name}' -l {option.name.lstrip('-')}"
            f"{value if option.value else ''} -d {_quoted(option.summary)}"
        )


def _operands(name: str, grammar: Grammar) -> Iterator[str]:
    valued = "".join(f" {option.name}" for option in grammar.options if option.value)
    places = [(str(place), words) for place, words in enumerate(grammar.operands)]
    if grammar.rest:
        before = "".join(f"(?!{place}$)" for place, _ in places)
        places.append((f"{before}.*", grammar.rest))
    for place, words in places:
        if words:
            condition = f"__wiresnake_at {name} '{place}'{valued}"
            yield f"complete -c wiresnake -n {_quoted(condition)}{_offered(words)}"


def _offered(words: tuple[str, ...]) -> str:
    listed = [
        _DIRECTORIES if word == DIRECTORY else _PLACES.get(word, word)
        for word in words
        if word != FILE
    ]
    files = " -F" if FILE in words else ""
    return files + (f" -a {_quoted(' '.join(listed))}" if listed else "")


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
