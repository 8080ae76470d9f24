"""The portable plane in the caller's own process, moved on by the caller: for tests.

It is what `process.PlaneProcess` runs elsewhere, less the process.
"""

import os
import select
from collections.abc import Callable, Sequence

from wiresnake.door.commands import AnyCommand, PeerNumber, Sockets
from wiresnake.door.notices import AnyNotice
from wiresnake.door.snapshots import Observed
from wiresnake.host.clock import boottime
from wiresnake.plane.contract import Inner, PlaneLost
from wiresnake.plane.frames import check_sockets, descriptors_of
from wiresnake.plane.portable.shell import Shell
from wiresnake.values.instants import Instant


class PortablePlane:
    """A data plane that moves packets only while `step` runs.

    ``inner.fd`` stays the caller's.
    """

    def __init__(self, inner: Inner, clock: Callable[[], Instant] = boottime) -> None:
        self._clock = clock
        self._shell: Shell | None = Shell(inner, clock)
        self._due = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    @property
    def kind(self) -> str:
        """The plane's name."""
        return "portable"

    def step(self, timeout: float = 0.0) -> bool:
        """Move what is there to move, after waiting up to ``timeout`` seconds for it to come.

        False if there was nothing.
        """
        moved = self._open().step(timeout)
        self._signal()
        return moved

    def apply(self, commands: Sequence[AnyCommand]) -> None:
        """Carry out a batch (see `contract.DataPlane`). Raises RejectedBatch or PlaneLost."""
        engine = self._open().engine
        for command in commands:
            if isinstance(command, Sockets):
                check_sockets(descriptors_of(command))
        engine.apply(commands, self._clock())
        self._signal()

    def drain(self) -> list[AnyNotice]:
        """Return the notices since the last drain. Raises PlaneLost."""
        engine = self._open().engine
        if select.select([self._due], [], [], 0)[0]:
            os.eventfd_read(self._due)
        notices = engine.drain()
        self._signal()
        return notices

    def fileno(self) -> int:
        """Return a descriptor that is readable while there is something to drain."""
        return self._due

    def observe(self, peers: Sequence[PeerNumber]) -> list[Observed]:
        """Return snapshots of these peers. Raises PlaneLost."""
        return self._open().engine.observe(peers)

    def counters(self) -> dict[str, int]:
        """Return every counter and depth. Raises PlaneLost."""
        return self._open().engine.counters()

    def close(self) -> None:
        """Close sockets and descriptors; idempotent."""
        if self._shell is not None:
            self._shell.close()
            self._shell = None
            os.close(self._due)

    def _open(self) -> Shell:
        if self._shell is None:
            raise PlaneLost("the plane is closed")
        return self._shell

    def _signal(self) -> None:
        if self._open().engine.has_notices:
            os.eventfd_write(self._due, 1)
