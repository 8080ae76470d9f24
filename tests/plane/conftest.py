import socket

import pytest

from wiresnake.plane.contract import Inner


@pytest.fixture
def inner():
    """Give an inner side whose far end nobody reads."""
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    near.setblocking(False)
    with near, far:
        yield Inner(near.fileno())
