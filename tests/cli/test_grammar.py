"""The words of a command."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiresnake.cli.grammar import Grammar, Option, UsageError, read, usage
from wiresnake.cli.grammars import GRAMMARS
from wiresnake.cli.main import COMMANDS

GRAMMAR = Grammar(
    "FILE [--to OUT] [--name NAME]... [--loud]",
    (("a", "b"),),
    options=(
        Option("--to", "Write there", "OUT"),
        Option("--name", "Call it that", "NAME", repeats=True),
        Option("--loud", "Be heard"),
    ),
)


@pytest.mark.parametrize(
    ("arguments", "operands", "values"),
    [
        ([], [], {}),
        (["x"], ["x"], {}),
        (["--to", "-", "-"], ["-"], {"--to": ["-"]}),
        (["--to=a=b", "--loud"], [], {"--to": ["a=b"], "--loud": [""]}),
        (["--name", "a", "x", "--name=b"], ["x"], {"--name": ["a", "b"]}),
        (["--to", "--loud"], [], {"--to": ["--loud"]}),
        (["--", "--loud"], ["--loud"], {}),
    ],
)
def test_words_are_sorted(arguments, operands, values) -> None:
    words = read(GRAMMAR, arguments)
    assert (words.operands, words.values) == (operands, values)
    assert words.has("--loud") == ("--loud" in values)
    assert words.one("--to") == values.get("--to", [None])[0]
    assert words.all("--name") == values.get("--name", [])


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["--what"], "`--what'"), (["-l"], "`-l'"), (["--to"], "needs a OUT"),
        (["--loud=1"], "takes no value"), (["--to=1", "--to=2"], "given twice"),
        (["x", "y"], "too many: `y'"),
    ],
)  # fmt: skip
def test_other_words_are_refused_in_one_line(arguments, what) -> None:
    with pytest.raises(UsageError, match=what) as refused:
        read(GRAMMAR, arguments)
    assert "\n" not in str(refused.value)


def test_a_missing_operand_is_refused() -> None:
    with pytest.raises(UsageError, match="missing"):
        read(GRAMMAR, ["--loud"], least=1)


@given(st.lists(st.text("ab-=", max_size=4).filter(lambda each: each != "--")))
def test_no_word_is_lost(arguments) -> None:
    try:
        words = read(GRAMMAR, arguments, most=100)
    except UsageError:
        return
    flags = sum(len(given) for given in words.values.values())
    values = sum(1 for word in arguments if word in {"--to", "--name"})
    assert len(words.operands) + flags + values >= len(arguments)


def test_usage_names_every_option() -> None:
    assert usage("it", GRAMMAR).splitlines() == [
        "Usage: wiresnake it FILE [--to OUT] [--name NAME]... [--loud]",
        "  --to OUT     Write there",
        "  --name NAME  Call it that",
        "  --loud       Be heard",
    ]


def test_every_command_has_its_grammar() -> None:
    assert GRAMMARS.keys() == COMMANDS.keys()


@pytest.mark.parametrize("name", GRAMMARS)
def test_a_synopsis_names_the_options_that_there_are(name: str) -> None:
    for option in GRAMMARS[name].options:
        assert f"{option.name} {option.value}".rstrip() in GRAMMARS[name].synopsis
