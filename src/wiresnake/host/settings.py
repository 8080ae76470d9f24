"""Settings of the kernel, as sysctl(8) has them."""

import os
from pathlib import Path
from typing import Final

ROOT: Final = Path("/proc/sys")


def read(name: str) -> str | None:
    """Return the value of the setting ``a.b.c``; None if there is none or it may not be read."""
    try:
        return _path(name).read_text(encoding="ascii").strip()
    except OSError:
        return None


def write(name: str, value: str) -> None:
    """Set it. Raises OSError; EROFS where /proc/sys is read-only, as in many containers."""
    _path(name).write_text(value, encoding="ascii")


def is_writable(name: str) -> bool:
    """Whether the setting is there, and may be written by this process."""
    return os.access(_path(name), os.W_OK)


def ipv6_is_off() -> bool:
    """Whether this host has no IPv6, or has it off everywhere."""
    return read("net.ipv6.conf.all.disable_ipv6") != "0"


def _path(name: str) -> Path:
    return ROOT / name.replace(".", "/")
