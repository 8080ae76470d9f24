"""Changes: what was shown can be set again, names are looked up, secrets stay where they are."""

import base64
import os
import socket
import subprocess
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from tests.cli.beside_wg.cases import SECRET, STATES, key, peer
from tests.config.test_ini import CONFIGS
from tests.fake_daemon import FakeDaemon
from wiresnake.cli import lookup
from wiresnake.cli.main import main
from wiresnake.config.ini import format_config
from wiresnake.config.model import InterfaceConfig
from wiresnake.values.addresses import Endpoint


def asked(daemon: FakeDaemon, *words: str) -> list[bytes]:
    daemon.asked.clear()
    assert main(list(words)) == 0
    return list(daemon.asked)


def asked_by_wg(daemon: FakeDaemon, *words: str) -> list[bytes]:
    daemon.asked.clear()
    subprocess.run(["wg", *words], check=True)
    return list(daemon.asked)


@pytest.mark.root
@pytest.mark.needs("wg")
@pytest.mark.parametrize("state", STATES)
def test_what_showconf_writes_setconf_reads_whoever_does_it(
    state: str, system_daemon: FakeDaemon, tmp_path: Path, capsys
) -> None:
    system_daemon.reply = STATES[state].encode()
    assert main(["showconf", system_daemon.name]) == 0
    file = tmp_path / "shown"
    file.write_text(capsys.readouterr().out)
    shown = subprocess.run(
        ["wg", "showconf", system_daemon.name], capture_output=True, text=True, check=True
    ).stdout
    assert file.read_text() == shown
    for command in ("setconf", "addconf", "syncconf"):
        words = (command, system_daemon.name, str(file))
        if state != "a key not clamped":  # we clamp it before a daemon does
            assert asked(system_daemon, *words) == asked_by_wg(system_daemon, *words)


@pytest.mark.root
@pytest.mark.needs("wg")
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(CONFIGS)
def test_any_configuration_is_asked_for_as_wg_asks(
    system_daemon: FakeDaemon, tmp_path: Path, config: InterfaceConfig
) -> None:
    file = tmp_path / "f"
    file.write_text(format_config(config))
    for command in ("setconf", "addconf"):
        words = (command, system_daemon.name, str(file))
        assert asked(system_daemon, *words) == asked_by_wg(system_daemon, *words)


def test_a_file_may_come_through_a_pipe(daemon: FakeDaemon) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"[Interface]\nListenPort = 7\n")
    os.close(writing)
    assert asked(daemon, "addconf", daemon.name, f"/dev/fd/{reading}") == [
        b"set=1\nlisten_port=7\n"
    ]
    os.close(reading)


def test_a_daemon_that_refuses_early_is_heard(directory: Path, capsys) -> None:
    """It hangs up in the midst of a long request, its reason sent."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(directory / "hasty.sock"))
        listening.listen()

        def refuse() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(10)
                connection.sendall(b"errno=-28\n\n")

        thread = threading.Thread(target=refuse)
        thread.start()
        many = [word for n in range(1, 200) for word in ("peer", key(n))] * 50
        assert main(["set", "hasty", *many]) == 1
        thread.join()
    assert capsys.readouterr().err in {
        f"Unable to modify interface: {os.strerror(number)}\n" for number in (28, 71)
    }  # a reset may outrun the reason


@pytest.mark.parametrize("text", [f"*{SECRET[1:]}", SECRET[:-1], f"{SECRET}x"])
def test_no_error_about_a_key_file_shows_the_key(
    text: str, daemon: FakeDaemon, tmp_path: Path, capsys
) -> None:
    (tmp_path / "key").write_text(text)
    assert main(["set", daemon.name, "private-key", str(tmp_path / "key")]) == 1
    told = capsys.readouterr().err
    assert told
    assert not any(text[at : at + 4] in told for at in range(40))
    assert daemon.asked == []


class Resolver:
    """Answers in turn as it was told, and keeps what it was asked and how long we slept."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: object) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[object, str]] = []
        self.slept: list[float] = []
        monkeypatch.setattr(socket, "getaddrinfo", self.getaddrinfo)
        monkeypatch.setattr(lookup.time, "sleep", self.slept.append)

    def getaddrinfo(self, host: object, service: str, **_: object) -> object:
        self.asked.append((host, service))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


FOUND = [
    (socket.AF_INET6, 2, 17, "", ("fe80::1%lo", 7, 0, 1)),
    (socket.AF_INET, 2, 17, "", ("192.0.2.1", 7)),
]
AGAIN = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
UNKNOWN = socket.gaierror(socket.EAI_NONAME, "Name or service not known")


def test_the_first_answer_of_the_resolver_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    Resolver(monkeypatch, FOUND)
    found = lookup.resolve("vpn.example", "7")
    assert found == Endpoint(bytes.fromhex("fe80" + "00" * 13 + "01"), 7, 1)


def test_pauses_grow_up_to_twenty_seconds(
    monkeypatch: pytest.MonkeyPatch, daemon: FakeDaemon, capsys
) -> None:
    monkeypatch.delenv("WG_ENDPOINT_RESOLUTION_RETRIES", raising=False)
    resolver = Resolver(monkeypatch, AGAIN)
    assert main(["set", daemon.name, "peer", key(1), "endpoint", "vpn.example:7"]) == 1
    assert len(resolver.asked) == 16
    expected = [1.0]
    while len(expected) < 15:
        expected.append(min(20.0, expected[-1] * 1.2))
    assert resolver.slept == pytest.approx(expected)
    lines = capsys.readouterr().err.splitlines()
    why = "Temporary failure in name resolution: `vpn.example:7'"
    assert lines[:3] == [
        f"{why}. Trying again in {pause} seconds..." for pause in ("1.00", "1.20", "1.44")
    ]
    assert lines[14].endswith("Trying again in 12.84 seconds...")
    assert lines[15:] == [why]


def test_a_key_in_the_place_of_a_name_is_not_shown(monkeypatch, daemon, capsys) -> None:
    monkeypatch.setenv("WG_ENDPOINT_RESOLUTION_RETRIES", "1")
    Resolver(monkeypatch, AGAIN)
    assert main(["set", daemon.name, "peer", key(1), "endpoint", f"{SECRET}:1"]) == 1
    told = capsys.readouterr().err
    assert told.count("(hidden)") == 2
    assert SECRET[:8] not in told


@pytest.mark.parametrize("port", ["65536", "0065536", "9" * 5000, " 70000", "+70000"])
def test_a_port_out_of_range_is_not_cut_to_size(port: str, daemon: FakeDaemon, capsys) -> None:
    for words in (["listen-port", port], ["peer", key(1), "endpoint", f"192.0.2.1:{port}"]):
        assert main(["set", daemon.name, *words]) == 1
        assert capsys.readouterr().err.startswith("Port is not in 0 to 65535: `")
    assert daemon.asked == []


def test_a_name_may_be_found_in_the_end(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setenv("WG_ENDPOINT_RESOLUTION_RETRIES", "infinity")
    resolver = Resolver(monkeypatch, *[AGAIN] * 100, OSError(5, "I/O"), FOUND[1:])
    assert str(lookup.resolve("2001:db8::x", "7")) == "192.0.2.1:7"
    assert len(resolver.slept) == 101
    assert max(resolver.slept) == 20.0
    assert "I/O: `[2001:db8::x]:7'. Trying again in 20.00 seconds..." in capsys.readouterr().err


def test_some_answers_are_final(monkeypatch: pytest.MonkeyPatch, daemon, capsys) -> None:
    for code in (socket.EAI_NONAME, socket.EAI_FAIL, socket.EAI_NODATA, socket.EAI_SERVICE):
        resolver = Resolver(monkeypatch, socket.gaierror(code, "Gone fishing"))
        assert main(["set", daemon.name, "peer", key(1), "endpoint", "vpn.example:7"]) == 1
        assert capsys.readouterr().err == "Gone fishing: `vpn.example:7'\n"
        assert resolver.slept == []
    Resolver(monkeypatch, [(socket.AF_UNIX, 2, 17, "", ("x",))])
    assert main(["set", daemon.name, "peer", key(1), "endpoint", "vpn.example:7"]) == 1
    assert capsys.readouterr().err == (
        "Neither IPv4 nor IPv6 address found: `vpn.example:7'\n"
    )  # fmt: skip


@pytest.mark.parametrize("retries", ["x", "-1", "1x", "INFINITY", "99999999999", "٣"])
def test_bad_retries_are_an_error_before_the_lookup(
    retries: str, monkeypatch: pytest.MonkeyPatch, daemon: FakeDaemon, tmp_path: Path, capsys
) -> None:
    monkeypatch.setenv("WG_ENDPOINT_RESOLUTION_RETRIES", retries)
    resolver = Resolver(monkeypatch, FOUND)
    (tmp_path / "f").write_text(f"[Peer]\nPublicKey = {key(1)}\nEndpoint = vpn.example:7\n")
    why = f"Unable to parse WG_ENDPOINT_RESOLUTION_RETRIES: `{retries}'"
    for words in (
        ["set", daemon.name, "peer", key(1), "endpoint", "vpn.example:7"],
        ["addconf", daemon.name, str(tmp_path / "f")],
    ):
        assert main(words) == 1
        assert capsys.readouterr().err.splitlines()[0] == why
    assert (resolver.asked, daemon.asked) == ([], [])


def test_names_of_other_alphabets_are_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    resolver = Resolver(monkeypatch, FOUND)
    lookup.resolve("bücher.example", "7")
    lookup.resolve("vpn.example", "7")
    assert resolver.asked == [("bücher.example", "7"), (b"vpn.example", "7")]


def test_syncconf_of_a_changed_file_keeps_the_peers_that_stay(
    daemon: FakeDaemon, tmp_path: Path
) -> None:
    shared = "40" * 32
    daemon.reply = (
        peer(1, f"preshared_key={shared}", "persistent_keepalive_interval=5") + peer(2)
        + "errno=0\n\n"
    ).encode()  # fmt: skip
    (tmp_path / "f").write_text(f"[Peer]\nPublicKey = {key(1)}\nAllowedIPs = ::/0\n")
    _, request = asked(daemon, "syncconf", daemon.name, str(tmp_path / "f"))
    assert request.decode().splitlines() == [
        "set=1", f"private_key={'00' * 32}", "listen_port=0", "fwmark=0",
        f"public_key={'02' * 32}", "remove=true",
        f"public_key={'01' * 32}", f"preshared_key={'00' * 32}", "persistent_keepalive_interval=0",
        "replace_allowed_ips=true", "allowed_ip=::/0",
    ]  # fmt: skip
    assert base64.b64decode(key(1)).hex() == "01" * 32
