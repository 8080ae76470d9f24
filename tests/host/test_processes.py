"""Processes found by a mark, in whichever background they are."""

import os
import subprocess
import sys
import uuid

import pytest

from wiresnake.host import processes

MARK = "WIRESNAKE_TEST_MARK"


@pytest.fixture
def value() -> str:
    return uuid.uuid4().hex


def start(value: str, script: str) -> subprocess.Popen[bytes]:
    """Start a shell that prints a line when it has begun."""
    program = subprocess.Popen(
        ["sh", "-c", script], env={**os.environ, MARK: value}, stdout=subprocess.PIPE
    )
    assert program.stdout is not None
    program.stdout.readline()
    return program


def test_nobody_has_a_new_mark(value: str) -> None:
    assert processes.marked(MARK, value) == []
    processes.end(MARK, value)


def test_it_ends_the_ones_that_were_left_behind_too(value: str) -> None:
    with start(value, "setsid sleep 1000 & echo; exit 0") as program:
        program.wait()
        assert len(processes.marked(MARK, value)) == 1
        processes.end(MARK, value)
        assert processes.marked(MARK, value) == []


def test_it_ends_the_ones_that_do_not_want_to(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "PATIENCE", 0.1)
    with start(value, "trap '' TERM; echo; while :; do sleep 1; done"):
        processes.end(MARK, value)
        assert processes.marked(MARK, value) == []


def test_others_are_left_alone(value: str) -> None:
    with start(value + "1", "echo; sleep 1000") as other:
        processes.end(MARK, value)
        assert other.poll() is None
        other.kill()


def test_it_does_not_find_itself(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program = (
        "import os; from wiresnake.host import processes;"
        f"print(processes.marked({MARK!r}, {value!r}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, MARK: value}, capture_output=True
    )
    assert done.stdout == b"[]\n"
