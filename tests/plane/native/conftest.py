import time

import pytest

LIMIT = 20.0


def wait_until(condition):
    deadline = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.001)


@pytest.fixture
def open_native():
    """Open native planes that are closed at the end: ``open_native(inner, workers)``."""
    from wiresnake.plane.native import NativePlane

    opened = []

    def open_one(inner, workers=None):
        opened.append(NativePlane(inner, workers))
        return opened[-1]

    yield open_one
    for plane in opened:
        plane.close()
