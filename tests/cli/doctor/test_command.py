"""What `doctor` is told."""

from pathlib import Path

import pytest

from wiresnake.cli.doctor import facts
from wiresnake.cli.doctor.file_facts import of_file
from wiresnake.cli.main import main
from wiresnake.values.addresses import Prefix


@pytest.mark.parametrize("word", ["-h", "--help", "help"])
def test_help(word: str, capsys) -> None:
    assert main(["doctor", word]) == 0
    assert "Usage: wiresnake doctor" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["--nix"], "no option is called `--nix'"),
        (["a", "b"], "too many"),
        (["nix/wg0.conf"], "nix/wg0.conf does not exist"),
        (["a name"], "a name does not exist"),
    ],
)
def test_what_cannot_be_examined(words: list[str], what: str, capsys) -> None:
    assert main(["doctor", *words]) == 1
    written, errors = capsys.readouterr()
    assert written == ""
    assert what in errors
    assert errors.count("\n") == 1


def test_a_file_must_be_called_as_its_interface(tmp_path: Path, capsys) -> None:
    path = tmp_path / "a name.conf"
    path.touch()
    assert main(["doctor", str(path)]) == 1
    assert "no interface can be called so" in capsys.readouterr().err


def test_a_file_is_read_for_its_facts(tmp_path: Path) -> None:
    path = tmp_path / "wg0.conf"
    path.touch(0o640)
    path.chmod(0o640)
    found = of_file(
        path,
        "[Interface]\n# Clients: AllowedIPs = 10.0.0.0/8\nListenPort = 7\nDNS = 9.9.9.9\n"
        "[Peer]\nPublicKey = xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=\n"
        "Endpoint = nowhere.invalid:7\n",
    )
    assert (found.mode, found.error, found.config.dns) == (0o640, "", ["9.9.9.9"])
    assert found.unresolved.keys() == {"nowhere.invalid:7"}
    assert found.for_clients == (Prefix.parse("10.0.0.0/8"),)
    assert found.change.listen_port == 7


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("[Interface]\nMTU = x\n", "line 2: MTU"),
        ("[Interface]\nListenPort = x y\n", "Configuration parsing error"),
        ("[Interface]\n# Clients: AllowedIPs = x\n", "the comment for clients"),
    ],
)
def test_a_file_that_is_wrong_says_where(text: str, what: str, tmp_path: Path) -> None:
    path = tmp_path / "wg0.conf"
    path.touch()
    assert what in of_file(path, text).error


def test_sockets_are_told_apart_and_left(tmp_path: Path, monkeypatch) -> None:
    import socket

    monkeypatch.setattr("wiresnake.cli.daemons.SOCKETS", str(tmp_path))
    monkeypatch.setattr("wiresnake.cli.control.SOCKETS", str(tmp_path / "none"))
    (tmp_path / "file.sock").touch()
    with socket.socket(socket.AF_UNIX) as dead, socket.socket(socket.AF_UNIX) as alive:
        dead.bind(str(tmp_path / "dead.sock"))
        alive.bind(str(tmp_path / "alive.sock"))
        alive.listen()
        assert facts.dead_sockets() == [tmp_path / "dead.sock"]
    assert (tmp_path / "dead.sock").exists()
