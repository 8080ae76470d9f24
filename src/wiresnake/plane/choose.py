"""Which data plane a tunnel gets."""

from typing import Final

from wiresnake.plane.contract import DataPlane, Inner, PlaneLost
from wiresnake.plane.process import PlaneProcess

KINDS: Final = ("auto", "portable", "native")


def open_plane(kind: str, inner: Inner) -> DataPlane:
    """Start a plane of this kind over the inner side, whose descriptor stays the caller's.

    ``auto`` is the fastest plane there is. Raises PlaneLost where it cannot be started.
    """
    if kind not in KINDS:
        raise PlaneLost(f"no plane is called `{kind}'")
    if kind == "native":
        raise PlaneLost("the native plane is not part of this installation")
    return PlaneProcess(inner)
