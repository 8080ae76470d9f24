"""Going to the background: the parent waits until the child serves, and ends with its news.

The fork comes before anything else is imported or opened, so that no thread, loop or descriptor is
there to be halved.
"""

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

from wiresnake.daemon.options import CannotStart

_CRASHED = "ended before it was ready"


def in_background(serve: Callable[[Callable[[], None]], int], *, keep_stderr: bool) -> None:
    """Run ``serve(ready)`` in a child in a session of its own; return when it has called ``ready``.

    The child, and what it starts, has no standard input and output, nor standard error unless
    ``keep_stderr``. Raises CannotStart, in the parent, with what the child raised before it was
    ready.
    """
    news, teller = os.pipe()
    if os.fork() == 0:
        os.close(news)
        _child(serve, teller, keep_stderr=keep_stderr)
    os.close(teller)
    with open(news, encoding="utf-8", errors="replace") as told:
        line = told.readline()
    if line != "\n":
        raise CannotStart(line.strip() or _CRASHED)


def _child(
    serve: Callable[[Callable[[], None]], int], teller: int, *, keep_stderr: bool
) -> NoReturn:
    os.setsid()
    _leave_the_terminal(keep_stderr=keep_stderr)
    told = False

    def tell(line: str) -> None:
        nonlocal told
        if not told:
            told = True
            with suppress(BrokenPipeError):
                os.write(teller, line.encode() + b"\n")
            os.close(teller)

    status = 1
    try:
        status = serve(lambda: tell(""))
    except CannotStart as error:
        tell(str(error))
    except Exception as error:
        tell(f"{_CRASHED}: {type(error).__name__}")
        raise
    finally:
        # Not sys.exit: the caller's frames below belong to the parent.
        with suppress(OSError):
            sys.stderr.flush()
        os._exit(status)


def _leave_the_terminal(*, keep_stderr: bool) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1) if keep_stderr else (0, 1, 2):
        os.dup2(null, stream)
    os.close(null)
