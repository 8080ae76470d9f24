"""`python -m bench [MEASURE...]`: measure wiresnake beside other implementations.

Each program runs at both ends of a tunnel between two network namespaces. Needs root, iperf3 and
Debian's wireguard-go; the newest one is built where Go is installed, else left out.
"""

import argparse
import sys

from bench.contest import run
from bench.lab.programs import Program, wireguard_go, wiresnake
from bench.measures import ALL
from bench.newest import newest_wireguard_go
from bench.report import as_table, save


def main() -> int:
    """Measure, print the table, keep it."""
    asked = _parser().parse_args()
    chosen = [each for each in ALL if not asked.measure or each.name in asked.measure]
    programs = _programs(asked.plane)
    outcomes = []
    for measure in chosen:
        outcomes.append(run(measure, programs, asked.rounds or measure.rounds))
        if asked.name:
            save(outcomes, programs, asked.name)
    print(as_table(outcomes, programs))
    verdicts = [
        outcome.verdict(figure, programs[0].name)[1]
        for outcome in outcomes
        for figure in outcome.measure.figures
    ]
    failed = any(outcome.failures for outcome in outcomes)
    return 1 if failed or (asked.strict and False in verdicts) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench", description=(__doc__ or "").split("\n")[0])
    names = [measure.name for measure in ALL]
    parser.add_argument("measure", nargs="*", choices=[*names, []], help=", ".join(names))
    parser.add_argument("--rounds", type=int, default=0, help="instead of each measure's own")
    parser.add_argument("--plane", default="portable", help="our data plane")
    parser.add_argument("--name", default="", help="keep the results in bench/results/NAME.*")
    parser.add_argument("--strict", action="store_true", help="status 1 if a goal is missed")
    return parser


def _programs(plane: str) -> list[Program]:
    programs = [wiresnake(plane), wireguard_go()]
    newest = newest_wireguard_go()
    if newest is None:
        print("the newest wireguard-go cannot be built here; left out", file=sys.stderr)
        return programs
    return [*programs, newest]


if __name__ == "__main__":
    sys.exit(main())
