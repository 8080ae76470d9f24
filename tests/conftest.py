"""What every test may rely on: needs that are said, profiles, and who runs beside whom.

A test that needs root, namespaces and a TUN device says ``@pytest.mark.root``; one that needs the
native plane says ``@pytest.mark.native``; one that needs programs says
``@pytest.mark.needs("wg", "ping")``, or calls the fixture `require` half way. Where something is
lacking the test is skipped, or fails if WIRESNAKE_REQUIRE_ALL=1.

Tests of ``root`` run one after the other on one worker, so that they measure and load nothing but
themselves; all others may run beside them.
"""

import functools
import importlib.util
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Never

import pytest
from hypothesis import HealthCheck, settings

# Deadlines and slowness speak of the machine, not of the code.
_CALM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("quick", _CALM, max_examples=50)
settings.register_profile("ci", _CALM, max_examples=50, derandomize=True)
settings.register_profile("long", _CALM, max_examples=2000)
settings.register_profile(
    "fuzz", _CALM, max_examples=int(os.environ.get("WIRESNAKE_FUZZ_EXAMPLES", "5000"))
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="also run the tests marked long")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs(*programs): programs that must be installed")
    if not config.getoption("--hypothesis-profile", None):
        profile = "long" if config.getoption("--long") else "ci" if "CI" in os.environ else "quick"
        settings.load_profile(profile)


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--long"):
        later = [item for item in items if item.get_closest_marker("long")]
        config.hook.pytest_deselected(items=later)
        items[:] = [item for item in items if item not in later]
    for item in items:
        if item.get_closest_marker("root") and not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group("root"))


@pytest.hookimpl(tryfirst=True)  # before the fixtures, which would fail for what is lacking
def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("root") and (lack := _lack_of_privilege()):
        _give_up(lack)
    if item.get_closest_marker("native") and not _native_is_built():
        _give_up("needs the native plane")
    for mark in item.iter_markers("needs"):
        _require(*mark.args)


@pytest.fixture(scope="session")
def require() -> Callable[..., None]:
    """Skip, or fail, unless these programs are installed: ``require("wg", "ping")``."""
    return _require


def _require(*programs: str) -> None:
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        _give_up(f"needs {', '.join(missing)}")


@functools.cache
def _native_is_built() -> bool:
    return importlib.util.find_spec("wiresnake.plane._native") is not None


def _give_up(lack: str) -> Never:
    if os.environ.get("WIRESNAKE_REQUIRE_ALL") == "1":
        pytest.fail(f"{lack}, and WIRESNAKE_REQUIRE_ALL=1", pytrace=False)
    pytest.skip(lack)


@functools.cache
def _lack_of_privilege() -> str:
    if os.geteuid() != 0:
        return "needs root"
    if not Path("/dev/net/tun").exists():
        return "needs /dev/net/tun"
    for program in ("ip", "nsenter", "unshare"):
        if shutil.which(program) is None:
            return f"needs {program}"
    attempt = subprocess.run(["unshare", "--net", "--mount", "true"], capture_output=True)
    return "needs the right to make namespaces" if attempt.returncode else ""
