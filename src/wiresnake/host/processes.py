"""Processes found by a mark in their environment, and ended.

Whoever starts a program may be killed before it learns a process id, and the program may go on in
the background under another one. The mark stays with it, and with all that it starts.
"""

import contextlib
import os
import select
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

PATIENCE: Final = 5.0
"""Seconds that a process may take to end when it is asked to."""


def marked(variable: str, value: str) -> list[int]:
    """Return the ids of the processes with ``variable=value`` in their environment.

    This one is never among them.
    """
    wanted = f"{variable}={value}".encode()
    found = []
    for directory in Path("/proc").iterdir():
        if not directory.name.isdigit() or int(directory.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):  # it ended, or is not ours to look at
            if wanted in (directory / "environ").read_bytes().split(b"\0"):
                found.append(int(directory.name))
    return found


def end(variable: str, value: str) -> None:
    """Return when no process has the mark.

    They are asked to end (SIGTERM), and killed if they stay, or start others meanwhile.
    """
    how = signal.SIGTERM
    while pids := marked(variable, value):
        with contextlib.ExitStack() as undo:
            handles = dict(_handles(pids, undo))
            # A number that still has the mark is the process behind its handle, or that handle is
            # of one that has ended, and signals nobody.
            ending = [handles[pid] for pid in marked(variable, value) if pid in handles]
            for handle in ending:
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(handle, how)
            until = time.monotonic() + PATIENCE
            for handle in ending:
                _wait_readable(handle, until)
        how = signal.SIGKILL


def _handles(pids: list[int], undo: contextlib.ExitStack) -> Iterator[tuple[int, int]]:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            handle = os.pidfd_open(pid)
            undo.callback(os.close, handle)
            yield pid, handle


def _wait_readable(descriptor: int, until: float) -> None:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    poll.poll(max(0.0, until - time.monotonic()) * 1000)
