"""Steps done one after the other, each written down before, and undone in reverse."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Literal, TypeAlias

from wiresnake.cli.quick import voice
from wiresnake.cli.quick.journal import Journal
from wiresnake.cli.quick.voice import Failed
from wiresnake.cli.quick.work import Work
from wiresnake.config.steps import MakeLink, Step
from wiresnake.host.programs import ProgramFailed

Watch: TypeAlias = Callable[[Literal["written", "done"], Step], None]
"""Is told when a step is in the journal, and when it is done. It may raise Failed."""

_ENDINGS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def nobody(_when: str, _step: Step) -> None:
    """Watch nothing."""


class Execution:
    """The steps of one `up`, as far as they got, in its journal and on the host."""

    def __init__(self, journal: Journal, work: Work, watch: Watch = nobody) -> None:
        self._journal = journal
        self._work = work
        self._watch = watch

    def do(self, steps: list[Step]) -> None:
        """Do the steps. Raises Failed at the first one that fails; it may be half done."""
        for step in steps:
            voice.step(step.words)
            self._journal.steps.append(step)
            self._journal.write()
            self._watch("written", step)
            try:
                self._work.do(step)
            except (OSError, ProgramFailed) as error:
                if isinstance(step, MakeLink):
                    # It cleans up after itself, and what has the name is somebody else's.
                    self._journal.steps.pop()
                raise Failed(_reason(step.words, error)) from None
            self._watch("done", step)

    def undo(self, *, asked: bool) -> None:
        """Undo all steps, the last one first; what cannot be undone stays in the journal.

        ``asked``: the user asked for the end of the interface, whoever made it. Raises Failed.
        """
        left: list[Step] = []
        failures = []
        with _undisturbed():
            for step in reversed(self._journal.steps):
                if not step.backwards:
                    continue
                voice.step(step.backwards)
                try:
                    self._work.undo(step, asked=asked)
                except (OSError, ProgramFailed) as error:
                    left.insert(0, step)
                    failures.append(_reason(step.backwards, error))
            self._journal.steps = left
            if left:
                self._journal.write()
            else:
                self._journal.remove()
        if failures:
            raise Failed(f"not undone: {'; '.join(failures)}")


@contextmanager
def _undisturbed() -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDINGS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _reason(words: str, error: Exception) -> str:
    why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return f"{words}: {why}"
