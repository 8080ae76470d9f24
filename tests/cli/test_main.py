"""The table of commands."""

import pytest

import wiresnake
from wiresnake.cli.main import COMMANDS, main, usage


@pytest.mark.parametrize("word", ["-v", "--version", "version"])
def test_version(word: str, capsys) -> None:
    assert main([word]) == 0
    assert capsys.readouterr() == (f"wiresnake v{wiresnake.__version__}\n", "")


@pytest.mark.parametrize("word", ["-h", "--help", "help"])
def test_help_lists_every_command(word: str, capsys) -> None:
    assert main([word]) == 0
    assert capsys.readouterr() == (f"{usage()}\n", "")
    assert all(f"  {name}: " in usage() for name in COMMANDS)


@pytest.mark.parametrize("arguments", [["nix"], ["--version", "x"], ["help", "show"], [""]])
def test_what_is_no_command_is_refused(arguments: list[str], capsys) -> None:
    assert main(arguments) == 1
    assert capsys.readouterr() == ("", f"Invalid subcommand: `{arguments[0]}'\n{usage()}\n")


def test_an_interrupt_ends_a_command_quietly(monkeypatch, capsys) -> None:
    def interrupted(_arguments: list[str]) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("wiresnake.cli.show.run", interrupted)
    assert main(["show"]) == 130
    assert capsys.readouterr() == ("", "")
