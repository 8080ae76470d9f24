"""Builds: kept for the next run, never taken from where others may write, absent with a reason."""

import sys
from pathlib import Path

import pytest

from bench.contestants import builds
from bench.contestants.contract import Absent


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    return builds.kept("thing")


def maker(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_the_directory_is_ours_alone(place: Path) -> None:
    assert place.parent.stat().st_mode & 0o777 == 0o700
    assert builds.kept("thing") == place


def test_a_directory_that_others_may_write_is_not_used(place: Path) -> None:
    place.parent.chmod(0o777)
    with pytest.raises(Absent, match="can be written by others"):
        builds.kept("thing")


def test_a_link_to_somewhere_else_is_not_followed(place: Path, tmp_path: Path) -> None:
    place.parent.rmdir()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    place.parent.symlink_to(elsewhere)
    with pytest.raises(Absent):
        builds.kept("thing")


def test_what_is_there_is_not_built_again(place: Path) -> None:
    made = builds.built(place, maker(f"open({str(place)!r}, 'w')"))
    assert made == place
    assert builds.built(place, maker("raise SystemExit(1)")) == place


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("raise SystemExit('no such crate')", "no such crate"),
        ("raise SystemExit(1)", "it said nothing"),
        ("pass", "it said nothing"),
    ],
)
def test_a_build_that_fails_says_its_last_line(place: Path, code: str, why: str) -> None:
    with pytest.raises(Absent, match=why):
        builds.built(place, maker(code))


def test_a_missing_tool_is_named(place: Path) -> None:
    with pytest.raises(Absent, match="built by no-such-tool, which is not installed"):
        builds.built(place, ["no-such-tool"])
