"""A daemon that says what it is told to say, and keeps what it is asked."""

import contextlib
import itertools
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

_serial = itertools.count()


class FakeDaemon:
    """Answers every request on its UAPI socket with `reply`, and keeps what it was asked."""

    def __init__(self, directory: Path) -> None:
        self.name = f"wsf{os.getpid()}.{next(_serial)}"[-15:]
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
def serving(directory: Path) -> Iterator[FakeDaemon]:
    daemon = FakeDaemon(directory)
    try:
        yield daemon
    finally:
        daemon.close()


@contextlib.contextmanager
def serving_where_wg_looks() -> Iterator[FakeDaemon]:
    """Serve in the real directory; only root may."""
    directory = Path("/var/run/wireguard")
    directory.mkdir(mode=0o755, exist_ok=True)
    with serving(directory) as daemon:
        yield daemon
