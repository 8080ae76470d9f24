"""What the command makes of a daemon's control socket, good and bad."""

import errno
import socket
from pathlib import Path

import pytest

from tests.cli.fake_control import controlling, line
from wiresnake.cli import control
from wiresnake.cli.control import PEERS_AT_ONCE, Refused, ask, hand_over_endpoints, stream

DONE = line(done=True)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(control, "SOCKETS", str(tmp_path))
    return tmp_path / "wg0.sock"


def test_a_request_and_its_reply_are_one_object_each(place: Path) -> None:
    with controlling(place, line(version="1")) as daemon:
        assert ask("wg0", {"ask": "statistics", "peers": []}) == {"version": "1"}
    assert daemon.asked == [{"ask": "statistics", "peers": []}]


def test_a_refusal_has_the_daemons_reason(place: Path) -> None:
    with controlling(place, line(error="no, never")), pytest.raises(Refused, match=r"^no, never$"):
        ask("wg0", {"ask": "keylog"})


@pytest.mark.parametrize(
    "nonsense", [b"", b"{\n", b"[]\n", b"null\n", b'{"a": 1}', b"\xff\n", b"x" * (1 << 21)]
)
def test_nonsense_is_an_error(place: Path, nonsense: bytes) -> None:
    with controlling(place, nonsense), pytest.raises(OSError, match="the daemon") as bad:
        ask("wg0", {"ask": "statistics"})
    assert bad.value.errno == errno.EPROTO


@pytest.mark.parametrize("name", ["wg1", "../wg0", "", "a" * 16, "wg0\n"])
def test_no_such_daemon(place: Path, name: str) -> None:
    with controlling(place), pytest.raises(OSError, match="device") as bad:
        ask(name, {})
    assert bad.value.errno == errno.ENODEV
    assert "control socket" in control.reason(bad.value)


def test_a_dead_socket_is_no_daemon(place: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(place))
    assert not hand_over_endpoints("wg0", {"k": ["a:1"]})
    place.unlink()
    place.write_text("")
    assert not hand_over_endpoints("wg0", {"k": ["a:1"]})


def test_a_stream_is_read_to_its_end(place: Path) -> None:
    with controlling(place, DONE + line(event="a") + line(event="b")):
        assert list(stream("wg0", {"ask": "events"})) == [{"event": "a"}, {"event": "b"}]


def test_a_stream_that_is_refused_never_begins(place: Path) -> None:
    with controlling(place, line(error="no")), pytest.raises(Refused):
        stream("wg0", {"ask": "keylog"})


def test_a_stream_may_end_with_a_reason(place: Path) -> None:
    with controlling(place, DONE + line(event="a") + line(error="read too slowly")):
        lines = stream("wg0", {"ask": "events"})
        assert next(lines) == {"event": "a"}
        with pytest.raises(Refused, match="too slowly"):
            next(lines)


def test_names_are_handed_over_in_portions(place: Path) -> None:
    names = {f"key{n}": [f"host{n}:1", "spare:2"] for n in range(2 * PEERS_AT_ONCE + 1)}
    with controlling(place, DONE, DONE, DONE) as daemon:
        assert hand_over_endpoints("wg0", names)
    assert [each["ask"] for each in daemon.asked] == ["resolve"] * 3
    told = [each["endpoints"] for each in daemon.asked]
    assert [len(each) for each in told] == [PEERS_AT_ONCE, PEERS_AT_ONCE, 1]
    assert told[0] | told[1] | told[2] == names


def test_refused_names_are_an_error(place: Path) -> None:
    with (
        controlling(place, line(error="there is no peer")),
        pytest.raises(Refused, match="no peer"),
    ):
        hand_over_endpoints("wg0", {"k": []})
