"""A daemon that says what it is told to say."""

import contextlib
import itertools
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from wiresnake.cli import daemons

_serial = itertools.count()


class FakeDaemon:
    """Answers every request on its UAPI socket with `reply`, and keeps what it was asked."""

    def __init__(self, directory: Path) -> None:
        self.name = f"wscli{os.getpid()}.{next(_serial)}"[-15:]
        self.path = directory / f"{self.name}.sock"
        self.reply = b"errno=0\n\n"
        self.asked: list[bytes] = []
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(self.path))
        self._listening.listen()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                connection.settimeout(10)
                with connection.makefile("rwb") as stream:
                    request = stream.readline()
                    while (line := stream.readline()).strip():
                        request += line
                    if request:
                        self.asked.append(request)
                        stream.write(self.reply)

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listening.close()
        self.path.unlink(missing_ok=True)  # wg removes what it finds dead


@contextlib.contextmanager
def _serving(directory: Path) -> Iterator[FakeDaemon]:
    daemon = FakeDaemon(directory)
    try:
        yield daemon
    finally:
        daemon.close()


@pytest.fixture(scope="module")
def system_daemon() -> Iterator[FakeDaemon]:
    """One in the real directory, which is where `wg` looks; only root may have it."""
    directory = Path(daemons.SOCKETS)
    directory.mkdir(mode=0o755, exist_ok=True)
    with _serving(directory) as daemon:
        yield daemon


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put the sockets into a directory of this test's own."""
    monkeypatch.setattr(daemons, "SOCKETS", str(tmp_path))
    return tmp_path


@pytest.fixture
def daemon(directory: Path) -> Iterator[FakeDaemon]:
    with _serving(directory) as daemon:
        yield daemon


@pytest.fixture
def other_daemon(directory: Path) -> Iterator[FakeDaemon]:
    with _serving(directory) as daemon:
        yield daemon
