"""The newest wireguard-go, built from source through the Go module proxy."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from bench.lab.programs import Program, wireguard_go
from bench.measures.peers import NEWEST

MODULE = "golang.zx2c4.com/wireguard@latest"
BUILD_LIMIT = 300.0


def built_here() -> Path:
    """Return where the program is kept between runs: a directory of this user's own."""
    return Path(tempfile.gettempdir()) / f"wiresnake-bench-{os.getuid()}" / "wireguard"


def newest_wireguard_go() -> Program | None:
    """Build it if it is not there yet; return None where Go is missing or cannot build it."""
    program = built_here()
    if not program.exists():
        if shutil.which("go") is None:
            return None
        program.parent.mkdir(mode=0o700, exist_ok=True)
        built = subprocess.run(
            ["go", "install", MODULE],
            env={**os.environ, "GOBIN": str(program.parent)},
            capture_output=True,
            check=False,
            timeout=BUILD_LIMIT,
        )
        if built.returncode:
            return None
    if program.parent.stat().st_uid != os.getuid():
        return None  # somebody else's program is nothing to run
    return wireguard_go(str(program), NEWEST)
