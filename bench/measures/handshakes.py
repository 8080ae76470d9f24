"""How many handshakes a responder answers each second, when two thousand peers call at once."""

from collections.abc import Mapping

from bench.contest import Measure, more
from bench.contestants.contract import Contestant
from bench.contestants.wireguard import program_of
from bench.lab.callers import Callers
from bench.lab.tunnels import PORT, End, new_key, two_hosts

COUNT = 2_000


def take(contestant: Contestant, _: int) -> Mapping[str, float]:
    """Let the peers call; each is answered once."""
    program = program_of(contestant)
    with two_hosts() as (left, right):
        responder = End(right, program, 1, "", key=new_key())
        callers = Callers(COUNT, responder.key.public)
        interface = f"PrivateKey = {responder.key.to_base64()}\nListenPort = {PORT}\n"
        responder.bring_up(f"[Interface]\n{interface}{callers.config()}")
        return {"answered": COUNT / callers.call(left, right)}


MEASURES = (Measure("handshakes", (more("answered", "each second"),), take, rounds=3),)
