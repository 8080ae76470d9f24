"""The script for bash, 4.4 or newer."""

from collections.abc import Iterator, Mapping
from shlex import quote
from typing import Final

from wiresnake.cli.grammar import Grammar

_HEAD: Final = """\
# Completion of wiresnake for bash, written by `wiresnake completion bash`.

_wiresnake_offer() {
    local place each
    local -a words=()
    for place in "$@"; do
        case $place in
            '<interface>') words+=($(wiresnake show interfaces 2>/dev/null)) ;;
            '<config>')
                for each in /etc/wireguard/*.conf; do
                    each=${each##*/}
                    [[ $each == '*.conf' ]] || words+=("${each%.conf}")
                done
                ;;
            '<file>') _wiresnake_paths -f ;;
            '<directory>') _wiresnake_paths -d ;;
            *) words+=("$place") ;;
        esac
    done
    for each in "${words[@]}"; do
        [[ $each == "$current"* ]] && COMPREPLY+=("$each")
    done
}

_wiresnake_paths() {
    local each
    compopt -o filenames 2>/dev/null
    while IFS= read -r each; do
        COMPREPLY+=("$each")
    done < <(compgen "$1" -- "$current")
}

_wiresnake() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    local options='' valued='' place=0 index
    COMPREPLY=()
    if ((COMP_CWORD == 1)); then
        _wiresnake_offer @commands@
        return
    fi
    case ${COMP_WORDS[1]} in
@options@
    esac
    if ((COMP_CWORD > 2)) && [[ $valued == *" $previous "* ]]; then
        case ${COMP_WORDS[1]}$previous in
@values@
        esac
        return
    fi
    if [[ $current == -* ]]; then
        _wiresnake_offer $options
        return
    fi
    for ((index = 2; index < COMP_CWORD; index++)); do
        if [[ $valued == *" ${COMP_WORDS[index]} "* ]]; then
            ((index++))
        elif [[ ${COMP_WORDS[index]} != -* ]]; then
            ((place++))
        fi
    done
    case ${COMP_WORDS[1]}-$place in
@operands@
    esac
}
complete -F _wiresnake wiresnake
"""


def script(summaries: Mapping[str, str], grammars: Mapping[str, Grammar]) -> str:
    """Return the script for these commands."""
    text = _HEAD.replace("@commands@", " ".join(summaries))
    text = text.replace("@options@", "\n".join(_option_cases(grammars)))
    text = text.replace("@values@", "\n".join(_value_cases(grammars)))
    return text.replace("@operands@", "\n".join(_operand_cases(grammars)))


def _option_cases(grammars: Mapping[str, Grammar]) -> Iterator[str]:
    for name, grammar in grammars.items():
        if grammar.options:
            names = " ".join(option.name for option in grammar.options)
            valued = " ".join(option.name for option in grammar.options if option.value)
            yield f"        {name}) options='{names}' valued=' {valued} ' ;;"


def _value_cases(grammars: Mapping[str, Grammar]) -> Iterator[str]:
    for name, grammar in grammars.items():
        for option in grammar.options:
            if option.words:
                yield f"            {name}{option.name}) {_offer(option.words)} ;;"


def _operand_cases(grammars: Mapping[str, Grammar]) -> Iterator[str]:
    for name, grammar in grammars.items():
        for place, words in enumerate(grammar.operands):
            if words:
                yield f"        {name}-{place}) {_offer(words)} ;;"
        taken = "|".join(f"{name}-{place}" for place in range(len(grammar.operands)))
        if grammar.rest:
            if taken:
                yield f"        {taken}) ;;"
            yield f"        {name}-*) {_offer(grammar.rest)} ;;"


def _offer(words: tuple[str, ...]) -> str:
    return f"_wiresnake_offer {' '.join(map(quote, words))}"
