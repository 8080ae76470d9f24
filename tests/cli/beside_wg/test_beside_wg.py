"""Our `wg` beside the real one: statuses, output, errors, and what is asked of the daemon."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.cli.beside_wg.cases import (
    BAD_FILES,
    COMMANDS,
    DIFFERENCES,
    GOOD_FILES,
    KEY_FILES,
    SET_WORDS,
    THERE,
)
from tests.cli.beside_wg.harness import Bench, Case
from tests.cli.beside_wg.table import PAGE, page
from tests.fake_daemon import serving
from wiresnake.host.namespaces import Namespace

CASES = [
    pytest.param(case, id=f"{command.replace('`', '')} {number}")
    for command, cases in COMMANDS.items()
    for number, case in enumerate(cases)
]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with Namespace("beside wg") as host:
        sockets = host.path("/var/run") / "wireguard"
        sockets.mkdir()
        with serving(sockets) as daemon:
            yield Bench(host, daemon, tmp_path_factory.mktemp("beside"))


@pytest.mark.root
@pytest.mark.needs("wg")
@pytest.mark.parametrize("case", CASES)
def test_we_do_what_wg_does(case: Case, bench: Bench) -> None:
    theirs, ours = bench.both(case)
    if case.differs == "no such interface":  # which differs where the kernel has no WireGuard
        assert ours.errors.endswith("No such device\n")
        assert replace(ours, errors="") == replace(theirs, errors="")
    elif case.differs:
        assert ours != theirs, "a difference that is no more"
        assert {ours.status, theirs.status} <= {0, 1}
    else:
        assert ours == theirs


COMMENTS_AND_BLANKS = st.sampled_from(["", "", "", " ", "\t", "# x", " #"])
LINES = st.sampled_from(
    [line for text in (*GOOD_FILES, *BAD_FILES) for line in text.split("\n") if line]
)
ODD = st.text("[]=/,.#x0123456789 \tabcAIP", max_size=10).filter(lambda text: ":" not in text)
FILES = st.lists(st.tuples(LINES | ODD, COMMENTS_AND_BLANKS).map("".join), max_size=8)


@pytest.mark.root
@pytest.mark.needs("wg")
@given(FILES.map("\n".join), st.sampled_from(["setconf", "addconf", "syncconf"]))
def test_any_lines_are_read_as_wg_reads_them(bench: Bench, text: str, command: str) -> None:
    assume(not re.search(r"allowedips\s*=\s*(#|$)", text, re.IGNORECASE | re.MULTILINE))
    theirs, ours = bench.both(Case((command, "IF", "FILE"), THERE, file=text))
    assert ours == theirs


WORDS = st.lists(st.sampled_from([*SET_WORDS, ("remove",), ("x",)]), min_size=1, max_size=4)


@pytest.mark.root
@pytest.mark.needs("wg")
@given(WORDS, st.sampled_from(KEY_FILES))
def test_any_words_are_obeyed_as_wg_obeys_them(
    bench: Bench, said: list[tuple[str, ...]], key: str
) -> None:
    words = [word for each in said for word in each]
    theirs, ours = bench.both(Case(("set", "IF", *words), key=key))
    assert ours == theirs


def test_every_difference_has_its_case() -> None:
    named = {case.differs for cases in COMMANDS.values() for case in cases}
    assert named - {""} == set(DIFFERENCES)


def test_the_page_has_the_table_of_these_cases() -> None:
    assert Path(PAGE).read_text(encoding="utf-8") == page(), (
        "run python -m tests.cli.beside_wg.table"
    )
