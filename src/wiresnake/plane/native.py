"""The native plane: threads in Rust that never ask for the interpreter's lock (native/).

What crosses is what crosses to the portable plane's process, the door's plain values in msgpack;
here it is a call and not a socket. Importing this module fails where the native part is not built.
"""

import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

import msgspec

from wiresnake.door.commands import AnyCommand, PeerNumber
from wiresnake.door.notices import AnyNotice, PlaneFailed
from wiresnake.door.snapshots import Observed
from wiresnake.plane._native import Plane
from wiresnake.plane.contract import Inner, PlaneLost, RejectedBatch
from wiresnake.plane.frames import OBSERVED_AT_ONCE, check_sockets, descriptors_in

_Answer = TypeVar("_Answer")

_encoder = msgspec.msgpack.Encoder()
_notices = msgspec.msgpack.Decoder(list[AnyNotice])
_snapshots = msgspec.msgpack.Decoder(list[Observed])


class NativePlane:
    """A data plane of threads in this process.

    It works on a duplicate of ``inner.fd``; the original stays the caller's. ``workers`` threads
    work each way, or as many as suit the processors there are. Raises PlaneLost where the process
    has no threads or descriptors left.
    """

    def __init__(self, inner: Inner, workers: int | None = None) -> None:
        try:
            self._plane = Plane(inner.fd, inner.vnet_header, inner.tso, inner.uso, workers)
        except OSError as error:
            raise PlaneLost(f"the native plane cannot be started: {error}") from error
        self._fileno = self._plane.fileno()

    @property
    def kind(self) -> str:
        """The plane's name."""
        return "native"

    def apply(self, commands: Sequence[AnyCommand]) -> None:
        """Carry out a batch (see `contract.DataPlane`). Raises RejectedBatch or PlaneLost.

        Descriptors in a rejected batch stay the caller's.
        """
        descriptors = descriptors_in(commands)
        check_sockets(descriptors)
        with_encoded(commands, lambda batch: self._asked(lambda: self._plane.apply(batch)))
        for fd in descriptors:
            os.close(fd)

    def drain(self) -> list[AnyNotice]:
        """Return the notices since the last drain. Raises PlaneLost."""
        notices, failure = self._asked(self._plane.drain)
        drained = read_notices(notices)
        return drained if failure is None else [*drained, PlaneFailed(failure)]

    def fileno(self) -> int:
        """Return a descriptor that is readable while there is something to drain."""
        return self._fileno

    def observe(self, peers: Sequence[PeerNumber]) -> list[Observed]:
        """Return snapshots of these peers. Raises PlaneLost."""
        observed: list[Observed] = []
        for start in range(0, len(peers), OBSERVED_AT_ONCE):
            numbers = _encoder.encode(list(peers[start : start + OBSERVED_AT_ONCE]))
            observed += read_snapshots(self._asked(partial(self._plane.observe, numbers)))
        return observed

    def counters(self) -> dict[str, int]:
        """Return every counter and depth. Raises PlaneLost."""
        return self._asked(self._plane.counters)

    def close(self) -> None:
        """End the threads and close the descriptors; idempotent."""
        self._plane.close()

    def _asked(self, call: Callable[[], _Answer]) -> _Answer:
        try:
            return call()
        except RuntimeError as gone:
            raise PlaneLost(str(gone)) from None


def with_encoded(commands: Sequence[AnyCommand], carry_out: Callable[[bytearray], None]) -> None:
    """Call ``carry_out`` with an encoded batch, which is overwritten after that: session keys may
    be in it. Raises RejectedBatch.
    """
    batch = bytearray()
    try:
        _encoder.encode_into(list(commands), batch)
        carry_out(batch)
    except (TypeError, ValueError, OverflowError) as fault:
        raise RejectedBatch(str(fault)) from None
    finally:
        batch[:] = bytes(len(batch))


def read_notices(encoded: bytes) -> list[AnyNotice]:
    """Return the notices that the native core encoded."""
    return _notices.decode(encoded)


def read_snapshots(encoded: bytes) -> list[Observed]:
    """Return the snapshots that the native core encoded."""
    return _snapshots.decode(encoded)
