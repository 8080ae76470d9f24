"""Rivals that are built from source, through their registries' own clients, and kept for the next
run; so is the probe, from the sources beside this.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.contestants.contract import Absent

GO_MODULE = "golang.zx2c4.com/wireguard@latest"
CRATE = "boringtun-cli"
PROBE_SOURCES = Path(__file__).parent.parent / "probe"
BUILD_LIMIT = 600.0


def kept(name: str) -> Path:
    """Return the directory where one build is kept between runs: in one of this user's own.

    Raises Absent if that one is somebody else's, for what lies there would be run as root.
    """
    ours = Path(tempfile.gettempdir()) / f"wiresnake-bench-{os.getuid()}"
    ours.mkdir(mode=0o700, exist_ok=True)
    about = ours.lstat()
    if about.st_uid != os.getuid() or about.st_mode & 0o022:
        raise Absent(f"{ours} can be written by others: remove it")
    return ours / name


def newest_wireguard_go() -> Path:
    """Return the newest wireguard-go, built through the Go module proxy. Raises Absent."""
    place = kept("wireguard-go")
    return built(place / "wireguard", ["go", "install", GO_MODULE], {"GOBIN": str(place)})


def boringtun() -> Path:
    """Return boringtun's program, built by cargo. Raises Absent."""
    place = kept("boringtun")
    return built(
        place / "bin" / CRATE, ["cargo", "install", "--locked", CRATE, "--root", str(place)]
    )


def probe() -> Path:
    """Return the ceiling probe, built by gcc and cargo. Raises Absent."""
    place = kept("probe")
    return built(place / "limit", [str(PROBE_SOURCES / "build.sh"), str(place)], {}, "cargo", "gcc")


def built(
    program: Path, build: Sequence[str], environment: dict[str, str] | None = None, *tools: str
) -> Path:
    """Return ``program``; if it is not there yet, run ``build``, which makes it.

    Raises Absent if that needs one of ``tools`` that is not here, or fails.
    """
    if program.exists():
        return program
    for tool in tools or (build[0],):
        if shutil.which(tool) is None:
            raise Absent(f"it is built by {tool}, which is not installed")
    print(f"building {program.name} ...", file=sys.stderr, flush=True)
    try:
        done = subprocess.run(
            build,
            env={**os.environ, **(environment or {})},
            capture_output=True,
            text=True,
            check=False,
            timeout=BUILD_LIMIT,
        )
    except subprocess.TimeoutExpired:
        raise Absent(f"its build took more than {BUILD_LIMIT:.0f} s") from None
    if done.returncode or not program.exists():
        lines = [line for line in done.stderr.strip().split("\n") if line]
        raise Absent(f"its build failed: {lines[-1] if lines else 'it said nothing'}")
    return program
