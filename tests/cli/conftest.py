"""Daemons to ask, in the real directory or in one of a test's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fake_daemon import FakeDaemon, serving, serving_where_wg_looks
from wiresnake.cli import daemons


@pytest.fixture(scope="module")
def system_daemon() -> Iterator[FakeDaemon]:
    with serving_where_wg_looks() as daemon:
        yield daemon


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put the sockets into a directory of this test's own."""
    monkeypatch.setattr(daemons, "SOCKETS", str(tmp_path))
    return tmp_path


@pytest.fixture
def daemon(directory: Path) -> Iterator[FakeDaemon]:
    with serving(directory) as daemon:
        yield daemon


@pytest.fixture
def other_daemon(directory: Path) -> Iterator[FakeDaemon]:
    with serving(directory) as daemon:
        yield daemon
