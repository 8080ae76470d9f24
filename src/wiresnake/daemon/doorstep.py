"""A listening socket's file: made with care, watched, and removed again."""

import ctypes
import errno
import os
import socket
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from wiresnake.daemon.options import CannotStart

DIRECTORY: Final = Path("/var/run/wireguard")
CONTROL_DIRECTORY: Final = Path("/run/wiresnake")
_BACKLOG: Final = 64
_IN_CHANGES: Final = (
    0x40 | 0x80 | 0x200 | 0x400 | 0x800
)  # moved from, to, deleted, self, moved self
_IN_FLAGS: Final = os.O_NONBLOCK | os.O_CLOEXEC


def socket_path(name: str, directory: Path = DIRECTORY) -> Path:
    """Return where the socket of the interface ``name`` is, that of the UAPI unless said."""
    return directory / f"{name}.sock"


def is_live(path: Path) -> bool:
    """Whether a daemon answers at ``path``."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(0)
        try:
            probe.connect(str(path))
        except BlockingIOError:
            return True  # it listens, and its backlog is full
        except OSError:
            return False
    return True


@dataclass(slots=True)
class Doorstep:
    """A listening Unix socket, its file, and an inotify descriptor that watches the file.

    ``watch`` is -1 for a socket without a file of its own.
    """

    listener: socket.socket
    path: Path | None
    watch: int
    _identity: tuple[int, int]

    @classmethod
    def build(cls, path: Path) -> Self:
        """Listen at ``path``; the socket of a dead daemon is replaced.

        The caller knows that none is alive there. Raises CannotStart.
        """
        try:
            _ensure_directory(path.parent)
        except OSError as error:
            raise CannotStart(f"{path}: {error.strerror}") from None
        return cls._watched(_listen(path), path)

    @classmethod
    def build_private(cls, path: Path) -> Self:
        """Listen at ``path``, in a directory that is nobody else's (0700), without a watch.

        A directory that others may write to would let them take the place of the socket. Raises
        CannotStart.
        """
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = path.parent.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {0, os.geteuid()}:
                raise CannotStart(f"{path.parent} is not a directory of this user")
            if found.st_mode & 0o022:
                raise CannotStart(f"{path.parent} is writable for others: chmod 0700 it")
        except OSError as error:
            raise CannotStart(f"{path.parent}: {error.strerror}") from None
        if is_live(path):
            raise CannotStart(f"another daemon answers at {path}")
        return cls(_listen(path), path, -1, _identity(path))

    @classmethod
    def adopt(cls, descriptor: int) -> Self:
        """Take over a listening stream socket. Raises CannotStart."""
        try:
            listener = socket.socket(fileno=descriptor)
        except OSError as error:
            raise CannotStart(f"descriptor {descriptor}: {error.strerror}") from None
        listening = listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        if not listening or listener.family != socket.AF_UNIX:
            listener.detach()  # whoever handed it in may look at it still
            raise CannotStart(f"descriptor {descriptor} is not a listening Unix socket")
        listener.set_inheritable(False)
        listener.settimeout(0)
        name = listener.getsockname()
        path = Path(name) if isinstance(name, str) and name.startswith("/") else None
        return cls._watched(listener, path)

    @classmethod
    def _watched(cls, listener: socket.socket, path: Path | None) -> Self:
        if path is None:
            return cls(listener, None, -1, (0, 0))
        return cls(listener, path, _watch_directory(path.parent), _identity(path))

    def still_there(self) -> bool:
        """Whether the file is still the one that leads here. Empties the watch."""
        if self.path is None:
            return True
        with suppress(BlockingIOError):
            while os.read(self.watch, 65536):
                pass
        return _identity(self.path) == self._identity

    def close(self) -> None:
        """Stop listening; remove the file unless it is somebody else's by now. Idempotent."""
        self.listener.close()
        if self.path is not None:
            with suppress(OSError):
                if _identity(self.path) == self._identity:
                    self.path.unlink()
            self.path = None
        if self.watch >= 0:
            os.close(self.watch)
            self.watch = -1


def _listen(path: Path) -> socket.socket:
    """Listen there, in place of a dead daemon's socket, for this user alone. Raises CannotStart."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _remove_stale(path)
        listener.bind(str(path))
        path.chmod(0o600)
        listener.listen(_BACKLOG)
        listener.settimeout(0)
    except OSError as error:
        listener.close()
        raise CannotStart(f"{path}: {error.strerror}") from None
    return listener


def _identity(path: Path) -> tuple[int, int]:
    try:
        found = path.lstat()
    except OSError:
        return (0, 0)
    return found.st_dev, found.st_ino


def _ensure_directory(directory: Path) -> None:
    try:
        directory.mkdir(parents=True)
    except FileExistsError:
        return
    directory.chmod(0o755)  # whatever the umask: `wg` of others must see which sockets exist


def _remove_stale(path: Path) -> None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise OSError(errno.EBADF, "is in the way and is not a socket")
    path.unlink()


def _watch_directory(directory: Path) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    watch: int = libc.inotify_init1(_IN_FLAGS)
    if watch < 0 or libc.inotify_add_watch(watch, bytes(directory), _IN_CHANGES) < 0:
        reason = os.strerror(ctypes.get_errno())
        raise CannotStart(f"cannot watch {directory}: {reason}")
    return watch
