"""After kill -9 and a new start with the same configuration: seconds until traffic flows again."""

from collections.abc import Mapping

from bench.contest import Goal, Measure, less
from bench.contestants.contract import Contestant
from bench.contestants.names import OURS
from bench.contestants.wireguard import program_of
from bench.lab.programs import Program
from bench.lab.traffic import reaches
from bench.lab.tunnels import tunnel

PATIENCE = 40.0


def recovery(program: Program, *, knows_endpoint: bool) -> float:
    """Restart the right end; ping from the left one until an answer comes."""
    with tunnel(program, program, right_knows_left=knows_endpoint) as made:
        left, right = made.left, made.right
        reaches(left.host, right.inner(4), within=8)
        right.running.kill()
        right.bring_up(made.config(right, knows_endpoint=knows_endpoint))
        return reaches(left.host, right.inner(4), within=PATIENCE)


def take(contestant: Contestant, _: int) -> Mapping[str, float]:
    """Measure both cases: the restarted end has the other's endpoint in its file, or has not."""
    program = program_of(contestant)
    return {
        "endpoint unknown": recovery(program, knows_endpoint=False),
        "endpoint known": recovery(program, knows_endpoint=True),
    }


MEASURES = (
    Measure(
        "recovery",
        (
            less("endpoint unknown", "s", *(Goal(16.0, ours) for ours in OURS)),
            less("endpoint known", "s", *(Goal(1.0, ours) for ours in OURS)),
        ),
        take,
        rounds=2,
    ),
)
