"""Installing: with cargo the native plane is there; without it one line says so and all else works.

Every installation is a fresh one, of a copy of the tree in which nothing is built.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
from pathlib import Path

import pytest

from wiresnake.host.namespaces import Namespace

pytestmark = [
    pytest.mark.slow,
    pytest.mark.needs("sh"),
    pytest.mark.xdist_group("packaging"),  # so that each installation is made once
]

HOME = Path(__file__).resolve().parents[2]
SHIPPED = ("pyproject.toml", "MANIFEST.in", "README.md", "LICENSE", ".ci", "src", "native")
BUILT = ("target", "*.so", "*.egg-info", "__pycache__")
RUST = {"cargo", "rustc", "rustup"}
LIMIT = 240


def run(argv, environment, cwd, check=True):
    done = subprocess.run(
        argv, cwd=cwd, env=environment, check=False, capture_output=True, text=True, timeout=LIMIT
    )
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


def copy_of_the_tree(to):
    to.mkdir()
    for name in SHIPPED:
        if (HOME / name).is_dir():
            shutil.copytree(HOME / name, to / name, ignore=shutil.ignore_patterns(*BUILT))
        else:
            shutil.copy(HOME / name, to / name)
    return to


@pytest.fixture(scope="module")
def environment():
    """Return this process's environment as somebody has it who develops nothing here."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    for name in ("CI", "CARGO", "RUSTC", "PYTHONPATH", "VIRTUAL_ENV", "MAKEFLAGS"):
        kept.pop(name, None)
    return {**kept, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "WIRESNAKE_PYTHON": sys.executable}


@pytest.fixture(scope="module")
def without_cargo(environment, tmp_path_factory):
    """Return the same, with every program of PATH but those of Rust."""
    programs = tmp_path_factory.mktemp("programs")
    for directory in os.environ["PATH"].split(os.pathsep):
        for program in Path(directory).glob("*"):
            link = programs / program.name
            if program.name not in RUST and not link.is_symlink():
                link.symlink_to(program)
    return {**environment, "PATH": str(programs)}


@pytest.fixture(scope="module")
def installed(without_cargo, tmp_path_factory):
    """Run `.ci/venv` where no cargo is; return the tree, and the run."""
    tree = copy_of_the_tree(tmp_path_factory.mktemp("without") / "tree")
    return tree, run([".ci/venv", "."], without_cargo, tree)


@pytest.fixture(scope="module")
def sdist(environment, tmp_path_factory):
    """Make a source distribution; return a Python that can build it, and the archive."""
    place = tmp_path_factory.mktemp("sdist")
    tree = copy_of_the_tree(place / "tree")
    run([sys.executable, "-m", "venv", "venv"], environment, place)
    python = place / "venv/bin/python"
    builds = tomllib.loads((tree / "pyproject.toml").read_text())["build-system"]["requires"]
    run([python, "-m", "pip", "install", "-q", *builds], environment, place)
    build = "from setuptools.build_meta import build_sdist; build_sdist('..')"
    run([python, "-c", build], environment, tree)
    (archive,) = place.glob("*.tar.gz")
    return python, archive


def ask(tree, environment, code):
    return run([tree / ".venv/bin/python", "-c", code], environment, tree).stdout


def test_without_cargo_it_installs_and_one_line_says_what_is_not_there(installed):
    _, said = installed
    assert said.stdout == ""
    assert said.stderr == "without cargo there is no native plane: the portable one serves\n"


def test_where_tests_must_not_be_skipped_a_native_plane_that_fails_to_build_is_an_error(
    installed, without_cargo, tmp_path
):
    tree, _ = installed
    cargo = tmp_path / "cargo"
    cargo.write_text("#!/bin/sh\nexit 1\n")
    cargo.chmod(0o755)
    environment = {**without_cargo, "PATH": f"{tmp_path}{os.pathsep}{without_cargo['PATH']}"}
    done = run([".ci/venv", "."], {**environment, "CI": "true"}, tree, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("cargo is here, yet the native plane was not built")
    assert done.stderr.count("\n") == 1


def test_without_cargo_auto_is_the_portable_plane_and_native_is_refused(installed, without_cargo):
    tree, _ = installed
    planes = """
import socket
from wiresnake.plane.choose import open_plane
from wiresnake.plane.contract import Inner, PlaneLost
near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
near.setblocking(False)
plane = open_plane("auto", Inner(near.fileno()))
print(plane.kind)
plane.close()
try:
    open_plane("native", Inner(near.fileno()))
except PlaneLost as lost:
    print(lost)
"""
    auto, native = ask(tree, without_cargo, planes).splitlines()
    assert auto == "portable"
    assert native.startswith("the native plane is not part of this installation")


@pytest.mark.root
@pytest.mark.parametrize(
    ("words", "variable"), [(["--plane", "native"], {}), ([], {"WIRESNAKE_PLANE": "native"})]
)
def test_a_daemon_that_is_told_to_be_native_ends_with_one_line(
    installed, without_cargo, words, variable
):
    tree, _ = installed
    with Namespace("packaging") as host:
        program = [str(tree / ".venv/bin/wiresnaked"), *words, "wg0"]
        done = host.run(program, env={**without_cargo, **variable}, check=False)
        links = host.ip("-o", "link")
    assert done.returncode == 1
    assert done.stderr.startswith("wiresnaked: the native plane is not part of this installation")
    assert done.stderr.count("\n") == 1
    assert "wg0" not in links


@pytest.mark.root
def test_a_daemon_that_may_choose_is_portable(installed, without_cargo, tmp_path):
    tree, _ = installed
    log = tmp_path / "log"
    environment = {**without_cargo, "LOG_LEVEL": "verbose"}
    with Namespace("packaging") as host, log.open("wb") as sink:
        program = [str(tree / ".venv/bin/wiresnaked"), "wg0"]
        starting = host.popen(program, stderr=sink, env=environment)
        assert starting.wait(LIMIT) == 0, log.read_text()
        host.ip("link", "del", "wg0")
    assert "packets go through the portable plane" in log.read_text()


def test_a_source_distribution_holds_the_native_plane(sdist):
    _, archive = sdist
    with tarfile.open(archive) as packed:
        held = {name.partition("/")[2] for name in packed.getnames()}
    native = [
        path
        for path in (HOME / "native").rglob("*")
        if path.suffix in {".rs", ".toml", ".lock"}
        and not {"target", "fuzz"} & set(path.relative_to(HOME).parts)
    ]
    assert len(native) > 50
    wanted = {str(path.relative_to(HOME)) for path in native} | {"LICENSE", "README.md"}
    assert wanted - held == set()
    assert not [name for name in held if "/target/" in name or name.endswith(".so")]


@pytest.mark.needs("cargo")
def test_with_cargo_the_native_plane_is_built_from_the_source_distribution(sdist, environment):
    python, archive = sdist
    # What the crates depend on need not be compiled again.
    target = {"CARGO_TARGET_DIR": str(HOME / "native/target")}
    pip = [python, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", archive]
    run(pip, {**environment, **target}, archive.parent)
    suffix = sysconfig.get_config_var("EXT_SUFFIX").rpartition(".")[2]
    where = "import wiresnake.plane._native as it; print(it.__file__, it.Plane.__module__)"
    file, module = run([python, "-c", where], environment, archive.parent).stdout.split()
    assert file.startswith(str(python.parents[1]))
    assert file.endswith(f".abi3.{suffix}")
    assert module == "wiresnake.plane._native"
