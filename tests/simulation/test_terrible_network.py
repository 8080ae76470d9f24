"""A tunnel forms, carries and comes back across networks that lose, double, delay and reorder."""

import pytest

from wiresnake.protocol.constants import REKEY_ATTEMPT_TIME, REKEY_TIMEOUT


@pytest.mark.parametrize("seed", range(100))
def test_a_tunnel_forms_across_a_terrible_network(world_of, seed):
    world = world_of(seed)
    alice, bob = world.tunnel(loss=0.3, duplicate=0.1, delay=(0.0, 3.0))
    alice.send_every(1.0, bob)
    world.run_until(bob.received_since(0), limit=REKEY_ATTEMPT_TIME)


@pytest.mark.parametrize("seed", range(50))
def test_both_ends_begin_at_once(world_of, seed):
    """Initiations cross, with delays of up to 3 s; one session serves both ways in the end."""
    world = world_of(seed)
    alice, bob = world.tunnel(delay=(0.0, 3.0))
    first, second = alice.send(bob), bob.send(alice)
    world.run_until(
        lambda: bob.has_received(first)() and alice.has_received(second)(),
        limit=REKEY_ATTEMPT_TIME,
    )


@pytest.mark.parametrize("delay", [0.0, 0.02, 0.4, 1.0, 2.3])
@pytest.mark.parametrize("seed", range(6))
def test_both_ends_begin_at_once_over_the_same_distance(world_of, seed, delay):
    """Nothing but the rule of the keys and jitter tells the ends apart."""
    world = world_of(seed)
    alice, bob = world.tunnel(delay=(delay, delay))
    first, second = alice.send(bob), bob.send(alice)
    took = world.run_until(
        lambda: bob.has_received(first)() and alice.has_received(second)(),
        limit=REKEY_ATTEMPT_TIME,
    )
    assert took <= REKEY_TIMEOUT + 1 / 3 + 5 * delay + 0.01
    for host in (alice, bob):
        assert host.interface.counters["handshakes_completed"] == 1


@pytest.mark.parametrize("seed", range(8))
def test_hours_of_bad_weather(world_of, seed):
    world = world_of(seed)
    alice, bob = world.tunnel(loss=0.1, duplicate=0.1, delay=(0.0, 1.0))
    alice.send_every(2.0, bob)
    bob.send_every(3.0, alice)
    for _ in range(12):
        world.run_for(600)
        calm_since = world.time
        assert sum(at > calm_since - 60 for at, _ in bob.received) > 10
        assert sum(at > calm_since - 60 for at, _ in alice.received) > 5
    # An initiator renews after 120 s; bad weather costs some retries, not a storm of them.
    assert 50 <= world.counts()["handshakes_completed"] / 2 <= 150
    assert world.counts()["initiations_sent"] <= 250


@pytest.mark.parametrize("seed", range(6))
def test_a_tunnel_used_now_and_then_comes_back_each_time(world_of, seed):
    world = world_of(seed)
    alice, bob = world.tunnel(loss=0.2, delay=(0.0, 0.5))
    for _ in range(30):
        world.run_for(world.random.choice([1, 9, 14, 100, 170, 179, 181, 300, 539, 541, 3000]))
        sender, receiver = world.random.sample([alice, bob], 2)
        world.assert_it_carries(sender, receiver, limit=REKEY_ATTEMPT_TIME)


def test_silence_costs_nothing(world_of):
    world = world_of(1)
    alice, bob = world.tunnel()
    alice.send(bob)
    world.run_for(700)
    before = alice.looks, bob.looks
    assert max(before) <= 8
    world.run_for(24 * 3600)
    assert (alice.looks, bob.looks) == before


def test_no_packet_is_lost_across_renewals_on_a_clean_wire(world_of):
    world = world_of(2)
    alice, bob = world.tunnel(delay=(0.02, 0.02))
    alice.send(bob)
    world.run_for(1)
    for sender, receiver in ((alice, bob), (bob, alice)):
        sender.send_every(0.1, receiver, until=world.time + 400)
    world.run_for(410)
    assert world.sent == {}
    assert alice.interface.counters["handshakes_completed"] == 4


def test_both_directions_alone_are_renewed_in_time(world_of):
    """Only the initiator renews: on its sends after 120 s, on its receives after 165 s."""
    world = world_of(3)
    alice, bob = world.tunnel(delay=(0.02, 0.02))
    alice.send(bob)
    world.run_for(1)
    bob.send_every(0.1, alice, until=world.time + 1000)
    world.run_for(1010)
    assert world.sent == {}
    assert alice.interface.counters["initiations_sent"] >= 6
    assert "initiations_sent" not in bob.interface.counters
