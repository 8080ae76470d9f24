"""Hosts to test on."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from wiresnake.host.namespaces import Namespace


@pytest.fixture
def undo() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def host() -> Iterator[Namespace]:
    """Make one host with a loopback alone."""
    with Namespace("host") as made:
        yield made


@pytest.fixture
def elsewhere() -> Iterator[Namespace]:
    """Make another."""
    with Namespace("elsewhere") as made:
        yield made
