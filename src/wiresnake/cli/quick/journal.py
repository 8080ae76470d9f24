"""The journal of one interface: which steps were done, or begun, and not undone yet.

It is in /run, as what it speaks of, and goes with it when the machine ends. A step is written down
before it is done, so that whoever comes after a crash finds all that may have to be undone.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec

from wiresnake.cli.quick.voice import Failed
from wiresnake.config.steps import SetMark, Step
from wiresnake.host import notes


class Journal(msgspec.Struct):
    """What one `up` did. ``path`` is the file it read; ``mark`` is in its daemon's environment.

    ``ready``: it came to its end.
    """

    interface: str
    path: str
    mark: str
    ready: bool = False
    steps: list[Step] = []

    @property
    def own_mark(self) -> int:
        """The packet mark that `up` chose itself, 0 if none."""
        return next((step.mark for step in self.steps if isinstance(step, SetMark)), 0)

    def write(self) -> None:
        """Keep it. Raises Failed."""
        try:
            notes.write(path_of(self.interface), msgspec.json.encode(self))
        except OSError as error:
            raise Failed(f"{path_of(self.interface)}: {error.strerror}") from None

    def remove(self) -> None:
        """Forget it: all is undone. Raises OSError."""
        notes.remove(path_of(self.interface))


def path_of(interface: str) -> Path:
    """Return where the journal of an interface is."""
    return notes.DIRECTORY / f"{interface}.json"


@contextmanager
def one_at_a_time(interface: str) -> Iterator[None]:
    """Let nobody else bring the interface up or down while the block lasts. Raises Failed."""
    lock = notes.DIRECTORY / f"{interface}.lock"
    with ExitStack() as stack:
        try:
            stack.enter_context(notes.locked(lock))
        except BlockingIOError:
            raise Failed(f"another `up' or `down' of {interface} is at work") from None
        except OSError as error:
            raise Failed(f"{lock}: {error.strerror}") from None
        yield


def load(interface: str) -> Journal | None:
    """Return the journal of an interface; None if there is none. Raises Failed."""
    path = path_of(interface)
    try:
        content = notes.read(path)
        return None if content is None else msgspec.json.decode(content, type=Journal)
    except OSError as error:
        raise Failed(f"{path}: {error.strerror}") from None
    except msgspec.MsgspecError as error:
        raise Failed(f"{path} is no journal of `up', remove it to do without: {error}") from None


def others(interface: str) -> list[Journal]:
    """Return the journals of all other interfaces. Raises Failed."""
    names = [path.stem for path in sorted(notes.DIRECTORY.glob("*.json"))]
    found = [load(name) for name in names if name != interface]
    return [journal for journal in found if journal is not None]
