"""`new`: the files it makes, and the ones it will not touch."""

import itertools
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from wiresnake.cli.main import main
from wiresnake.cli.new import making
from wiresnake.cli.new.request import Place, Refused, dns, drawn_networks, network6, place
from wiresnake.config.enrol import read_server
from wiresnake.host import secret_files

OURS = [sys.executable, "-m", "wiresnake.cli.main", "new"]
USUAL = ["--endpoint", "vpn.example.org", "--client", "laptop"]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def contents(directory: Path) -> dict[str, str]:
    return {each.name: each.read_text() for each in directory.iterdir()}


def test_a_server_and_two_clients(tmp_path: Path, capsys) -> None:
    before = os.umask(0)
    words = [*USUAL, "--client", "phone", "--network", "10.7.0.0/24", "--network6", "fd07::/64"]
    assert main(["new", *words]) == 0
    os.umask(before)
    assert capsys.readouterr().out == (
        "wg0.conf: the server, 10.7.0.1, fd07::1 inside, reached at vpn.example.org:51820\n"
        "laptop.conf: laptop, 10.7.0.2, fd07::2 inside\n"
        "phone.conf: phone, 10.7.0.3, fd07::3 inside\n"
        "Each file holds a private key: it belongs on its own host, and nowhere else.\n"
    )
    assert {each.name: each.stat().st_mode & 0o7777 for each in tmp_path.iterdir()} == {
        "wg0.conf": 0o600, "laptop.conf": 0o600, "phone.conf": 0o600,
    }  # fmt: skip
    keys = [
        line for text in contents(tmp_path).values() for line in text.split() if "=" in line[1:]
    ]
    assert len({each for each in keys if len(each) == 44}) == 6  # three private, three public


@pytest.mark.needs("wg-quick")
@pytest.mark.skipif(os.geteuid() != 0, reason="wg-quick wants root")
def test_wg_quick_reads_every_file(tmp_path: Path) -> None:
    assert main(["new", *USUAL, "--route-all", "--psk", "--dns", "9.9.9.9,example.org"]) == 0
    assert main(["new", "--add", "wg0.conf", "--client", "phone"]) == 0
    for name in ("wg0", "laptop", "phone"):
        done = subprocess.run(
            ["wg-quick", "strip", str(tmp_path / f"{name}.conf")],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert done.stderr == ""
        assert done.stdout.count("[Peer]") == (2 if name == "wg0" else 1)
        assert "Address" not in done.stdout


def test_a_client_more(tmp_path: Path, capsys) -> None:
    main(["new", *USUAL, "--dns", "9.9.9.9"])
    server = tmp_path / "wg0.conf"
    server.write_text("# by me\n" + server.read_text().replace("[Peer]", "# him\n[Peer]"))
    before = server.read_text()
    capsys.readouterr()
    assert main(["new", "--add", str(server), "--client", "phone", "--output", "."]) == 0
    assert f"wiresnake syncconf wg0 <(wiresnake strip {server})" in capsys.readouterr().out
    assert server.read_text().startswith(before)
    assert server.stat().st_mode & 0o7777 == 0o600
    phone, laptop = (tmp_path / f"{each}.conf" for each in ("phone", "laptop"))
    ours = {"PrivateKey", "Address"}
    for one, other in zip(
        phone.read_text().splitlines(), laptop.read_text().splitlines(), strict=True
    ):
        assert one == other or one.split(" ")[0] in ours
    assert main(["new", "--add", str(server), "--client", "phone", "--output", "/"]) == 1
    assert "has a client called `phone' already" in capsys.readouterr().err


@pytest.mark.parametrize("existing", ["wg0", "laptop", "phone"])
def test_what_exists_is_left_and_nothing_else_is_made(existing: str, tmp_path, capsys) -> None:
    (tmp_path / f"{existing}.conf").write_text("mine")
    assert main(["new", *USUAL, "--client", "phone"]) == 1
    assert capsys.readouterr().err == (
        f"wiresnake new: {existing}.conf exists, and is left as it is\n"
    )
    assert contents(tmp_path) == {f"{existing}.conf": "mine"}


def test_a_server_that_cannot_be_written_gets_no_clients(tmp_path, capsys, monkeypatch) -> None:
    main(["new", *USUAL])
    before = contents(tmp_path)

    def full(path: Path, _content: bytes) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(secret_files, "replace", full)
    assert main(["new", "--add", "wg0.conf", "--client", "phone"]) == 1
    assert "wg0.conf: No space left on device" in capsys.readouterr().err
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["--client", "a"], "--endpoint HOST[:PORT] is needed"),
        (["--endpoint", "a"], "--client NAME is needed"),
        (["--endpoint", "a b", "--client", "a"], "`a b' is not HOST"),
        ([*USUAL, "--network", "10.0.0.0/33"], "33 bits"),
        ([*USUAL, "--network", "10.0.0.0"], "no IPv4 network"),
        ([*USUAL, "--network", "fd00::/64"], "no IPv4 network"),
        ([*USUAL, "--network6", "10.0.0.0/8"], "no IPv6 network"),
        ([*USUAL, "--network", "none", "--network6", "none"], "one family at least"),
        ([*USUAL, "--network", "10.0.0.0/30", "--client", "b"], "10.0.0.0/30 has no free address"),
        ([*USUAL, "--client", "a/b"], "`a/b' is no name"),
        ([*USUAL, "--client", ".."], "`..' is no name"),
        ([*USUAL, "--client", "laptop"], "two files would be called laptop.conf"),
        ([*USUAL, "--interface", "laptop"], "two files would be called laptop.conf"),
        ([*USUAL, "--dns", "a/b"], "`a/b' is no address and no domain"),
        ([*USUAL, "--output", "nix"], "nix/wg0.conf: No such file"),
        ([*USUAL, "word"], "too many"),
        (["--add", "nix.conf", "--client", "a"], "nix.conf: No such file"),
        (["--add", "x", "--client", "a", "--network", "10.0.0.0/8"], "--network has no meaning"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(words, what, tmp_path: Path, capsys) -> None:
    assert main(["new", *words]) == 1
    written, errors = capsys.readouterr()
    assert written == ""
    assert what in errors
    assert errors.count("\n") == 1
    assert contents(tmp_path) == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", Place("a", 51820)),
        ("a.b:7", Place("a.b", 7)),
        ("192.0.2.1", Place("192.0.2.1", 51820)),
        ("2001:db8::1", Place("[2001:db8::1]", 51820)),
        ("[2001:db8::1]:7", Place("[2001:db8::1]", 7)),
        ("[::1]", Place("[::1]", 51820)),
    ],
)
def test_where_a_server_is_reached(text: str, expected: Place) -> None:
    assert place(text) == expected


@pytest.mark.parametrize(
    "text", ["", ":7", "a:0", "a:65536", "a:x", "a:1:2", "[::1", "[::1]7", "[a]:7", "a:²", "-x"]
)
def test_where_no_server_is(text: str) -> None:
    with pytest.raises(Refused):
        place(text)


def test_names_and_networks() -> None:
    assert dns("None") == ()
    assert dns("9.9.9.9, fd00::1 example.org") == ("9.9.9.9", "fd00::1", "example.org")
    assert network6("NONE") is None
    drawn = [drawn_networks() for _ in range(50)]
    assert len(set(drawn)) > 40
    assert all(four.startswith("10.") and six.startswith("fd") for four, six in drawn)


def on_a_terminal(answers: list[str], directory: Path) -> tuple[str, int]:
    """Run `new` on a terminal, answer each question when it is asked; return what was shown."""
    ours, theirs = pty.openpty()
    shown = b""
    with subprocess.Popen(
        OURS, stdin=theirs, stdout=theirs, stderr=theirs, cwd=directory
    ) as program:
        os.close(theirs)
        for answer in [*answers, None]:
            while answer is None or not shown.endswith(b": "):
                try:
                    shown += os.read(ours, 65536)
                except OSError:
                    break
            if answer is not None:
                os.write(ours, answer.encode())
                shown += b"|"
    os.close(ours)
    return shown.decode().replace("\r", ""), program.returncode


def test_questions_on_a_terminal(tmp_path: Path) -> None:
    answers = ["a b", "vpn.example.org:7", "laptop, phone", "fd00::/8", "10.7.0.0/24", "none",
               "perhaps", "y", "9.9.9.9", "", ""]  # fmt: skip
    shown, status = on_a_terminal([f"{each}\n" for each in answers], tmp_path)
    assert status == 0, shown
    assert "`a b' is not HOST" in shown
    assert "yes or no?" in shown
    made = contents(tmp_path)
    assert made.keys() == {"wg0.conf", "laptop.conf", "phone.conf"}
    server = read_server(made["wg0.conf"])
    assert [str(each) for each in server.networks] == ["10.7.0.0/24"]
    assert "masquerade" in made["wg0.conf"]
    assert "Endpoint = vpn.example.org:7\n" in made["phone.conf"]
    assert "AllowedIPs = 0.0.0.0/0, ::/0\n" in made["phone.conf"]
    assert "DNS = 9.9.9.9\n" in made["phone.conf"]


def test_nobody_answers(tmp_path: Path) -> None:
    shown, status = on_a_terminal(["\x04"], tmp_path)
    assert (status, contents(tmp_path)) == (1, {})
    assert "the input ended before all was answered" in shown


def test_codes_are_shown_on_request(tmp_path: Path, capsys) -> None:
    assert main(["new", *USUAL, "--qr"]) == 0
    shown = capsys.readouterr().out
    capsys.readouterr()
    assert main(["qr", "laptop.conf"]) == 0
    assert capsys.readouterr().out in shown


def test_two_at_once_get_different_addresses(tmp_path: Path) -> None:
    main(["new", *USUAL])
    programs = [
        subprocess.Popen([*OURS, "--add", "wg0.conf", "--client", f"c{number}"], cwd=tmp_path)
        for number in range(4)
    ]
    assert [each.wait(30) for each in programs] == [0] * 4
    taken = read_server((tmp_path / "wg0.conf").read_text()).taken
    assert len(taken) == 2 * 6
    assert all(one != other for one, other in itertools.combinations(taken, 2))


@pytest.mark.parametrize("word", ["-h", "--help", "help"])
def test_help(word: str, capsys) -> None:
    assert main(["new", word]) == 0
    assert "wiresnake new --add FILE" in capsys.readouterr().out
    assert making.run(["--nix"]) == 1
