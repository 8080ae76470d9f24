"""The house keeps its order: sizes, names, and words that do not age."""

import ast
import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fake_daemon import serving

ROOT = Path(__file__).parent.parent.parent
SOURCES = sorted((ROOT / "src" / "wiresnake").rglob("*.py"))
RUST = sorted((ROOT / "native").glob("*/src/**/*.rs"))
EVERYTHING = [
    *SOURCES,
    *sorted((ROOT / "tests").rglob("*.py")),
    *sorted((ROOT / "bench").rglob("*.py")),
]
FILE_LINES = 400
FUNCTION_LINES = 60
FORBIDDEN_NAMES = re.compile(r"(^|_)(utils?|helpers?|common|misc|managers?)(_|$)", re.IGNORECASE)
HISTORY = re.compile(
    r"\b(TODO|FIXME|XXX|HACK|previously|formerly|used to be)\b"
    r"|\bnow (uses|supports|handles|works|returns)\b"
)
PROGRAMS = {"src/wiresnake/daemon/main.py"}
"""What speaks to a terminal beside the commands."""


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_there_is_something_to_look_at() -> None:
    assert len(SOURCES) > 20


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_no_file_is_too_long(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= FILE_LINES


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_no_function_is_too_long(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert length_of(node) <= FUNCTION_LINES, node.name


def length_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count the lines of a function, its docstring apart."""
    assert function.end_lineno is not None
    lines = function.end_lineno - function.lineno + 1
    if ast.get_docstring(function) is not None:
        docstring = function.body[0]
        assert docstring.end_lineno is not None
        lines -= docstring.end_lineno - docstring.lineno + 1
    return lines


@pytest.mark.parametrize("path", EVERYTHING, ids=name_of)
def test_no_room_is_named_for_anything_that_fits_nowhere(path: Path) -> None:
    for part in (*path.relative_to(ROOT).parts[:-1], path.stem):
        assert not FORBIDDEN_NAMES.search(part)


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_nothing_is_named_for_having_no_name(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", node.name)
            assert not FORBIDDEN_NAMES.search(words), node.name


@pytest.mark.parametrize("path", RUST, ids=name_of)
def test_no_file_of_rust_is_longer_than_600_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 600


@pytest.mark.parametrize("path", RUST, ids=name_of)
def test_only_the_sockets_of_the_native_plane_are_unsafe(path: Path) -> None:
    unsafe = re.search(r"\bunsafe\s*[{(]|\bunsafe (fn|impl)|allow\(unsafe_code", path.read_text())
    assert (unsafe is None) == (name_of(path) != "native/plane/src/udp.rs")


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_every_module_says_what_it_is(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text()))


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_every_folder_of_modules_is_a_package(path: Path) -> None:
    assert (path.parent / "__init__.py").exists()


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_only_commands_print(path: Path) -> None:
    if "cli" in path.parts or name_of(path) in PROGRAMS:
        return
    for node in ast.walk(ast.parse(path.read_text())):
        assert not (isinstance(node, ast.Name) and node.id == "print"), f"line {node.lineno}"


@pytest.mark.parametrize("path", EVERYTHING, ids=name_of)
def test_comments_tell_no_history(path: Path) -> None:
    for line, words in comments_of(path.read_text()):
        assert not HISTORY.search(words), f"line {line}: {words.strip()}"


def comments_of(text: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the words of every comment and docstring."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield getattr(node, "lineno", 1), ast.get_docstring(node) or ""


TOO_HEAVY = {
    "argparse", "asyncio", "click", "concurrent", "cryptography.x509", "hypothesis", "json",
    "logging", "msgspec", "multiprocessing", "pyroute2", "rich", "ssl", "subprocess",
}  # fmt: skip
FOR_SHOW = {
    "wiresnake", "wiresnake.cli", "wiresnake.cli.columns", "wiresnake.cli.daemons",
    "wiresnake.cli.friendly", "wiresnake.cli.interfaces", "wiresnake.cli.main",
    "wiresnake.cli.pretty", "wiresnake.cli.program", "wiresnake.cli.show", "wiresnake.config",
    "wiresnake.config.model", "wiresnake.config.names", "wiresnake.config.reply", "wiresnake.host",
    "wiresnake.host.genetlink", "wiresnake.host.netlink", "wiresnake.host.wireguard",
    "wiresnake.host.wireguard_attributes", "wiresnake.values", "wiresnake.values.addresses",
    "wiresnake.values.keys",
}  # fmt: skip
"""What of ours `show` may load in order to be there within a tenth of a second."""


def modules_of(*arguments: str, sockets: Path = Path("/nonexistent")) -> set[str]:
    """Return what a command loads beyond what a bare interpreter of this environment has."""
    code = f"""
import sys
bare = set(sys.modules)
from wiresnake.cli import daemons
from wiresnake.cli.main import main
daemons.SOCKETS = {str(sockets)!r}
main({list(arguments)})
print(*set(sys.modules) - bare)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], input="", capture_output=True, text=True, check=True
    )
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
    "arguments", [("show", "interfaces"), ("show", "nix"), ("genkey",), ("pubkey",), ("--help",)]
)
def test_a_command_loads_little(arguments: tuple[str, ...]) -> None:
    loaded = modules_of(*arguments)
    assert "wiresnake.cli.main" in loaded
    assert not loaded & TOO_HEAVY


@pytest.mark.parametrize("what", ["", "peers", "transfer", "private-key", "public-key", "dump"])
def test_show_loads_what_it_shows_and_no_more(what: str, tmp_path: Path) -> None:
    with serving(tmp_path) as daemon:
        peer = f"public_key={'01' * 32}\nallowed_ip=::/0\n"
        daemon.reply = f"private_key={'a0' * 32}\n{peer}errno=0\n\n".encode()
        loaded = modules_of("show", daemon.name, *([what] if what else []), sockets=tmp_path)
    assert not loaded & TOO_HEAVY
    assert {name for name in loaded if name.startswith("wiresnake")} <= FOR_SHOW
    computes_a_key = what in {"", "public-key", "dump"}
    assert ("cryptography" in loaded) == computes_a_key
