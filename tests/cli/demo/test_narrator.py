"""The voice of the demo: colours where they are seen, and plain text elsewhere."""

import io

import pytest

from wiresnake.cli.demo.narrator import Narrator


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def told(out: io.StringIO) -> str:
    narrator = Narrator(out)
    narrator.step("a step")
    narrator.fact("a fact")
    narrator.quote("one\ntwo\n")
    narrator.good("a hope")
    narrator.bad("a trouble")
    narrator.end("the end")
    return out.getvalue()


def test_steps_are_numbered_and_quotes_indented() -> None:
    text = told(io.StringIO())
    assert "\x1b" not in text
    assert "1. a step" in text
    assert "     one\n     two\n" in text
    assert "a trouble" in text


def test_a_terminal_gets_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[" in told(Terminal())


def test_colours_can_be_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in told(Terminal())
