"""Interop: hosts in network namespaces, and pairs of programs that must understand each other.

WIRESNAKE_INTEROP_SUBJECT puts another program in our place, so that the tests can be tried on
one that is known to work: `WIRESNAKE_INTEROP_SUBJECT=wireguard-go pytest tests/interop`.
"""

import os
from collections.abc import Iterator

import pytest

from bench.lab.programs import Program, named
from bench.lab.tunnels import Tunnel, tunnel

SUBJECT = os.environ.get("WIRESNAKE_INTEROP_SUBJECT", "wiresnake")
OTHER = "wireguard-go"
PAIRS = list(dict.fromkeys([(SUBJECT, SUBJECT), (SUBJECT, OTHER), (OTHER, SUBJECT)]))


@pytest.fixture(scope="session")
def subject() -> Program:
    return named(SUBJECT)


@pytest.fixture(scope="session")
def other() -> Program:
    return named(OTHER)


@pytest.fixture(scope="session")
def pairs() -> list[tuple[Program, Program]]:
    return [(named(left), named(right)) for left, right in PAIRS]


@pytest.fixture(scope="module", params=PAIRS, ids="-".join)
def pair(request: pytest.FixtureRequest) -> tuple[Program, Program]:
    """Both programs of a pair; the left one initiates."""
    left, right = request.param
    return named(left), named(right)


@pytest.fixture
def fresh(pair: tuple[Program, Program]) -> Iterator[Tunnel]:
    """Make a tunnel of this test's own."""
    with tunnel(*pair) as made:
        yield made
