"""Completion in the real shells: what each offers after some words."""

import os
import pty
import re
import select
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from wiresnake.cli.completion import bash, fish, script, zsh
from wiresnake.cli.grammar import CONFIG, DIRECTORY, FILE, INTERFACE, Grammar, Option
from wiresnake.cli.main import COMMANDS, main

MAKERS = {"bash": bash.script, "zsh": zsh.script, "fish": fish.script}
SHELLS = [pytest.param(shell, marks=pytest.mark.needs(shell)) for shell in MAKERS]
Offer = Callable[[str], set[str]]

# Everything that a grammar can say, in words that no real command has.
SUMMARIES = {
    "alpha": "It's first: [really]", "beta": 'Second $(touch "BAD")', "gamma": "Third",
    "delta": "Last",
}  # fmt: skip
GRAMMARS = {
    "alpha": Grammar(
        "",
        ((INTERFACE, "all"), (CONFIG, FILE)),
        options=(
            Option("--into", "Where: [there], it's", "DIR", (DIRECTORY,)),
            Option("--name", "Anything", "NAME:X", repeats=True),
            Option("--loud", "Flag"),
            Option("--from", "A file", "FILE", (FILE,)),
        ),
    ),
    "beta": Grammar("", ((INTERFACE,), ()), ("peer", "remove")),
    "gamma": Grammar("", (("one", "two"),)),
    "delta": Grammar(""),
}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Make a directory with files, two configurations, and a `wiresnake` that knows interfaces."""
    (tmp_path / "etc").mkdir()
    for name in ("etc/home.conf", "etc/work.conf", "etc/other.txt", "here.conf", "with space"):
        (tmp_path / name).touch()
    (tmp_path / "subdir").mkdir()
    program = tmp_path / "bin" / "wiresnake"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\ntest "$*" = "show interfaces" && echo wg0 tun9\n')
    program.chmod(0o755)
    return tmp_path


def offered_by(shell: str, text: str, place: Path, line: str) -> set[str]:
    """Return what ``shell`` offers for the last word of ``line``."""
    path = place / f"script.{shell}"
    path.write_text(text.replace("/etc/wireguard", str(place / "etc")))
    environment = {"PATH": f"{place}/bin:/usr/bin:/bin", "HOME": str(place), "TERM": "dumb"}
    if shell == "zsh":
        return _offered_by_zsh(path, environment, place, line)
    words = line.split(" ")
    if shell == "fish":
        argv = ["fish", "--no-config", "-c", f'source {path}; complete -C "{line}"']
    else:
        array = " ".join(f"'{word}'" for word in words)
        setup = f"source {path}; COMP_WORDS=({array}); COMP_CWORD={len(words) - 1}"
        argv = ["bash", "-c", f"{setup}; _wiresnake; printf '%s\\n' \"${{COMPREPLY[@]}}\""]
    done = subprocess.run(
        argv, capture_output=True, text=True, env=environment, cwd=place, timeout=20, check=True
    )
    assert done.stderr == ""
    return {each.split("\t")[0].rstrip("/") for each in done.stdout.splitlines() if each}


# zsh completes nowhere but in its line editor. `compadd` is told to say what it would offer: with
# -D it leaves in an array of ours what fits the word.
_ZSH_SETUP = """\
autoload -Uz compinit && compinit -u -D
source %s
compadd() {
    local -a __taken __literal
    if [[ ${@[1,(i)(-|--)]} == *-[OAD]\\ * ]]; then builtin compadd "$@"; return; fi
    builtin compadd -O __taken "$@"
    (( $#__taken )) && print -rl -- $__taken >>offered
    builtin compadd "$@"
}
zle -C offer list-choices _main_complete
bindkey '^I' offer
told() { print -r done >>finished }
zle -N told
bindkey '^T' told
PS1=READY; print -r ready >>finished
"""


def _offered_by_zsh(path: Path, environment: dict[str, str], place: Path, line: str) -> set[str]:
    for left in ("offered", "finished"):
        (place / left).unlink(missing_ok=True)
    (place / "setup.zsh").write_text(_ZSH_SETUP % path)
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        ["zsh", "-f", "-i"], stdin=theirs, stdout=theirs, stderr=theirs, cwd=place,
        env=environment, start_new_session=True,
    ) as program:  # fmt: skip
        os.close(theirs)
        try:
            os.write(ours, b"source ./setup.zsh\n")
            _wait(place, ours, 1)
            os.write(ours, line.encode() + b"\t\x14")
            shown = _wait(place, ours, 2)
        finally:
            program.kill()
    os.close(ours)
    assert "rror" not in shown, shown
    try:
        lines = (place / "offered").read_text().splitlines()
    except FileNotFoundError:
        return set()
    return {each.rstrip("/") for each in lines}


def _wait(place: Path, terminal: int, lines: int) -> str:
    """Wait until `finished` has so many lines; return what appeared on the terminal."""
    shown = b""
    give_up = time.monotonic() + 20
    while True:
        if select.select([terminal], [], [], 0.02)[0]:
            shown += os.read(terminal, 65536)
        try:
            if len((place / "finished").read_text().splitlines()) >= lines:
                return shown.decode()
        except FileNotFoundError:
            pass
        assert time.monotonic() < give_up, shown


CASES: Mapping[str, set[str]] = {
    "": {"alpha", "beta", "gamma", "delta"},
    "a": {"alpha"},
    "x": set(),
    "alpha ": {"wg0", "tun9", "all"},
    "alpha w": {"wg0"},
    "alpha -": {"--into", "--name", "--loud", "--from"},
    "alpha --l": {"--loud"},
    "alpha wg0 h": {"home", "here.conf"},
    "alpha --loud w": {"wg0"},
    "alpha --name w wg0 h": {"home", "here.conf"},
    "alpha --into s": {"subdir"},
    "alpha --from h": {"here.conf"},
    "alpha --from s": {"subdir", "script.bash", "script.zsh", "script.fish", "setup.zsh"},
    "alpha --name w": set(),
    "alpha wg0 home w": set(),
    "beta t": {"tun9"},
    "beta wg0 t": set(),
    "beta wg0 x p": {"peer"},
    "beta wg0 x y ": {"peer", "remove"},
    "gamma ": {"one", "two"},
    "gamma one t": set(),
    "delta w": set(),
}


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("words", CASES)
def test_it_offers_what_the_grammar_says(shell: str, words: str, place: Path) -> None:
    text = MAKERS[shell](SUMMARIES, GRAMMARS)
    offered = offered_by(shell, text, place, f"wiresnake {words}")
    expected = CASES[words]
    if "script.bash" in expected:
        assert "subdir" in offered
        assert offered <= expected
    else:
        assert offered == expected
    assert not (place / "BAD").exists()


@pytest.mark.parametrize("shell", SHELLS)
def test_real_commands_are_offered(shell: str, place: Path) -> None:
    assert offered_by(shell, script(shell), place, "wiresnake ") == COMMANDS.keys()
    assert offered_by(shell, script(shell), place, "wiresnake qr --p") == {"--png"}
    assert offered_by(shell, script(shell), place, "wiresnake completion z") == {"zsh"}


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_finds_no_fault_in_its_script(shell: str, tmp_path: Path) -> None:
    (tmp_path / "script").write_text(script(shell))
    done = subprocess.run([shell, "-n", str(tmp_path / "script")], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("shell", MAKERS)
def test_it_is_written_to_standard_output(shell: str, capsys) -> None:
    assert main(["completion", shell]) == 0
    assert capsys.readouterr() == (script(shell), "")
    assert not re.search("@[a-z]+@", script(shell))


def test_other_shells_are_refused(capsys) -> None:
    assert main(["completion", "csh"]) == 1
    assert capsys.readouterr() == (
        "", "wiresnake completion: no script for `csh'; there are bash, zsh, fish\n",
    )  # fmt: skip
    assert main(["completion"]) == 1
    assert main(["completion", "--help"]) == 0
