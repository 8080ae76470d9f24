"""`python -m bench [MEASURE...]`: measure wiresnake beside others.

Each contestant runs at both ends of a tunnel between two network namespaces. Needs root, iperf3,
ping, wg and, for a flood, Debian's wireguard-go; whoever cannot be had here is left out, with a
line that says why.
"""

import argparse
import sys

from bench.contest import Measure, run
from bench.contestants.field import ENTRIES, gather
from bench.measures import ALL
from bench.report import as_page
from bench.results import save
from wiresnake.host.namespaces import NamespaceUnavailable

SECONDS, QUICK_SECONDS = 2, 1
"""The length of one load."""


def main() -> int:
    """Measure, print the tables, keep them."""
    asked = _parser().parse_args()
    try:
        contestants = gather(asked.programs)
    except NamespaceUnavailable as reason:
        print(reason, file=sys.stderr)
        return 1
    if not contestants:
        print("nobody is left to be measured", file=sys.stderr)
        return 1
    outcomes = []
    for measure in ALL:
        if asked.measure and measure.name not in asked.measure:
            continue
        seconds = QUICK_SECONDS if asked.quick else SECONDS
        outcomes.append(run(measure, contestants, _rounds(asked, measure), seconds))
        page = save(outcomes, contestants, asked.name)
    print(as_page(outcomes, contestants))
    print(f"kept in {page}", file=sys.stderr)
    missed = any(not verdict.met for outcome in outcomes for verdict in outcome.verdicts())
    return 1 if asked.strict and missed else 0


def _rounds(asked: argparse.Namespace, measure: Measure) -> int:
    return int(asked.rounds or (1 if asked.quick else measure.rounds))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench", description=(__doc__ or "").split("\n")[0])
    names = [measure.name for measure in ALL]
    parser.add_argument("measure", nargs="*", choices=[*names, []], help=", ".join(names))
    parser.add_argument(
        "--programs",
        type=_programs,
        default=list(ENTRIES),
        metavar="NAME[,NAME...]",
        help=f"only these of: {', '.join(ENTRIES)}",
    )
    parser.add_argument("--rounds", type=int, default=0, help="instead of each measure's own")
    parser.add_argument("--quick", action="store_true", help="one round of short loads")
    parser.add_argument("--name", default="latest", help="of the files in bench/results (latest)")
    parser.add_argument("--strict", action="store_true", help="status 1 if a goal is missed")
    return parser


def _programs(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in ENTRIES:
            raise argparse.ArgumentTypeError(f"nobody is called `{name}'")
    return names


if __name__ == "__main__":
    sys.exit(main())
