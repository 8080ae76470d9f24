"""A control socket that says what it is told to say, and keeps what it is asked."""

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path


class FakeControl:
    """Answers each request with the next of `replies`, a line or several of raw bytes.

    After the last one it hangs up.
    """

    def __init__(self, path: Path, *replies: bytes) -> None:
        self.asked: list[dict] = []
        self._replies = replies
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(path))
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
                    for reply in self._replies:
                        line = stream.readline()
                        if not line:
                            break
                        self.asked.append(json.loads(line))
                        stream.write(reply)
                        stream.flush()

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listening.close()


@contextlib.contextmanager
def controlling(path: Path, *replies: bytes) -> Iterator[FakeControl]:
    fake = FakeControl(path, *replies)
    try:
        yield fake
    finally:
        fake.close()
        path.unlink()


def line(**words: object) -> bytes:
    return json.dumps(words).encode() + b"\n"
