import os
import socket

import pytest

from wiresnake.daemon.notify import notify_ready


@pytest.fixture(params=["file", "abstract"])
def manager(request, tmp_path, monkeypatch):
    name = str(tmp_path / "notify") if request.param == "file" else f"@wiresnake-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(name.replace("@", "\0"))
        receiver.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        yield receiver


def test_the_service_manager_hears_that_we_are_ready(manager):
    notify_ready()
    assert manager.recv(100).split() == [b"READY=1", b"MAINPID=%d" % os.getpid()]


@pytest.mark.parametrize("address", ["/nowhere/at/all", "vsock:2:1234", ""])
def test_a_manager_that_cannot_be_told_is_no_trouble(address, monkeypatch):
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    notify_ready()
