"""Interop: hosts in network namespaces, and pairs of programs that must understand each other.

Each of our planes is put at both ends, and at either end of a tunnel to another implementation.
WIRESNAKE_INTEROP_SUBJECT puts another program in our place, so that the tests can be tried on
one that is known to work: `WIRESNAKE_INTEROP_SUBJECT=wireguard-go pytest tests/interop`.
"""

import os
from collections.abc import Iterator

import pytest

from bench.lab.programs import Program, named
from bench.lab.tunnels import Tunnel, tunnel

OTHER = "wireguard-go"
OURS = [
    pytest.param("wiresnake native", marks=pytest.mark.native),
    pytest.param("wiresnake portable"),
]
INSTEAD = os.environ.get("WIRESNAKE_INTEROP_SUBJECT")
SUBJECTS = [pytest.param(INSTEAD)] if INSTEAD else OURS


def pairs_of(subject: Program) -> list[tuple[Program, Program]]:
    """Return the subject with itself and with the other one; the left of each pair initiates."""
    other = named(OTHER)
    both = [(subject, subject)]
    return both if subject == other else [*both, (subject, other), (other, subject)]


@pytest.fixture(scope="session", params=SUBJECTS)
def subject(request: pytest.FixtureRequest) -> Program:
    return named(request.param)


@pytest.fixture(scope="session")
def subjects() -> list[Program]:
    return [named(str(each.values[0])) for each in SUBJECTS]


@pytest.fixture(scope="session")
def other() -> Program:
    return named(OTHER)


@pytest.fixture(scope="module", params=["both", "initiates", "responds"])
def pair(request: pytest.FixtureRequest, subject: Program) -> tuple[Program, Program]:
    """Both programs of a pair; the left one initiates."""
    pairs = dict(zip(["both", "initiates", "responds"], pairs_of(subject), strict=False))
    if request.param not in pairs:
        pytest.skip("it is with itself in every role")
    return pairs[request.param]


@pytest.fixture
def fresh(pair: tuple[Program, Program]) -> Iterator[Tunnel]:
    """Make a tunnel of this test's own."""
    with tunnel(*pair) as made:
        yield made
