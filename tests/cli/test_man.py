"""The manual pages: well formed, and complete."""

import re
import subprocess
from pathlib import Path

import pytest

from wiresnake.cli.grammars import GRAMMARS
from wiresnake.daemon.options import PLANES, _parser

PAGES = sorted((Path(__file__).parents[2] / "docs" / "man").glob("*.8"))


def rendered(name: str) -> str:
    """Return a page as plain text."""
    [path] = [each for each in PAGES if each.name == name]
    done = subprocess.run(
        ["mandoc", "-T", "ascii", "-O", "width=500", str(path)],
        capture_output=True,
        text=True,
        check=True,
    )
    return re.sub(r".\x08", "", done.stdout)


def test_there_are_pages() -> None:
    assert [each.name for each in PAGES] == ["wiresnake.8", "wiresnaked.8"]


@pytest.mark.needs("mandoc")
@pytest.mark.parametrize("path", PAGES, ids=lambda each: each.name)
def test_mandoc_finds_no_fault(path: Path) -> None:
    done = subprocess.run(
        ["mandoc", "-T", "lint", "-W", "warning", str(path)], capture_output=True, text=True
    )
    assert (done.stdout, done.returncode) == ("", 0)


@pytest.mark.needs("mandoc")
@pytest.mark.parametrize("command", GRAMMARS)
def test_every_command_is_there_with_its_options(command: str) -> None:
    text = rendered("wiresnake.8")
    # The head of an entry: the command stands first, or after another that it shares it with.
    heads = re.findall(rf"^ +(?:\w+ \| )?{re.escape(command)}(?= |$).*$", text, re.MULTILINE)
    assert heads
    for option in GRAMMARS[command].options:
        assert re.search(rf"(^|[ \[]){option.name}\b", text, re.MULTILINE), option.name


@pytest.mark.needs("mandoc")
def test_the_daemons_options_are_all_there() -> None:
    text = rendered("wiresnaked.8")
    for action in _parser()._actions:
        for name in action.option_strings:
            assert re.search(rf"(^|[ \[|]){name}\b", text, re.MULTILINE), name
    for plane in PLANES:
        assert plane in text
