"""The keys of a terminal, one at a time and unseen; and everything as it was afterwards."""

import os
import select
import signal
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Keyboard:
    """The keys of standard input. Where that is no terminal there are none."""

    def __init__(self) -> None:
        self._fd = sys.stdin.fileno() if sys.stdin.isatty() else -1

    def pressed(self, patience: float) -> str:
        """Wait up to ``patience`` seconds for a key, and return it; "" if none came."""
        if self._fd < 0:
            select.select([], [], [], patience)
            return ""
        readable, _, _ = select.select([self._fd], [], [], patience)
        if not readable:
            return ""
        key = os.read(self._fd, 1)
        if not key:  # the terminal hung up
            raise EOFError
        return key.decode("ascii", "replace")

    @contextmanager
    def unseen(self) -> Iterator[None]:
        """Read keys without a newline and without showing them, in the block.

        SIGTERM and SIGHUP end the block too, so that the terminal is restored. It is not stopped
        half way: SIGTSTP is ignored.
        """
        kept = termios.tcgetattr(self._fd) if self._fd >= 0 else None
        handlers = {
            signal.SIGTERM: signal.signal(signal.SIGTERM, _leave),
            signal.SIGHUP: signal.signal(signal.SIGHUP, _leave),
            signal.SIGTSTP: signal.signal(signal.SIGTSTP, signal.SIG_IGN),
        }
        try:
            if kept is not None:
                tty.setcbreak(self._fd)
            yield
        finally:
            if kept is not None:
                termios.tcsetattr(self._fd, termios.TCSADRAIN, kept)
            for number, handler in handlers.items():
                signal.signal(number, handler)


def _leave(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
