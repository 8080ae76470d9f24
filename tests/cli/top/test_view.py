"""Frames: whatever there is to show, it fits the screen, and says what matters."""

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from wiresnake.cli.top.history import History, Reading
from wiresnake.cli.top.view import Shown, frame
from wiresnake.config.reply import Report, ReportedPeer
from wiresnake.values.keys import PublicKey

WALL = 1_700_000_000.0
SECOND = 10**9
STATISTICS = {
    "version": "1.2.3",
    "plane": "portable",
    "uptime": 7300.5,
    "up": True,
    "tun": {"mtu": 1420, "tso": True, "uso": False},
    "counters": {"dropped_forged": 2, "dropped_replayed": 1, "handshakes_completed": 7},
    "peers": {},
}


def key(n: int) -> PublicKey:
    return PublicKey(n.to_bytes(32))


def peer(n: int, **said: object) -> ReportedPeer:
    return ReportedPeer(key(n), **{"endpoint": f"192.0.2.{n % 256}:51820", **said})


def shown(name: str, peers: list[ReportedPeer], statistics=STATISTICS, names=None) -> Shown:
    history = History()
    first = [ReportedPeer(each.public_key) for each in peers]
    history.note(Reading(1.0, WALL - 1, Report(peers=first)))
    reading = Reading(2.0, WALL, Report(listen_port=51820, peers=peers), statistics)
    history.note(reading)
    return Shown(name, history, reading, names or {})


def drawn(views, width=80, height=24, footer="q ends", encoding="utf-8", **options) -> list[str]:
    sink = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    console = Console(file=sink, width=width, height=height, highlight=False, **options)
    console.print(frame(console, views, footer))
    sink.flush()
    return sink.buffer.getvalue().decode(encoding).split("\n")[:-1]


@given(
    st.lists(st.integers(0, 40), max_size=8),
    st.integers(60, 200),
    st.integers(8, 60),
    st.booleans(),
)
@settings(max_examples=60)
def test_every_frame_fits(counts: list[int], width: int, height: int, known: bool) -> None:
    views = [
        shown(
            f"wg{n}",
            [peer(i, rx_bytes=1 << (i % 60), last_handshake_ns=i * SECOND) for i in range(count)],
            STATISTICS if known else {},
        )
        for n, count in enumerate(counts)
    ]
    lines = drawn(views, width, height)
    assert len(lines) <= height
    assert all(len(line) <= width for line in lines)
    assert lines[-1].strip() == "q ends"


def test_a_frame_says_how_an_interface_stands() -> None:
    peers = [
        peer(1, rx_bytes=5 << 20, tx_bytes=1 << 10, last_handshake_ns=int(WALL - 5) * SECOND),
        peer(2, endpoint=""),
    ]
    lines = drawn([shown("wg0", peers, names={key(1): "laptop"})])
    assert lines[0].startswith(
        "wg0  wiresnake 1.2.3, portable plane  since 2h  UDP 51820  MTU 1420"
    )
    assert lines[0].rstrip().endswith("TSO")
    assert "↓ 5.0 MiB/s" in lines[1]
    assert "↑ 1.0 KiB/s" in lines[1]
    assert "3 dropped  7 handshakes" in lines[1]
    assert lines[3].split() == [
        "●", "laptop", "192.0.2.1:51820", "5s", "ago", "5.0", "MiB/s", "1.0", "KiB/s", "█",
    ]  # fmt: skip
    assert lines[4].split()[:2] == ["○", "AAAAAA…AAAI"]
    assert lines[4].split()[2:4] == ["unknown", "never"]


def test_without_a_control_socket_there_is_what_the_uapi_says() -> None:
    lines = drawn([shown("wg0", [peer(1)], {})])
    assert lines[0].rstrip() == "wg0  UDP 51820"
    assert "dropped" not in "\n".join(lines)
    assert "192.0.2.1:51820" in lines[3]


@pytest.mark.parametrize(
    ("said", "handshake", "mark"),
    [
        ({}, 5, "●"),
        ({}, 300, "○"),
        ({}, None, "○"),
        ({"staged_ago": 3.0}, None, "◐"),
        ({"staged_ago": 3.0}, 5, "●"),
        ({"staged_ago": 1000.0}, None, "○"),
        ({"unanswered_for": 16.0}, 5, "◐"),
        ({"unanswered_for": 3.0}, 5, "●"),
    ],
)
def test_a_mark_tells_how_a_peer_fares(said: dict, handshake: int | None, mark: str) -> None:
    at = 0 if handshake is None else int(WALL - handshake) * SECOND
    statistics = {**STATISTICS, "peers": {str(key(1)): said}}
    assert drawn([shown("wg0", [peer(1, last_handshake_ns=at)], statistics)])[3][0] == mark


def test_what_has_no_room_is_counted() -> None:
    lines = drawn([shown("wg0", [peer(n) for n in range(100)])], height=10)
    assert len(lines) == 10
    assert lines[-2].strip() == "and 95 peers more"
    many = [shown(f"wg{n}", [peer(1)]) for n in range(9)]
    assert "interfaces more" in "\n".join(drawn(many, height=12))


def test_trouble_has_its_place() -> None:
    lines = drawn([Shown("wg0", History(), None, {}, "No such device"), shown("wg1", [])])
    assert lines[0].strip() == "wg0  No such device"
    assert any("no peers" in line for line in lines)
    assert drawn([])[0].strip() == "no interfaces"


def test_a_terminal_without_unicode_gets_ascii() -> None:
    peers = [peer(1, rx_bytes=5, last_handshake_ns=int(WALL) * SECOND)]
    text = "\n".join(drawn([shown("wg0", peers)], encoding="ascii"))
    assert text.isascii()
    assert "*" in text


def test_colour_is_for_terminals() -> None:
    views = [shown("wg0", [peer(1, last_handshake_ns=int(WALL) * SECOND)])]
    assert "\x1b" not in "\n".join(drawn(views))
    assert "\x1b[" in "\n".join(drawn(views, force_terminal=True, color_system="standard"))
