"""`genkey`, `genpsk`, `pubkey` beside the real `wg`."""

import base64
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

OURS = [sys.executable, "-m", "wiresnake.cli.main"]
ONE = base64.b64encode(bytes([8]) + bytes(30) + bytes([64])).decode()


def run(program: list[str], *words: str, given: bytes = b"") -> tuple[bytes, bytes, int]:
    done = subprocess.run([*program, *words], input=given, capture_output=True, check=False)
    name = b"wg" if program == ["wg"] else b"wiresnake"
    return done.stdout, done.stderr.replace(name, b"NAME"), done.returncode


@pytest.mark.parametrize("command", ["genkey", "genpsk"])
def test_a_new_key_is_44_characters_and_never_the_same(command: str) -> None:
    first, second = (run(OURS, command) for _ in range(2))
    for written, warned, status in (first, second):
        assert (len(base64.b64decode(written.strip(), validate=True)), warned, status) == (
            32,
            b"",
            0,
        )
    assert first != second


def test_a_private_key_is_clamped() -> None:
    raw = base64.b64decode(run(OURS, "genkey")[0])
    assert (raw[0] & 7, raw[31] & 0xC0) == (0, 0x40)


@pytest.mark.needs("wg")
def test_wg_reads_our_keys() -> None:
    key = run(OURS, "genkey")[0]
    assert run(["wg"], "pubkey", given=key) == run(OURS, "pubkey", given=key)


CASES = [
    "", "\n", ONE, f"{ONE}\n", f"{ONE} \t\r\v\f\n\0\n", f"{ONE}x", f"{ONE}\n\nx", f" {ONE}",
    ONE[:-1], f"{ONE}=", ONE.replace("=", "A"), "A" * 42 + "B=", "A" * 43 + "=", "é" * 22,
    "-" * 43 + "=", f"{ONE}{' ' * 10000}", f"{ONE}{' ' * 10000}x",
]  # fmt: skip


@pytest.mark.needs("wg")
@pytest.mark.parametrize("text", CASES, ids=range(len(CASES)))
def test_pubkey_accepts_and_refuses_as_wg_does(text: str) -> None:
    assert run(OURS, "pubkey", given=text.encode()) == run(["wg"], "pubkey", given=text.encode())


@pytest.mark.needs("wg")
@settings(max_examples=8)
@given(st.binary(min_size=32, max_size=32).map(base64.b64encode))
def test_pubkey_is_the_one_wg_computes(key: bytes) -> None:
    assert run(OURS, "pubkey", given=key) == run(["wg"], "pubkey", given=key)


@pytest.mark.needs("wg")
@pytest.mark.parametrize("command", ["genkey", "genpsk", "pubkey"])
@pytest.mark.parametrize("word", ["x", "--help"])
def test_a_word_too_many_is_answered_as_by_wg(command: str, word: str) -> None:
    assert run(OURS, command, word) == run(["wg"], command, word)


@pytest.mark.needs("wg")
@pytest.mark.parametrize("command", ["genkey", "genpsk", "pubkey"])
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o604, 0o601])
def test_a_file_that_everybody_may_read_is_warned_of(
    command: str, mode: int, tmp_path: Path
) -> None:
    warned = []
    for program in (OURS, ["wg"]):
        target = tmp_path / "key"
        target.touch()
        target.chmod(mode)
        with target.open("wb") as output:
            done = subprocess.run(
                [*program, command], input=ONE.encode(), stdout=output, stderr=subprocess.PIPE
            )
        assert len(target.read_bytes()) == 45
        warned.append(done.stderr)
    assert warned[0] == warned[1]


def test_a_reader_that_goes_away_is_no_crash() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "wb") as broken:
        done = subprocess.run([*OURS, "genkey"], stdout=broken, stderr=subprocess.PIPE)
    assert (done.stderr, done.returncode) == (b"", 1)


@pytest.mark.parametrize("command", ["genkey", "help"])
def test_output_that_cannot_be_written_is_told(command: str) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run([*OURS, command], stdout=full, stderr=subprocess.PIPE)
    assert (done.stderr, done.returncode) == (b"wiresnake: No space left on device\n", 1)
