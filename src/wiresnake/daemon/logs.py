"""Where a daemon's words go: standard error, or the system's log when that is gone."""

import logging
import os
from pathlib import Path
from typing import Final

_LEVELS: Final = {
    "verbose": logging.DEBUG,
    "debug": logging.DEBUG,
    "error": logging.ERROR,
    "silent": logging.CRITICAL + 1,
}
_SYSTEM_LOG: Final = "/dev/log"


def begin(name: str, level: str | None) -> None:
    """Log to standard error, each line with the interface's ``name``; ``level`` None is error."""
    logging.captureWarnings(capture=True)
    logging.basicConfig(
        level=_LEVELS[level or "error"],
        format=f"%(levelname)s: ({name}) %(asctime)s %(message)s",
        datefmt="%Y/%m/%d %H:%M:%S",
        force=True,
    )


def move_to_system_log(name: str) -> None:
    """Log to the system's log from now on, where there is one, since nobody reads our streams."""
    if not Path(_SYSTEM_LOG).exists():
        return
    from logging.handlers import SysLogHandler  # dear, and of use in this case only

    handler = SysLogHandler(_SYSTEM_LOG, SysLogHandler.LOG_DAEMON)
    handler.ident = f"wiresnaked[{os.getpid()}]: "
    handler.setFormatter(logging.Formatter(f"({name}) %(message)s"))
    logging.getLogger().handlers[:] = [handler]
