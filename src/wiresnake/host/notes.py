"""Notes that outlive the process that takes them: small files in a directory of this user alone.

Each is replaced as a whole, so that whoever comes after a crash reads what was written last, or
what was written before that, and never a part.
"""

import contextlib
import fcntl
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from wiresnake.host import secret_files

DIRECTORY: Final = Path("/run/wiresnake")


class Untrusted(OSError):
    """Somebody else could have written there; the text is one line that says where."""

    def __str__(self) -> str:
        return str(self.strerror)


def write(path: Path, content: bytes) -> None:
    """Put ``content`` in the place of the file at once; mode 0600, its directory 0700.

    Raises OSError; Untrusted if the directory is another user's or others may write in it.
    """
    _prepare(path.parent)
    beside = path.with_name(f".{path.name}.new")
    beside.unlink(missing_ok=True)
    secret_files.create(beside, content)
    beside.rename(path)


def read(path: Path) -> bytes | None:
    """Return what was written; None if there is nothing. Raises OSError, Untrusted."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    with open(descriptor, "rb") as file:
        _check(path.parent, path.parent.stat())
        _check(path, os.fstat(file.fileno()))
        return file.read()


def remove(path: Path) -> None:
    """Remove the file, if it is there. Raises OSError."""
    path.unlink(missing_ok=True)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Be the only one who holds the lock ``path`` while the block lasts; nothing stays of it.

    Raises BlockingIOError if somebody holds it; OSError, Untrusted.
    """
    _prepare(path.parent)
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Who held it before may have removed the file between the two calls.
            if not _is_at(descriptor, path):
                continue
            try:
                yield
            finally:
                remove(path)
            return
        finally:
            os.close(descriptor)


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _prepare(directory: Path) -> None:
    with contextlib.suppress(FileExistsError):
        directory.mkdir(mode=0o700)
    _check(directory, directory.stat())


def _check(path: Path, status: os.stat_result) -> None:
    if status.st_uid != os.geteuid() or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise Untrusted(
            1, f"{path} is not trusted: it must be this user's, and only this user may write there"
        )
