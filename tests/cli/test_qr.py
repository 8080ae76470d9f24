"""QR codes, read back by zbar as a phone would read them."""

import os
import pty
import re
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from wiresnake.cli import qr
from wiresnake.cli.main import main

SECRET = "QGh0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0U="
PUBLIC = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="
SHORT = f"[Interface]\nPrivateKey={SECRET}\n"
USUAL = f"""\
[Interface]
PrivateKey={SECRET}
Address=10.77.100.200/32,fd77:1234:5678:9abc::200/128
DNS=10.77.100.1,fd77:1234:5678:9abc::1,example.org
[Peer]
PublicKey={PUBLIC}
PresharedKey={SECRET}
AllowedIPs=0.0.0.0/0,::/0
Endpoint=a-name-of-usual-length.example.org:51820
PersistentKeepalive=25
"""
LONG = USUAL + USUAL[USUAL.index("[Peer]") :] * 3
SEQUENCE = re.compile(r"\x1b\[[0-9;]*m")
PIXELS = {" ": (0, 0), "▀": (1, 0), "▄": (0, 1), "█": (1, 1)}
OURS = [sys.executable, "-m", "wiresnake.cli.main", "qr"]


def read_by_zbar(picture: Path) -> str:
    done = subprocess.run(
        ["zbarimg", "--quiet", "--raw", "-S*.enable=0", "-Sqrcode.enable=1", str(picture)],
        capture_output=True,
        check=True,
    )
    return done.stdout.decode().removesuffix("\n")


def bitmap(drawing: str, scale: int = 4) -> bytes:
    """Turn what was drawn in a terminal into a picture, as an eye would see it."""
    lines = [SEQUENCE.sub("", line) for line in drawing.splitlines()]
    rows = [
        [PIXELS[character][half] for character in line for _ in range(scale)]
        for line in lines
        for half in (0, 1)
        for _ in range(scale)
    ]
    head = f"P1\n{len(rows[0])} {len(rows)}\n"
    return (head + "\n".join("".join(map(str, row)) for row in rows) + "\n").encode()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "wg0.conf"
    path.write_text(USUAL)
    return path


@pytest.mark.needs("zbarimg")
@pytest.mark.parametrize("text", [SHORT, USUAL], ids=["short", "usual"])
def test_the_drawing_says_what_the_file_says(text: str, config: Path, capsys, tmp_path) -> None:
    config.write_text(f"# comment\n\n{text}")
    assert main(["qr", str(config)]) == 0
    drawing, warning = capsys.readouterr()
    (tmp_path / "drawn.pbm").write_bytes(bitmap(drawing))
    assert read_by_zbar(tmp_path / "drawn.pbm") == text
    assert warning == f"{qr._WARNING}\n"
    assert all(len(SEQUENCE.sub("", line)) <= 80 for line in drawing.splitlines())


def test_every_line_brings_its_own_colours(config: Path, capsys) -> None:
    assert main(["qr", str(config)]) == 0
    for line in capsys.readouterr().out.splitlines():
        assert line.startswith(qr._INK)
        assert line.endswith(qr._RESET)


@pytest.mark.needs("zbarimg")
@pytest.mark.parametrize("kind", ["png", "svg"])
@pytest.mark.parametrize("text", [USUAL, LONG], ids=["usual", "long"])
def test_a_picture_says_what_the_file_says(kind, text, config, capsys, tmp_path) -> None:
    config.write_text(text)
    picture = tmp_path / f"out.{kind}"
    before = os.umask(0)
    assert main(["qr", str(config), f"--{kind}", str(picture)]) == 0
    os.umask(before)
    assert capsys.readouterr() == ("", f"{qr._WARNING}\n")
    assert picture.stat().st_mode & 0o7777 == 0o600
    assert read_by_zbar(picture) == text


def test_a_file_that_exists_is_not_written_over(config: Path, capsys) -> None:
    assert main(["qr", str(config), "--png", str(config)]) == 1
    assert f"{config} exists" in capsys.readouterr().err
    assert config.read_text() == USUAL


def test_what_phones_refuse_is_left_out_and_named(config: Path, capsys) -> None:
    config.write_text(f"{SHORT}PostUp = echo\nTable = off\n")
    assert main(["qr", str(config)]) == 0
    shown = capsys.readouterr()
    assert "PostUp, Table" in shown.err
    config.write_text(SHORT)
    assert main(["qr", str(config)]) == 0
    assert capsys.readouterr().out == shown.out


def on_a_terminal(config: Path, columns: int) -> tuple[str, int]:
    """Run `qr` on a terminal of this width; return what appeared there, and its status."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (200, columns))
    shown = b""
    with subprocess.Popen([*OURS, str(config)], stdout=theirs, stderr=theirs) as program:
        os.close(theirs)
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:
                break
            shown += part
    os.close(ours)
    return shown.decode().replace("\r", ""), program.returncode


@pytest.mark.parametrize("columns", [71, 72, 75, 80, 200])
def test_a_terminal_that_is_wide_enough_is_not_overrun(config: Path, columns: int) -> None:
    shown, status = on_a_terminal(config, columns)
    lines = [SEQUENCE.sub("", line) for line in shown.splitlines()[1:]]
    assert status == 0
    assert {len(line) for line in lines} == {min(columns - (columns - 69) % 2, 77)}


def test_a_terminal_that_is_too_narrow_is_told_so(config: Path) -> None:
    shown, status = on_a_terminal(config, 70)
    assert status == 1
    assert "71 columns wide and the terminal 70" in shown
    assert "█" not in shown


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (SHORT + f"DNS={'a' * 3000}", "more than a QR code holds"),
        ("nonsense", "line 1 is no line"),
        ("", "no PrivateKey"),
        ("\udcff", "not text"),
        (None, "No such file"),
    ],
    ids=["long", "nonsense", "empty", "bytes", "none"],
)
def test_what_cannot_be_drawn_is_refused_in_one_line(text, what, config: Path, capsys) -> None:
    if text is None:
        config.unlink()
    else:
        config.write_text(text, errors="surrogateescape")
    assert main(["qr", str(config)]) == 1
    written, errors = capsys.readouterr()
    assert written == ""
    assert what in errors
    assert errors.count("\n") == 1


def test_a_name_means_its_file(config: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr("wiresnake.cli.configs.DIRECTORY", str(config.parent))
    monkeypatch.chdir("/")
    assert main(["qr", "wg0"]) == 0
    assert main(["qr", "wg1"]) == 1
    assert f"{config.parent}/wg1.conf: No such file" in capsys.readouterr().err


@pytest.mark.parametrize("word", ["-h", "--help", "help"])
def test_help(word: str, capsys) -> None:
    assert main(["qr", word]) == 0
    assert "Usage: wiresnake qr FILE" in capsys.readouterr().out
    assert main(["qr"]) == 1
    assert capsys.readouterr().err == "wiresnake qr: an operand is missing\n"
