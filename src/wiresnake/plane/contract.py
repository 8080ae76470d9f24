"""The contract every data plane keeps (ARCHITECTURE: one narrow door).

Control pulls; a plane never calls back. The contract suite in tests/contract is its other half:
it never names a plane, and every plane passes it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from wiresnake.door.commands import AnyCommand, PeerNumber
from wiresnake.door.notices import AnyNotice
from wiresnake.door.snapshots import Observed


class RejectedBatch(ValueError):
    """A batch of commands was not valid; nothing of it had an effect. A fault of control's."""


class PlaneLost(RuntimeError):
    """The plane is gone or does not answer; the tunnel must fail closed."""


@dataclass(frozen=True, slots=True)
class Inner:
    """The inner side: any descriptor that gives one packet a read and takes one a write.

    ``vnet_header`` says that each carries a virtio-net header of 10 bytes; ``tso`` and ``uso`` that
    the other side accepts coalesced TCP and UDP trains. What is read decides for itself.
    """

    fd: int
    vnet_header: bool = False
    tso: bool = False
    uso: bool = False


class DataPlane(Protocol):
    """A data plane. All calls are made from one thread of control."""

    @property
    def kind(self) -> str:
        """The plane's name: ``portable`` or ``native``."""

    def apply(self, commands: Sequence[AnyCommand]) -> None:
        """Carry out an ordered batch; every later packet sees all of it.

        The batch is validated whole before its first effect. Descriptors in it pass to the plane.
        Raises RejectedBatch (nothing happened) or PlaneLost.
        """

    def drain(self) -> list[AnyNotice]:
        """Return the notices since the last drain, edges first, at most 64 handshakes.

        Raises PlaneLost.
        """

    def fileno(self) -> int:
        """Return a descriptor that is readable while there is something to drain."""

    def observe(self, peers: Sequence[PeerNumber]) -> list[Observed]:
        """Return snapshots of these peers, in this order; unknown peers are left out.

        Raises PlaneLost.
        """

    def counters(self) -> dict[str, int]:
        """Return the plane's own counters: every reason for a silent drop, cookies sent, depths.

        Raises PlaneLost.
        """

    def close(self) -> None:
        """End the plane and what it started; idempotent."""
