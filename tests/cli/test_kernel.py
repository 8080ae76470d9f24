"""Interfaces of the kernel, through the command: found, shown, changed, and behind a daemon's."""

import base64
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fake_daemon import FakeDaemon, serving
from tests.fake_kernel import Device, FakeKernel, Peer, running_kernel
from wiresnake.cli.main import main
from wiresnake.host.genetlink import Conversation

PRIVATE = bytes([0xA0] * 31 + [0x60])
SHOWN_PRIVATE = base64.b64encode(PRIVATE).decode()
KEY = base64.b64encode(bytes([1]) * 32).decode()
OTHER = base64.b64encode(bytes([2]) * 32).decode()


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch, directory: Path) -> Iterator[FakeKernel]:
    with running_kernel() as kernel:
        monkeypatch.setattr(Conversation, "open", lambda _: Conversation(kernel.connect()))
        kernel.devices["wg0"] = Device(
            PRIVATE, 51820, 7, {bytes([1]) * 32: Peer(rx=5, handshake=(9, 0))}
        )
        yield kernel


def shown(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(list(words)) == 0
    return capsys.readouterr().out


def test_it_is_shown_as_any_other(kernel: FakeKernel, capsys) -> None:
    dump = shown(capsys, "show", "wg0", "dump").split("\n")
    assert dump[0].split("\t")[::2] == [SHOWN_PRIVATE, "51820"]
    assert dump[1] == f"{KEY}\t(none)\t(none)\t(none)\t9\t5\t0\toff"
    assert "transfer: 5 B received, 0 B sent" in shown(capsys, "show", "wg0")
    assert shown(capsys, "showconf", "wg0").startswith("[Interface]\nListenPort = 51820\n")


def test_it_comes_before_those_of_daemons(kernel: FakeKernel, daemon: FakeDaemon, capsys) -> None:
    assert shown(capsys, "show", "interfaces") == f"wg0 {daemon.name}\n"
    assert shown(capsys, "show", "all", "fwmark") == f"wg0\t0x7\n{daemon.name}\toff\n"


def test_a_daemon_of_the_same_name_wins(kernel: FakeKernel, directory: Path, capsys) -> None:
    with serving(directory) as daemon:
        kernel.devices[daemon.name] = Device(fwmark=9)
        assert shown(capsys, "show", daemon.name, "fwmark") == "off\n"
        assert shown(capsys, "show", "interfaces") == f"wg0 {daemon.name}\n"
        assert main(["set", daemon.name, "fwmark", "5"]) == 0
        assert kernel.devices[daemon.name].fwmark == 9
    assert shown(capsys, "show", daemon.name, "fwmark") == "0x9\n"
    assert main(["set", daemon.name, "fwmark", "5"]) == 0
    assert kernel.devices[daemon.name].fwmark == 5


def test_it_is_changed_as_any_other(kernel: FakeKernel, tmp_path: Path) -> None:
    words = ["set", "wg0", "listen-port", "6", "peer", KEY, "remove", "peer", OTHER,
             "allowed-ips", "10.0.0.0/8,::/0", "endpoint", "192.0.2.1:7"]  # fmt: skip
    assert main(words) == 0
    device = kernel.devices["wg0"]
    assert (device.port, list(device.peers)) == (6, [bytes([2]) * 32])
    assert len(device.peers[bytes([2]) * 32].allowed) == 2
    assert main(["set", "wg0", "peer", OTHER, "allowed-ips", "-::/0"]) == 0
    assert len(device.peers[bytes([2]) * 32].allowed) == 1
    (tmp_path / "f").write_text(f"[Peer]\nPublicKey = {KEY}\n")
    assert main(["syncconf", "wg0", str(tmp_path / "f")]) == 0
    assert (device.port, list(device.peers)) == (0, [bytes([1]) * 32])
    assert main(["setconf", "wg0", os.devnull]) == 0
    assert device == Device()


def test_its_errors_are_told(kernel: FakeKernel, capsys) -> None:
    assert main(["show", "wg1"]) == 1
    assert capsys.readouterr().err == "Unable to access interface: No such device\n"
    kernel.refusal = 1
    for words in (["show", "wg0"], ["showconf", "wg0"]):
        assert main(words) == 1
        assert capsys.readouterr().err == "Unable to access interface: Operation not permitted\n"
    assert main(["set", "wg0", "fwmark", "1"]) == 1
    assert capsys.readouterr().err == "Unable to modify interface: Operation not permitted\n"
    assert main(["show"]) == 1
    assert capsys.readouterr().err == "Unable to access interface wg0: Operation not permitted\n"
