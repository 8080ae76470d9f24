"""The field: who cannot take part is left out with one line; who can makes tunnels that carry."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from bench.contestants import field
from bench.contestants.contract import Absent, Link, Unsuited, linked
from bench.contestants.probe import Probe
from bench.contestants.wireguard import WireGuard, program_of
from bench.lab.callers import Callers
from bench.lab.load import arriving, flowing
from bench.lab.numbered import carry
from bench.lab.programs import Program, wireguard_go
from bench.lab.tunnels import PORT, End, two_hosts


def absent() -> NoReturn:
    raise Absent("there is none\nhere")


@pytest.fixture
def entries(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    made: dict[str, object] = {}
    monkeypatch.setattr(field, "ENTRIES", made)
    return made


def test_who_is_absent_is_left_out_with_a_line(
    entries: dict[str, object], capsys: pytest.CaptureFixture[str]
) -> None:
    entries["somebody"] = absent
    assert field.gather(["somebody"]) == []
    assert capsys.readouterr().err == "somebody is left out: there is none here\n"


def test_who_is_not_wanted_is_not_asked(entries: dict[str, object]) -> None:
    entries["somebody"] = absent
    assert field.gather([]) == []


@pytest.mark.root
def test_who_does_not_start_is_left_out(
    entries: dict[str, object], capsys: pytest.CaptureFixture[str]
) -> None:
    entries["broken"] = lambda: WireGuard(Program("broken", ("sh", "-c", "echo so it is; exit 1")))
    assert field.gather(["broken"]) == []
    assert "broken did not start: so it is" in capsys.readouterr().err


def test_a_probe_has_no_uapi(tmp_path: Path) -> None:
    with pytest.raises(Unsuited, match="UAPI"):
        program_of(Probe("probe", tmp_path, 0))


@pytest.fixture
def link() -> Iterator[Link]:
    with linked(WireGuard(wireguard_go())) as made:
        yield made


@pytest.mark.root
@pytest.mark.needs("wg", "wireguard-go", "iperf3")
def test_what_a_link_carries_is_counted_and_what_it_costs(link: Link) -> None:
    came = carry(link.left, link.right, link.there, rate=1000, seconds=0.5, sizes=(64, 700))
    assert 300 <= came.offered <= 550
    assert came.received == came.offered
    assert came.late == 0
    busy = link.cpu_seconds()
    with flowing(link.left, link.right, link.there):
        assert arriving(link.right, "wg0", 0.5) > 1_000_000
    assert link.cpu_seconds() > busy
    assert link.memory() > 1 << 20


@pytest.mark.root
@pytest.mark.needs("wg", "wireguard-go")
def test_a_real_responder_answers_all_callers() -> None:
    with two_hosts() as (left, right):
        responder = End(right, wireguard_go(), 1, "")
        callers = Callers(40, responder.key.public)
        key = f"PrivateKey = {responder.key.to_base64()}\nListenPort = {PORT}\n"
        responder.bring_up(f"[Interface]\n{key}{callers.config()}")
        assert callers.call(left, right) > 0
        assert len([line for line in responder.show("latest-handshakes").split("\n") if line]) == 40


def test_nobody_is_called_so() -> None:
    asked = subprocess.run(
        [sys.executable, "-m", "bench", "--programs", "nobody"], capture_output=True, text=True
    )
    assert asked.returncode == 2
    assert "nobody is called `nobody'" in asked.stderr
