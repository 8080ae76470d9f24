"""WireGuard interfaces, whoever runs them: a daemon, or the kernel.

A daemon that is alive wins over an interface of the kernel with the same name.
"""

from errno import EACCES, EBADF, EINVAL, ENODEV
from typing import TYPE_CHECKING

from wiresnake.cli import daemons

if TYPE_CHECKING:
    from wiresnake.config.model import Change
    from wiresnake.config.reply import Report

_NO_DAEMON = {EACCES, EBADF, EINVAL, ENODEV}


def names() -> list[str]:
    """Return the interfaces of the kernel, then those of daemons. Raises OSError."""
    from wiresnake.host import wireguard

    kernel = wireguard.names()
    return [*kernel, *(name for name in daemons.names() if name not in kernel)]


def ask(name: str) -> "Report":
    """Return how one interface stands. Raises OSError; ENODEV if there is none."""
    try:
        return daemons.ask(name)
    except OSError as refused:
        if refused.errno not in _NO_DAEMON:
            raise
        from wiresnake.host import wireguard

        try:
            return wireguard.ask(name)
        except OSError as bad:
            raise _likelier(refused, bad) from None


def apply(name: str, change: "Change") -> None:
    """Change one interface. Raises OSError; ENODEV if there is none."""
    try:
        daemons.apply(name, change)
    except OSError as refused:
        if refused.errno not in _NO_DAEMON:
            raise
        from wiresnake.host import wireguard

        try:
            wireguard.apply(name, change)
        except OSError as bad:
            raise _likelier(refused, bad) from None


def _likelier(of_daemon: OSError, of_kernel: OSError) -> OSError:
    """Return what tells more: a kernel without the interface says nothing about a daemon's."""
    return of_daemon if of_kernel.errno == ENODEV else of_kernel
