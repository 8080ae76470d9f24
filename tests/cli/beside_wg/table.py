"""Write docs/compatibility.md: what is compared with `wg`, and where we differ."""

from pathlib import Path

from tests.cli.beside_wg.cases import COMMANDS, DIFFERENCES

PAGE = Path(__file__).parents[3] / "docs/compatibility.md"
_BEFORE = """# Beside wg

`wiresnake`, and the same program through a link named `wg`, take the words, environment and files
that `wg` takes. What scripts parse is the same byte for byte: every form of `show`, `showconf`,
exit statuses, what is asked of a daemon and in which order. How a command is used is told in our
own words, and no error shows what may be a secret key.

`tests/cli/beside_wg` gives the same input to both, with one daemon behind them that says what the
case has it say, and compares exit status, standard output, standard error (usage texts and keys
apart) and the requests that the daemon got (private keys clamped and host bits cleared, as every
daemon does with them). The `wg` is Debian's, 1.0.20210914. This page is written by
`python -m tests.cli.beside_wg.table`, from the cases that the test runs.

| command | cases | equal | known differences |
|---|---|---|---|
"""
_BETWEEN = """
Beside these, `hypothesis` makes reports and configurations of its own in `tests/cli` and
`tests/config`, and gives them to both.

## Known differences

Each has a case that fails when the difference is gone.

"""


def page() -> str:
    """Return the whole page."""
    rows = []
    total = different = 0
    for command, cases in COMMANDS.items():
        differing = sum(bool(case.differs) for case in cases)
        rows.append(f"| {command} | {len(cases)} | {len(cases) - differing} | {differing} |\n")
        total += len(cases)
        different += differing
    rows.append(f"| all | {total} | {total - different} | {different} |\n")
    return (
        _BEFORE + "".join(rows) + _BETWEEN + "".join(f"* {each}\n" for each in DIFFERENCES.values())
    )


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
