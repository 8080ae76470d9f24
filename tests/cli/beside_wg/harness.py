"""One input to the real `wg` and to wiresnake under that name; what both did, made comparable."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.fake_daemon import FakeDaemon
from wiresnake.cli import daemons
from wiresnake.cli.main import main
from wiresnake.host.namespaces import Namespace
from wiresnake.values.addresses import Prefix
from wiresnake.values.keys import PrivateKey

_KEY_LIKE = re.compile(r"[A-Za-z0-9+/]{20,}={0,2}")
_SECRET_VALUE = re.compile(r"((?:private|preshared)key=)[^']+'", re.IGNORECASE)
ENVIRONMENT = {"PATH": os.environ.get("PATH", ""), "WG_ENDPOINT_RESOLUTION_RETRIES": "0"}


@dataclass(frozen=True)
class Case:
    """Words for `wg`, in which IF is the daemon's interface, FILE and KEY are files.

    ``reply`` is what the daemon says to whatever it is asked; ``differs`` is the key of a known
    difference, which must then be there.
    """

    words: tuple[str, ...]
    reply: str = "errno=0\n\n"
    file: str = ""
    key: str = ""
    stdin: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    differs: str = ""


@dataclass(frozen=True)
class Outcome:
    """What a program did: its exit status, what it wrote, what it asked of the daemon."""

    status: int
    output: str
    errors: str
    requests: list[list[str]]


class Bench:
    """A host without a network, one daemon in it that says what it is told, and two files."""

    def __init__(self, host: Namespace, daemon: FakeDaemon, files: Path) -> None:
        self._host = host
        self._daemon = daemon
        self._files = files
        self._sockets = str(daemon.path.parent)

    def both(self, case: Case) -> tuple[Outcome, Outcome]:
        """Return what `wg` did and what we did."""
        theirs, ours = self._run(case, self._wg), self._run(case, self._wiresnake)
        for _ in range(3):  # the second may turn between the two, and "ago" with it
            if theirs == ours or case.differs or "ago" not in ours.output:
                break
            theirs, ours = self._run(case, self._wg), self._run(case, self._wiresnake)
        return theirs, ours

    def _run(self, case: Case, program) -> Outcome:
        self._daemon.reply = case.reply.encode()
        self._daemon.asked.clear()
        (self._files / "file").write_text(case.file)
        (self._files / "key").write_text(case.key)
        places = {
            "IF": self._daemon.name, "FILE": str(self._files / "file"),
            "KEY": str(self._files / "key"),
        }  # fmt: skip
        words = [places.get(word, word) for word in case.words]
        status, output, errors = program(words, case)
        return Outcome(
            status,
            _without_usage(output),
            _comparable(errors),
            list(map(_meaning, self._daemon.asked)),
        )

    def _wg(self, words: list[str], case: Case) -> tuple[int, str, str]:
        pid = self._host.pid
        enter = ["nsenter", f"--net=/proc/{pid}/ns/net", f"--mount=/proc/{pid}/ns/mnt"]
        done = subprocess.run(
            [*enter, "wg", *words],
            input=case.stdin.encode(),
            capture_output=True,
            env={**ENVIRONMENT, **case.environment},
            check=False,
        )
        return done.returncode, _text(done.stdout), _text(done.stderr)

    def _wiresnake(self, words: list[str], case: Case) -> tuple[int, str, str]:
        """Run our `wg` in a child of this process: an interpreter takes longer to start."""
        given, output, errors = (self._files / name for name in ("given", "output", "errors"))
        given.write_text(case.stdin)
        child = os.fork()
        if child == 0:
            status = 99
            try:
                for number, (path, mode) in enumerate(((given, "r"), (output, "w"), (errors, "w"))):
                    with path.open(mode) as file:
                        os.dup2(file.fileno(), number)
                sys.stdin, sys.stdout = open(0, closefd=False), open(1, "w", closefd=False)  # noqa: SIM115
                sys.stderr = open(2, "w", errors="backslashreplace", closefd=False)  # noqa: SIM115
                os.environ.clear()
                os.environ.update({**ENVIRONMENT, **case.environment})
                sys.argv = ["wg"]
                daemons.SOCKETS = self._sockets
                with self._host.enter():
                    status = main(words)
                sys.stdout.flush()
                sys.stderr.flush()
            finally:
                os._exit(status)
        _, ended = os.waitpid(child, 0)
        return (
            os.waitstatus_to_exitcode(ended), _text(output.read_bytes()), _text(errors.read_bytes())
        )  # fmt: skip


def _text(written: bytes) -> str:
    return written.decode(errors="backslashreplace")


def _without_usage(text: str) -> str:
    """Cut a text where it tells how a command is used, for we do so in our own words."""
    before, usage, _ = text.partition("Usage:")
    return before + usage


def _comparable(errors: str) -> str:
    """Hide what may be a key in the errors of both, for it is hidden in ours."""
    lines = []
    for line in _without_usage(errors).split("\n"):
        about_a_key = line.startswith("Key is not the correct length")
        shown = line.partition(":")[0] if about_a_key else line
        lines.append(_SECRET_VALUE.sub(r"\1(hidden)'", _KEY_LIKE.sub("(hidden)", shown)))
    return "\n".join(lines)


def _meaning(request: bytes) -> list[str]:
    """Return the lines of a request, values in one form: keys clamped, host bits cleared."""
    lines = []
    for line in request.decode().split("\n"):
        key, equals, value = line.partition("=")
        if key == "private_key":
            value = PrivateKey.from_hex(value).clamped().reveal().hex()
        elif key == "allowed_ip":
            sign = "-" if value.startswith("-") else ""
            value = f"{sign}{Prefix.parse(value.removeprefix(sign))}"
        lines.append(f"{key}{equals}{value}")
    return lines
