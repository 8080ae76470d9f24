"""Control and plane keep facts of their own and must agree, however late control hears the plane.

Control is busy most of the time here: edges of the plane wait while links go down and up, keys
change, peers end and machines sleep. Whenever it has listened again, both tell the same story.
"""

import pytest

from wiresnake.config.model import IdentitySet, PeerRemoved
from wiresnake.values.instants import NEVER

# It looks into the core, which only the one in Python allows.
pytestmark = pytest.mark.parametrize("world_of", ["portable"], indirect=True)

STEPS = 150


def assert_agreed(host):
    """Look into both; what one of them believes of the other must be so."""
    host.look()
    host.listen()
    host.let_out()
    control, engine = host.interface, host.core._engine
    exchange = control._exchange
    live = set()
    for peer in control._roster:
        there = engine._peers.by_number[peer.number]
        assert there.resting is not peer.activity.awake
        held = set(peer.slots.held()) if peer.slots is not None else set()
        sessions = [each for each in (there.current, there.previous, there.next) if each]
        assert {each.local_index for each in sessions} <= held
        live |= held | ({peer.awaiting.sender} if peer.awaiting is not None else set())
        if host.up and exchange.private_key is not None:
            assert_nothing_stalls(peer.activity, there, host.world.time)
    assert live == exchange._indices._live
    assert set(engine._sessions.by_index) <= live
    assert set(engine._doorman._cookie_replies_due) == set(exchange._announced)
    assert host.up or host.deadline() == NEVER


def assert_nothing_stalls(known, there, now):
    can_send = there.current is not None and there.current.can_send(now)
    if there.staged and not can_send:
        assert known.shaking
    if can_send and there.current.asked_on_send:
        assert known.shaking


class Life:
    """What happens to one of two hosts, at random."""

    def __init__(self, world):
        self.world = world
        self.random = world.random

    def data(self, host, other):
        for _ in range(self.random.choice([1, 1, 5])):
            host.send(other)

    def flap(self, host, other):
        host.link(not host.up)

    def resume(self, host, other):
        host.apply(host.interface.resumed(host.now))

    def change_key(self, host, other):
        old = host.new_key()
        other.rename(host, old)

    def lose_key(self, host, other):
        host.reconfigure(IdentitySet(None))
        self.world.run_for(self.random.choice([0, 1, 10]))
        host.reconfigure(IdentitySet(host.key))

    def begin_anew(self, host, other):
        host.reconfigure(PeerRemoved(other.key.public))
        host._add(other, other.key.public, *host.knows[other])

    def keep_alive(self, host, other):
        host.keep_alive(other, self.random.choice([0, 1, 5, 25]))

    def happenings(self):
        rare = [self.resume, self.change_key, self.lose_key, self.begin_anew, self.keep_alive]
        return [*[self.data] * 20, *[self.flap] * 3, *rare]


@pytest.mark.parametrize("seed", range(40))
def test_control_and_plane_agree_however_late_control_listens(world_of, seed):
    world = world_of(seed)
    ends = world.tunnel(loss=0.1, duplicate=0.05, delay=(0.0, 0.5))
    life = Life(world)
    happenings = life.happenings()
    for host in ends:
        host.attention = 0.3
    for _ in range(STEPS):
        host, other = world.random.sample(ends, 2)
        world.random.choice(happenings)(host, other)
        world.run_for(world.random.choice([0, 0, 0, 0.01, 0.3, 1, 5, 11, 30, 200]))
        if world.random.random() < 0.5:
            for each in ends:
                assert_agreed(each)
