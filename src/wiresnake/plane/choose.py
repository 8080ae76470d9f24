"""Which data plane a tunnel gets."""

from typing import Final

from wiresnake.plane.contract import DataPlane, Inner, PlaneLost
from wiresnake.plane.process import PlaneProcess

KINDS: Final = ("auto", "portable", "native")


def open_plane(kind: str, inner: Inner) -> DataPlane:
    """Start a plane of this kind over the inner side, whose descriptor stays the caller's.

    ``auto`` is the native plane where it is built, else the portable one. Raises PlaneLost where
    it cannot be started.
    """
    if kind not in KINDS:
        raise PlaneLost(f"no plane is called `{kind}'")
    if kind == "portable":
        return PlaneProcess(inner)
    try:
        from wiresnake.plane.native import NativePlane
    except ImportError as missing:
        if kind == "auto":
            return PlaneProcess(inner)
        raise PlaneLost(
            "the native plane is not part of this installation: install again where cargo is,"
            f" or choose the portable one ({missing})"
        ) from missing
    return NativePlane(inner)
