import sys

import pytest

from wiresnake.plane.choose import open_plane
from wiresnake.plane.contract import PlaneLost


@pytest.fixture
def not_built(monkeypatch):
    """Let the native plane be missing from this installation."""
    monkeypatch.delitem(sys.modules, "wiresnake.plane.native", raising=False)
    monkeypatch.setitem(sys.modules, "wiresnake.plane._native", None)


def test_a_plane_that_nobody_knows_is_said_so(inner):
    with pytest.raises(PlaneLost, match="imaginary"):
        open_plane("imaginary", inner)


@pytest.mark.usefixtures("not_built")
def test_a_native_plane_that_is_not_built_is_said_so(inner):
    with pytest.raises(PlaneLost, match="the native plane is not part of this installation"):
        open_plane("native", inner)


@pytest.mark.usefixtures("not_built")
def test_auto_is_the_portable_plane_where_the_native_one_is_not_built(inner):
    plane = open_plane("auto", inner)
    assert plane.kind == "portable"
    plane.close()


@pytest.mark.native
@pytest.mark.parametrize("kind", ["auto", "native"])
def test_auto_is_the_native_plane_where_it_is_built(inner, kind):
    plane = open_plane(kind, inner)
    assert plane.kind == "native"
    plane.close()


def test_the_portable_plane_can_be_chosen(inner):
    plane = open_plane("portable", inner)
    assert plane.kind == "portable"
    plane.close()
