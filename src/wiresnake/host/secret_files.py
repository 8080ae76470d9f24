"""Files that hold secrets: nobody else may read them at any moment, and none is ever half there."""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

_MODE: Final = 0o600


def create(path: Path, content: bytes) -> None:
    """Write a new file of mode 0600. Raises FileExistsError, or OSError with nothing left."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, _MODE)
    try:
        _fill(descriptor, content)
    except OSError:
        path.unlink()
        raise


def replace(path: Path, content: bytes) -> None:
    """Put ``content`` in the place of the file at once, so that a reader sees the old or the new.

    The new file has mode 0600 and, where that is allowed, the owner of the old. Raises OSError with
    the old one untouched.
    """
    path = path.resolve()
    owner = path.stat()
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    create(beside, content)
    try:
        with suppress(PermissionError):
            os.chown(beside, owner.st_uid, owner.st_gid)
        beside.rename(path)
    except OSError:
        beside.unlink()
        raise


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Let nobody else who asks for it change the file meanwhile, however often it is replaced.

    Raises OSError.
    """
    while True:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                yield
                return
        finally:
            os.close(descriptor)


def _fill(descriptor: int, content: bytes) -> None:
    with open(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
