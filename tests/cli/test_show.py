"""`wiresnake show` beside the real `wg show`: the same reply, the same bytes."""

import errno
import itertools
import os
import socket
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wiresnake.cli import show
from wiresnake.cli.main import main

KEY = "a1" * 32
EMPTY = "errno=0\n\n"
NOW = int(time.time())


def peer(n: int, *lines: str) -> str:
    return "\n".join([f"public_key={n:064x}", *lines, ""])


def handshake(ago: int) -> str:
    return f"last_handshake_time_sec={NOW - ago}\nlast_handshake_time_nsec=0"


STATES = {
    "nothing": EMPTY,
    "a port": f"listen_port=51820\n{EMPTY}",
    "a key and a mark": f"private_key={KEY}\nfwmark=51820\n{EMPTY}",
    "a key of zeros": f"private_key={'0' * 64}\n{EMPTY}",
    "a bare peer": peer(1) + EMPTY,
    "a full peer": f"private_key={KEY}\nlisten_port=1\nfwmark=4294967295\n" + peer(
        2, f"preshared_key={KEY}", "protocol_version=1", "endpoint=192.0.2.1:51820", handshake(3),
        "tx_bytes=1239", "rx_bytes=99999999999", "persistent_keepalive_interval=25",
        "allowed_ip=10.0.0.0/24", "allowed_ip=2001:db8::/32", "allowed_ip=0.0.0.0/0",
    ) + EMPTY,
    "IPv6 and link-local endpoints": peer(1, "endpoint=[2001:db8::1]:7")
    + peer(2, "endpoint=[fe80::1%lo]:51820") + EMPTY,
    "newest first, never last": peer(1) + peer(2, handshake(5000)) + peer(3, handshake(40))
    + peer(4, handshake(90)) + peer(5) + EMPTY,
    "handshakes of one second": "".join(
        peer(n, f"last_handshake_time_sec=7\nlast_handshake_time_nsec={n}") for n in (1, 3, 2)
    ) + EMPTY,
    "a clock that went back": peer(1, handshake(-1000)) + EMPTY,
    "keys of another time": f"moon=full\n{peer(1, 'phase=new', 'allowed_ip=::/0')}{EMPTY}",
}  # fmt: skip
for _seconds in (1, 59, 60, 61, 3600, 86399, 86400, 31535999, 31536000, 94694461):
    STATES[f"{_seconds} s ago"] = peer(1, handshake(_seconds)) + EMPTY
for _size in (1, 1023, 1024, 1048575, 1048576, 1 << 30, (1 << 40) - 1, 1 << 40, (1 << 64) - 1):
    STATES[f"{_size} bytes"] = peer(1, f"tx_bytes={_size}", "rx_bytes=0") + EMPTY
for _interval in (1, 60, 65535):
    STATES[f"every {_interval}"] = peer(1, f"persistent_keepalive_interval={_interval}") + EMPTY


def by_wg(name: str) -> str:
    return subprocess.run(["wg", "show", name], capture_output=True, text=True, check=True).stdout


def same_as_wg(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    # Where the second turns meanwhile "ago" turns with it; and the clock of `wg` is the coarse one,
    # which lags behind by some milliseconds. So one of a few attempts must be equal.
    for _ in range(5):
        theirs = by_wg(name)
        assert main(["show", name]) == 0
        ours = capsys.readouterr().out
        if ours == theirs:
            return
    assert ours == theirs


@pytest.mark.root
@pytest.mark.needs("wg")
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("colour", ["always", "never"])
def test_every_state_looks_as_wg_shows_it(
    state: str, colour: str, system_daemon, capsys, monkeypatch
) -> None:
    monkeypatch.setenv("WG_COLOR_MODE", colour)
    monkeypatch.setenv("WG_HIDE_KEYS", "never" if colour == "always" else "always")
    system_daemon.reply = STATES[state].encode()
    same_as_wg(system_daemon.name, capsys)


ADDRESS = st.ip_addresses(v=4).map(str) | st.ip_addresses(v=6).map(str)
SMALL_OR_LARGE = st.integers(0, 5000) | st.integers(0, (1 << 64) - 1)


@st.composite
def peers(draw: st.DrawFn) -> str:
    lines = [f"public_key={draw(st.binary(min_size=32, max_size=32)).hex()}"]
    if draw(st.booleans()):
        lines.append(f"preshared_key={draw(st.sampled_from([KEY, '0' * 64]))}")
    lines.append(f"last_handshake_time_sec={draw(st.sampled_from([0, 1, NOW - 7, NOW - 90061]))}")
    lines.append(f"last_handshake_time_nsec={draw(st.integers(0, 999_999_999))}")
    lines += [f"tx_bytes={draw(SMALL_OR_LARGE)}", f"rx_bytes={draw(SMALL_OR_LARGE)}"]
    lines.append(f"persistent_keepalive_interval={draw(st.integers(0, 65535))}")
    networks = draw(st.lists(st.ip_addresses(), max_size=3))
    lines += [f"allowed_ip={each}/{each.max_prefixlen}" for each in networks]
    return "\n".join(lines) + "\n"


@pytest.mark.root
@pytest.mark.needs("wg")
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(peers(), max_size=4), st.integers(0, 0xFFFFFFFF))
def test_any_report_looks_as_wg_shows_it(
    system_daemon, capsys, blocks: list[str], fwmark: int
) -> None:
    system_daemon.reply = f"fwmark={fwmark}\n{''.join(blocks)}{EMPTY}".encode()
    same_as_wg(system_daemon.name, capsys)


def test_the_request_is_exactly_a_get(daemon) -> None:
    assert main(["show", daemon.name]) == 0
    assert daemon.asked == [b"get=1\n"]


def test_keys_are_hidden_unless_the_environment_says_never(daemon, capsys, monkeypatch) -> None:
    daemon.reply = f"private_key={KEY}\n{peer(1, f'preshared_key={KEY}')}{EMPTY}".encode()
    shown = {}
    for mode in ("always", "never"):
        monkeypatch.setenv("WG_HIDE_KEYS", mode)
        assert main(["show", daemon.name]) == 0
        shown[mode] = capsys.readouterr().out
    assert shown["always"].count("(hidden)") == 2
    assert shown["never"].count("oaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaE=") == 2
    assert "oaGh" not in shown["always"]


def test_a_pipe_gets_no_colours_unless_asked(daemon, capsys, monkeypatch) -> None:
    monkeypatch.delenv("WG_COLOR_MODE", raising=False)
    main(["show", daemon.name])
    assert "\x1b" not in capsys.readouterr().out


def test_all_interfaces_are_parted_by_an_empty_line(daemon, other_daemon, capsys) -> None:
    for arguments in ([], ["show"], ["show", "all"]):
        assert main(arguments) == 0
        blocks = capsys.readouterr().out.split("\n\n")
        assert {block.strip() for block in blocks} == {
            f"interface: {each.name}" for each in (daemon, other_daemon)
        }


def test_one_interface_that_fails_does_not_hide_the_others(daemon, other_daemon, capsys) -> None:
    daemon.reply = b"errno=-1\n\n"
    assert main(["show"]) == 0
    shown = capsys.readouterr()
    assert f"interface: {other_daemon.name}" in shown.out
    assert shown.err == (f"Unable to access interface {daemon.name}: {os.strerror(errno.EPERM)}\n")
    other_daemon.reply = b""
    assert main(["show"]) == 1


def test_names_stand_on_one_line(daemon, other_daemon, capsys) -> None:
    assert main(["show", "interfaces"]) == 0
    shown = capsys.readouterr().out
    assert shown.endswith("\n")
    assert sorted(shown[:-1].split(" ")) == sorted([daemon.name, other_daemon.name])


def test_nothing_is_shown_of_nothing(directory, capsys, monkeypatch) -> None:
    for arguments in (["show"], ["show", "interfaces"]):
        assert main(arguments) == 0
    monkeypatch.setattr("wiresnake.cli.daemons.SOCKETS", str(directory / "absent"))
    assert main(["show"]) == 0
    assert capsys.readouterr() == ("", "")


def test_dead_sockets_and_other_files_are_not_interfaces(directory: Path, capsys) -> None:
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(directory / "dead.sock"))
    dead.close()
    (directory / "file.sock").touch()
    (directory / "a name too long to be one.sock").touch()
    assert main(["show", "interfaces"]) == 0
    assert main(["show"]) == 0
    assert capsys.readouterr().out == ""
    assert not (directory / "dead.sock").exists()
    assert (directory / "file.sock").exists()


@pytest.mark.parametrize(
    ("name", "number"),
    [
        *((name, errno.ENODEV) for name in ("nix", "dead", "", "a" * 16, "w\n", "w g")),
        ("../etc/x", errno.EINVAL), ("file", errno.EBADF),
    ],
)  # fmt: skip
def test_an_interface_without_a_daemon_is_no_device(
    name: str, number: int, directory: Path, capsys
) -> None:
    (directory / "file.sock").touch()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(directory / "dead.sock"))
    assert main(["show", name]) == 1
    assert capsys.readouterr() == ("", f"Unable to access interface: {os.strerror(number)}\n")


@pytest.mark.parametrize(
    ("reply", "number"),
    [
        (b"", errno.EPROTO), (b"\n", errno.EPROTO), (b"errno=0\n", errno.EPROTO),
        (b"listen_port=1\n\n", errno.EPROTO), (b"what\nerrno=0\n\n", errno.EPROTO),
        (b"listen_port=x\nerrno=0\n\n", errno.EPROTO), (b"errno=-13\n\n", errno.EACCES),
        (b"a" * 5000 + b"=\nerrno=0\n\n", errno.EPROTO), (b"errno=99999999\n\n", errno.EPROTO),
    ],
)  # fmt: skip
def test_what_is_no_reply_is_an_error(reply: bytes, number: int, daemon, capsys) -> None:
    daemon.reply = reply
    assert main(["show", daemon.name]) == 1
    assert capsys.readouterr() == ("", f"Unable to access interface: {os.strerror(number)}\n")


def test_a_daemon_that_says_nothing_is_not_waited_for_for_ever(
    directory, capsys, monkeypatch
) -> None:
    monkeypatch.setattr("wiresnake.cli.daemons.PATIENCE", 0.05)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(directory / "silent.sock"))
        silent.listen()
        assert main(["show", "silent"]) == 1
    assert capsys.readouterr().err == "Unable to access interface: timed out\n"


def test_usage(capsys) -> None:
    for word, status in itertools.product(["-h", "--help", "help"], [0]):
        assert main(["show", word]) == status
        assert capsys.readouterr() == ("", f"Usage: wiresnake {show.usage()}\n")
    assert main(["show", "wg0", "peers", "again"]) == 1
    assert capsys.readouterr() == ("", f"Usage: wiresnake {show.usage()}\n")
