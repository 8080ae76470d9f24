"""What `show` adds to what `wg` shows: names that people gave, and JSON."""

import json
from pathlib import Path

import pytest

from tests.cli.beside_wg.cases import NOW, SECRET, STATES, key
from tests.fake_daemon import FakeDaemon
from wiresnake.cli import friendly
from wiresnake.cli.main import main


@pytest.fixture
def configurations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "wireguard"
    folder.mkdir()
    monkeypatch.setattr(friendly, "CONFIGURATIONS", str(folder))
    return folder


def shown(capsys: pytest.CaptureFixture[str], *words: str, status: int = 0) -> str:
    assert main(["show", *words]) == status
    return capsys.readouterr().out


def test_the_pretty_form_has_names_in_lines_of_their_own(
    daemon: FakeDaemon, configurations: Path, capsys, monkeypatch
) -> None:
    daemon.reply = STATES["several peers"].encode()
    without = shown(capsys, daemon.name)
    file = configurations / f"{daemon.name}.conf"
    file.write_text(
        f"# friendly_name = laptop\n[Peer]\nPublicKey = {key(1)}\n"
        f"[Peer]\nPublicKey = {key(2)} # Name = ph\x1bone\n\xff"
    )
    named = shown(capsys, daemon.name)
    for line in ("  friendly name: laptop\n", "  friendly name: ph one\n"):
        assert line in named
        named = named.replace(line, "")
    assert named == without
    for parameter in ("peers", "dump"):
        assert "laptop" not in shown(capsys, daemon.name, parameter)
    monkeypatch.setattr(friendly, "CONFIGURATIONS", "/nonexistent")
    assert shown(capsys, daemon.name) == without


def test_json_has_what_is_set_and_hides_what_is_secret(
    daemon: FakeDaemon, configurations: Path, capsys, monkeypatch
) -> None:
    daemon.reply = STATES["several peers"].encode()
    (configurations / f"{daemon.name}.conf").write_text(
        f"# Name = laptop\n[Peer]\nPublicKey={key(1)}"
    )
    monkeypatch.delenv("WG_HIDE_KEYS", raising=False)
    expected = {
        daemon.name: {
            "privateKey": "(hidden)",
            "publicKey": shown(capsys, daemon.name, "public-key").strip(),
            "listenPort": 51820,
            "fwmark": 51820,
            "peers": {
                key(1): {
                    "friendlyName": "laptop",
                    "presharedKey": "(hidden)",
                    "endpoint": "192.0.2.1:51820",
                    "latestHandshake": NOW - 77,
                    "transferRx": 1234,
                    "transferTx": 5678901,
                    "persistentKeepalive": 25,
                    "allowedIps": ["10.0.0.0/24", "2001:db8::/32"],
                },
                key(2): {"allowedIps": []},
                key(3): {"latestHandshake": NOW - 5, "transferRx": 1, "allowedIps": []},
            },
        }
    }
    for words in ([daemon.name, "--json"], ["--json", daemon.name], ["--json"], ["all", "--json"]):
        text = shown(capsys, *words)
        assert json.loads(text) == expected
        assert SECRET not in text
    monkeypatch.setenv("WG_HIDE_KEYS", "never")
    told = json.loads(shown(capsys, "--json"))[daemon.name]
    assert (told["privateKey"], told["peers"][key(1)]["presharedKey"]) == (SECRET, SECRET)


def test_json_of_what_cannot_be_asked(daemon, other_daemon, configurations, capsys) -> None:
    daemon.reply = b"errno=-1\n\n"
    assert list(json.loads(shown(capsys, "--json"))) == [other_daemon.name]
    assert shown(capsys, daemon.name, "--json", status=1) == ""
    other_daemon.reply = b""
    assert shown(capsys, "all", "--json", status=1) == ""


def test_json_of_nothing_is_an_empty_object(directory: Path, capsys) -> None:
    assert json.loads(shown(capsys, "--json")) == {}


@pytest.mark.parametrize(
    "words", [["interfaces", "--json"], ["x", "peers", "--json"], ["--json", "all", "dump"]]
)
def test_json_is_of_whole_interfaces(words: list[str], directory: Path, capsys) -> None:
    assert main(["show", *words]) == 1
    assert capsys.readouterr().err.startswith("Usage: wiresnake show")
