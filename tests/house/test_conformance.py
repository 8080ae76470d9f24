"""docs/conformance.md names code and tests that are there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/conformance.md"
ROWS = [
    line.strip("|\n ").split(" | ")
    for line in PAGE.read_text(encoding="utf-8").splitlines()
    if line.startswith("| ") and not line.startswith("| what |")
]


def named(cell: str) -> list[tuple[str, str]]:
    """Return file and name for each thing in a cell: "`a`, `b` one, two; `c`"."""
    found: list[tuple[str, str]] = []
    for part in cell.split("; "):
        files = re.findall(r"`([^`]+)`", part)
        assert files, part
        names = [name for name in part.rpartition("`")[2].strip().split(", ") if name]
        found += [(file, name) for file in files for name in names or [""]]
    return found


def test_the_page_has_its_rows() -> None:
    assert len(ROWS) > 150
    assert all(len(row) == 3 for row in ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:60])
def test_what_a_row_names_is_there(row: list[str]) -> None:
    _, code, tests = row
    for file, names in _by_file(named(code)).items():
        text = (ROOT / "src/wiresnake" / file).read_text(encoding="utf-8")
        for name in names:
            assert re.search(
                rf"^ *((async def|def|class) {name}\b|{name}(: \w+)? =)", text, re.MULTILINE
            ), name
    for file, name in named(tests):
        text = (ROOT / "tests" / f"{file}.py").read_text(encoding="utf-8")
        for part in filter(None, name.split("::")):
            assert re.search(rf"^ *(async def|def|class) {part}\b", text, re.MULTILINE), name


def _by_file(pairs: list[tuple[str, str]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for file, name in pairs:
        found.setdefault(file, set()).update(name.split(".") if name else ())
    return found
