"""The table of commands."""

import subprocess
import sys
from pathlib import Path

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


@pytest.fixture
def link(tmp_path: Path) -> Path:
    link = tmp_path / "wg"
    link.symlink_to(Path(sys.executable).parent / "wiresnake")
    return link


def by_link(link: Path, *words: str) -> tuple[int, str, str]:
    done = subprocess.run([str(link), *words], input="", capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def test_through_a_link_named_wg_it_is_wg(link: Path) -> None:
    status, output, _ = by_link(link, "help")
    commands = [line.split(":")[0].strip() for line in output.splitlines() if line[:2] == "  "]
    assert (status, output.split("\n")[0]) == (0, "Usage: wg <cmd> [<args>]")
    assert commands == [
        "show", "showconf", "set", "setconf", "addconf", "syncconf", "genkey", "genpsk", "pubkey",
    ]  # fmt: skip
    assert by_link(link, "genkey", "x") == (1, "", "Usage: wg genkey\n")
    refusal = "wg: Key is not the correct length or format\n"
    assert by_link(link, "pubkey") == (1, "", refusal)


def test_what_wg_has_not_is_no_command_of_that_name(link: Path) -> None:
    status, output, errors = by_link(link, "demo")
    assert (status, output) == (1, "")
    assert errors.startswith("Invalid subcommand: `demo'\nUsage: wg <cmd>")
