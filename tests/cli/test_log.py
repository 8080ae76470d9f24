"""`wiresnake log`: events for people, events for programs, keys for Wireshark."""

import json
import os
import re
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.fake_control import controlling, line
from wiresnake.cli import control, log

KEY = "A" * 43 + "="
EVENTS = [
    ({"event": "initiation", "peer": KEY}, f"peer {KEY}: calling"),
    (
        {"event": "handshake", "peer": KEY, "role": "responder", "endpoint": "192.0.2.1:5"},
        f"peer {KEY}: handshake completed as responder, at 192.0.2.1:5",
    ),
    (
        {"event": "handshake", "peer": KEY, "role": "initiator", "endpoint": None},
        f"peer {KEY}: handshake completed as initiator, at an unknown endpoint",
    ),
    (
        {"event": "gave_up", "peer": KEY},
        f"peer {KEY}: no answer, giving up until there is something to send",
    ),
    (
        {"event": "endpoint", "peer": KEY, "endpoint": "[::1]:5", "before": "192.0.2.1:5"},
        f"peer {KEY}: endpoint [::1]:5, was 192.0.2.1:5",
    ),
    (
        {"event": "resolved", "peer": KEY, "name": "a.example:5", "endpoint": "192.0.2.1:5"},
        f"peer {KEY}: a.example:5 leads to 192.0.2.1:5: trying there",
    ),
    (
        {"event": "unresolved", "peer": KEY, "name": "a.example:5", "why": "no"},
        f"peer {KEY}: a.example:5 cannot be looked up: no",
    ),
    ({"event": "link", "up": True, "port": 7}, "interface up, UDP port 7"),
    ({"event": "link", "up": True, "port": 0}, "interface up, without a UDP port"),
    ({"event": "link", "up": False, "port": 0}, "interface down"),
    ({"event": "ended", "why": "SIGTERM", "failed": False}, "ended: SIGTERM"),
]
SECRETS = ["LOCAL_STATIC_PRIVATE_KEY = a", "REMOTE_STATIC_PUBLIC_KEY = b"]


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log.time, "localtime", log.time.gmtime)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(control, "SOCKETS", str(tmp_path))
    return tmp_path / "wg0.sock"


@pytest.mark.parametrize(("event", "words"), EVENTS)
def test_an_event_is_one_line_for_people(event: dict, words: str) -> None:
    assert log.readable({"at": 1_700_000_000.5, **event}) == f"2023-11-14 22:13:20.500 {words}"


def test_an_event_of_a_later_daemon_is_shown_as_it_is() -> None:
    assert log.readable({"at": 0, "event": "eclipse"}).endswith('{"at": 0, "event": "eclipse"}')
    assert "?" in log.readable({"at": 0, "event": "resolved", "peer": KEY})


@given(st.text(max_size=40))
def test_no_terminal_is_told_what_to_do(text: str) -> None:
    said = log.readable({"at": 0, "event": "ended", "why": text})
    assert re.fullmatch(r"[ -~]*", said)


def test_events_go_to_standard_output(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = b"".join(line(at=0, **event) for event, _ in EVENTS)
    with controlling(place, line(done=True) + told) as daemon:
        assert log.run(["wg0"]) == 0
    said = capsys.readouterr()
    assert [row.partition(".000 ")[2] for row in said.out.splitlines()] == [
        row for _, row in EVENTS
    ]
    assert daemon.asked == [{"ask": "events", "keylog": False}]


def test_json_is_passed_on(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = [{"at": 1.5, **event} for event, _ in EVENTS]
    with controlling(place, line(done=True) + b"".join(line(**each) for each in told)):
        assert log.run(["--json", "wg0"]) == 0
    assert [json.loads(row) for row in capsys.readouterr().out.splitlines()] == told


def test_keys_go_to_the_file_and_nowhere_else(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "keys"
    file.write_text("before\n")
    file.chmod(0o644)
    told = line(lines=SECRETS) + line(at=0, event="gave_up", peer=KEY)
    with controlling(place, line(done=True) + told) as daemon:
        assert log.run(["wg0", "--keylog", str(file), "--json"]) == 0
    assert file.read_text().splitlines() == ["before", *SECRETS]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    said = capsys.readouterr()
    assert "PRIVATE" not in said.out + said.err
    assert daemon.asked == [{"ask": "events", "keylog": True}]


def test_a_new_file_is_private_whatever_the_umask(place: Path, tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        with controlling(place, line(done=True) + line(lines=SECRETS)):
            assert log.run(["wg0", "--keylog", str(tmp_path / "new")]) == 0
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o600


def test_keys_are_refused_by_a_daemon_that_keeps_them(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with controlling(place, line(error="start it with --allow-keylog")):
        assert log.run(["wg0", "--keylog", str(tmp_path / "keys")]) == 1
    assert capsys.readouterr().err == "wiresnake: wg0: start it with --allow-keylog\n"
    assert not (tmp_path / "keys").exists()


def test_keys_follow_no_link(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with controlling(place, line(done=True) + line(lines=SECRETS)):
        for path in ("link", "nowhere/keys", "."):
            assert log.run(["wg0", "--keylog", str(tmp_path / path)]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 3
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize(
    "arguments", [[], ["wg0", "wg1"], ["--yaml", "wg0"], ["wg0", "--keylog"], ["--json"]]
)
def test_wrong_words_cost_the_usage(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert log.run(arguments) == 1
    assert capsys.readouterr() == ("", log.USAGE + "\n")


def test_help_and_a_daemon_that_is_not_there(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert log.run(["--help"]) == 0
    assert log.run(["wg0"]) == 1
    said = capsys.readouterr()
    assert said.out == log.USAGE + "\n"
    assert said.err.startswith("wiresnake: wg0: no wiresnaked")
