"""Each command does what its docstring says, and a batch that is not valid does nothing."""

import os
import select

import pytest

from wiresnake.door.commands import (
    Abandon,
    Add,
    ClearSource,
    DropSessions,
    EraseSessions,
    Expect,
    Flush,
    Follow,
    Forget,
    Identity,
    Install,
    Keepalive,
    Mtu,
    Rest,
    Route,
    Send,
    SetEndpoint,
    Sockets,
    StopSending,
    Unexpect,
    Unroute,
)
from wiresnake.door.notices import SessionConfirmed, SessionWanted, Why
from wiresnake.door.path import Path
from wiresnake.plane.contract import PlaneLost, RejectedBatch
from wiresnake.values.addresses import Endpoint, Prefix


@pytest.mark.parametrize(
    "command",
    [
        Forget(9),
        Route(9, ()),
        Route(1, (Prefix(b"\x0a\0\0\1", 8),)),
        Route(1, (Prefix(b"\x0a\0\0\1", 33),)),
        Unroute(9, ()),
        SetEndpoint(9, Endpoint(bytes(4), 1)),
        Follow(9, Path(Endpoint(bytes(4), 1), b"", 0, 0.0), 92),
        Follow(1, Path(Endpoint(bytes(4), 1), bytes(16), 0, 0.0), 92),
        Follow(1, Path(Endpoint(bytes(4), 1), b"", 0, 0.0), -1),
        ClearSource(9),
        StopSending(9),
        DropSessions(9),
        EraseSessions(9),
        Send(9, bytes(148)),
        Send(1, b""),
        Send(1, bytes(149)),
        Keepalive(9),
        Flush(9),
        Abandon(9),
        Rest(9, 0),
        Add(1),
        Add(-1),
        Identity(bytes(31)),
        Mtu(65536),
        Expect(1 << 32),
        Unexpect(-1),
        Sockets(-1, None),
    ],
    ids=repr,
)
def test_a_batch_with_one_invalid_command_has_no_effect(world, command):
    world.apply(Add(1))
    with pytest.raises(RejectedBatch):
        world.plane.apply([Add(2), SetEndpoint(1, Endpoint(bytes(4), 7)), command])
    assert world.observe(1).endpoint is None
    assert [seen.peer for seen in world.plane.observe([1, 2, 3])] == [1]


@pytest.mark.parametrize(
    "fault",
    [
        {"send_key": bytes(31)},
        {"receive_key": bytes(33)},
        {"local_index": 1 << 32},
        {"remote_index": -1},
        {"first_counter": (1 << 64) - 1},
    ],
    ids=lambda fault: next(iter(fault)),
)
def test_a_session_that_is_not_whole_is_refused(world, fault):
    world.apply(Add(1))
    with pytest.raises(RejectedBatch) as refusal:
        world.plane.apply([Install(1, world.session(**fault).ours)])
    assert "Install" in str(refusal.value)
    assert world.plane.counters()["sessions"] == 0


def test_an_index_belongs_to_one_session(world):
    world.apply(Add(1), Add(2))
    session = world.session()
    world.plane.apply([Install(1, session.ours)])
    with pytest.raises(RejectedBatch):
        world.plane.apply([Install(2, session.ours)])
    again = world.session()
    with pytest.raises(RejectedBatch):
        world.plane.apply([Install(1, again.ours), Install(2, again.ours)])


def test_the_descriptors_of_a_refused_batch_stay_usable(world):
    sockets = world.sockets()
    with pytest.raises(RejectedBatch):
        world.plane.apply([sockets, Forget(9)])
    world.plane.apply([sockets])
    far = world.add()
    world.install(far)
    assert far.receive()


def test_later_commands_of_a_batch_see_earlier_ones(world):
    world.apply(Add(1), Route(1, (Prefix.parse("10.0.0.0/8"),)), Forget(1), Add(2))
    assert [seen.peer for seen in world.plane.observe([1, 2])] == [2]


def test_large_batches_are_carried_out_whole(world):
    world.plane.apply([Add(number) for number in range(20_000)])
    assert world.plane.counters()["peers"] == 20_000
    assert len(world.plane.observe(range(20_000))) == 20_000
    world.plane.apply([Forget(number) for number in range(20_000)])
    assert world.plane.counters()["peers"] == 0


def test_new_peers_are_at_rest_and_blank(world):
    world.apply(Add(1))
    seen = world.observe()
    assert (seen.activity, seen.tx_bytes, seen.rx_bytes, seen.endpoint) == (0, 0, 0, None)
    stamps = (seen.last_sent, seen.last_received, seen.last_staged, seen.unanswered_since)
    assert stamps == (None, None, None, None)
    assert seen.unacknowledged_since is None


def test_forgetting_a_peer_ends_its_routes_sessions_and_packets(world, outward, inward):
    far, session = world.ready()
    world.apply(StopSending(1))
    world.send_inside(outward)
    world.apply(Forget(1))
    assert world.plane.observe([1]) == []
    assert world.notices() == []
    assert world.plane.counters()["staged_packets"] == 0
    far.send(session.seal(inward))
    world.send_inside(outward)
    assert world.count("dropped_unknown_index") == 1
    assert world.count("dropped_no_route") == 1


def test_a_prefix_moves_to_the_peer_that_asks_last(world, packet):
    world.up()
    one, two = world.add(1), world.add(2)
    sessions = [world.install(one), world.install(two)]
    one.received(), two.received()
    world.apply(Route(2, (Prefix.parse("10.0.0.2/32"),)))
    world.send_inside(packet("10.0.0.1", "10.0.0.2"))
    assert sessions[1].open(two.receive())[1].startswith(packet("10.0.0.1", "10.0.0.2"))
    assert one.received() == []
    one.send(sessions[0].seal(packet("10.0.0.2", "10.0.0.1")))
    assert world.delivered() == []
    assert world.count("dropped_wrong_source") == 1


def test_unroute_takes_only_what_is_the_peers_own(world, packet):
    world.up()
    one, _ = world.add(1), world.add(2)
    world.install(one)
    one.received()
    world.apply(Unroute(2, (Prefix.parse("10.0.0.2/32"),)))
    world.send_inside(packet("10.0.0.1", "10.0.0.2"))
    assert len(one.received()) == 1
    world.apply(Unroute(1, (Prefix.parse("10.0.0.2/32"),)))
    world.send_inside(packet("10.0.0.1", "10.0.0.2"))
    assert one.received() == []
    assert world.count("dropped_no_route") == 1


def test_the_longest_prefix_wins(world, packet):
    world.up()
    one, two = world.add(1), world.add(2)
    world.apply(Route(1, (Prefix.parse("0.0.0.0/0"),)), Route(2, (Prefix.parse("10.9.0.0/16"),)))
    world.install(one), world.install(two)
    one.received(), two.received()
    world.send_inside(packet("10.0.0.1", "10.9.1.1"), packet("10.0.0.1", "10.8.1.1"))
    assert (len(one.received()), len(two.received())) == (1, 1)


def test_expect_and_unexpect_admit_and_drop(world):
    world.apply(Expect(5), Unexpect(5), Unexpect(6))
    assert world.notices() == []


def test_send_counts_and_stamps_the_peer(world):
    world.up()
    far = world.add()
    world.apply(Send(1, b"\1" * 148))
    assert far.receive() == b"\1" * 148
    seen = world.observe()
    assert seen.tx_bytes == 148
    assert seen.last_sent is not None
    assert (seen.activity, seen.unanswered_since) == (0, None)


@pytest.mark.parametrize("family", [4, 6])
def test_handshakes_leave_as_assured_forwarding_41(world, family):
    world.up()
    far = world.add(family=family)
    world.apply(Send(1, b"\1" * 148), Send(1, b"\2" * 92, world.path_from(far)))
    assert far.receive_with_class() == (b"\1" * 148, 0x88)
    assert far.receive_with_class() == (b"\2" * 92, 0x88)


def test_send_along_a_path_leaves_the_endpoint_alone(world):
    world.up()
    far = world.add()
    elsewhere = world.add(2, located=False)
    world.apply(Send(1, b"\2" * 92, world.path_from(elsewhere)))
    assert elsewhere.receive() == b"\2" * 92
    assert far.received() == []
    assert world.observe().endpoint == far.endpoint


def test_send_without_an_endpoint_is_counted(world):
    world.up()
    world.apply(Add(1), Send(1, bytes(148)))
    assert world.count("dropped_no_endpoint") == 1
    assert world.observe().tx_bytes == 0


def test_follow_moves_the_endpoint_and_counts(world):
    world.up()
    far = world.add()
    new = world.add(2, located=False)
    world.apply(Follow(1, world.path_from(new), 148))
    seen = world.observe()
    assert (seen.endpoint, seen.rx_bytes) == (new.endpoint, 148)
    assert seen.last_received is not None
    assert (seen.activity, seen.unacknowledged_since) == (0, None)
    assert far.endpoint != new.endpoint


def test_follow_yields_to_what_was_authenticated_since(world, inward):
    far, session = world.ready()
    stale = world.path_from(world.add(2, located=False))
    far.send(session.seal(inward))
    world.apply(Follow(1, stale, 148))
    assert world.observe().endpoint == far.endpoint
    assert world.observe().rx_bytes == 148 + len(session.seal(inward))


def test_follow_yields_to_an_endpoint_that_was_asked_for_since(world):
    world.up()
    far = world.add(located=False)
    stale = world.path_from(world.add(2, located=False))
    world.apply(SetEndpoint(1, far.endpoint), Follow(1, stale, 148))
    assert world.observe().endpoint == far.endpoint


def test_the_later_of_two_paths_wins_in_whatever_order(world):
    world.up()
    early, late = world.add(1, located=False), world.add(2, located=False)
    first, second = world.path_from(early), world.path_from(late)
    world.apply(Follow(1, second, 1), Follow(1, first, 1))
    assert world.observe().endpoint == late.endpoint


def test_an_endpoint_that_was_asked_for_wins_over_a_learned_one(world, inward):
    far, session = world.ready()
    far.send(session.seal(inward), via=world.far_socket())
    roamed = world.observe().endpoint
    world.apply(SetEndpoint(1, far.endpoint))
    assert world.observe().endpoint == far.endpoint != roamed


def test_clearing_the_source_keeps_the_endpoint(world, inward, outward):
    far, session = world.ready()
    far.send(session.seal(inward))
    world.apply(ClearSource(1))
    assert world.observe().endpoint == far.endpoint
    world.send_inside(outward)
    assert len(far.received()) == 1


def test_an_initiators_session_flushes_the_stage_in_order(world, packet):
    world.up()
    far = world.add()
    packets = [packet("10.0.0.1", "10.0.0.2", bytes((n,)) * 32) for n in range(5)]
    world.send_inside(*packets)
    session = world.install(far)
    opened = [session.open(datagram) for datagram in far.received()]
    assert [counter for counter, _ in opened] == [0, 1, 2, 3, 4]
    assert [inner[: len(packets[0])] for _, inner in opened] == packets


def test_an_initiators_session_sends_one_empty_packet_if_nothing_is_staged(world):
    world.up()
    far = world.add()
    session = world.install(far)
    [datagram] = far.received()
    assert session.open(datagram) == (0, b"")
    seen = world.observe()
    assert seen.tx_bytes == 32
    assert (seen.unanswered_since, seen.activity) == (None, 0)


def test_a_responders_session_is_silent_until_confirmed(world, outward, inward):
    world.up()
    far = world.add()
    session = world.install(far, initiator=False)
    world.send_inside(outward)
    assert far.received() == []
    assert world.notices() == [SessionWanted(1, Why.STAGED)]
    far.send(session.seal(inward))
    assert session.open(far.receive())[1].startswith(outward)
    assert world.delivered() == [inward]
    [confirmed] = [n for n in world.notices() if isinstance(n, SessionConfirmed)]
    assert (confirmed.peer, confirmed.index) == (1, session.ours.local_index)


def test_a_keepalive_confirms_a_session_too(world):
    world.up()
    far = world.add()
    session = world.install(far, initiator=False)
    far.send(session.seal(b""))
    assert isinstance(world.notices()[0], SessionConfirmed)
    assert world.observe().activity == 0


def test_stop_sending_leaves_receiving(world, outward, inward):
    far, session = world.ready()
    world.apply(StopSending(1))
    world.send_inside(outward)
    assert far.received() == []
    assert world.notices() == [SessionWanted(1, Why.STAGED)]
    far.send(session.seal(inward))
    assert world.delivered() == [inward]


def test_drop_sessions_ends_sessions_stage_and_stamps_but_no_counts(world, outward, inward):
    far, session = world.ready()
    far.send(session.seal(inward))
    world.send_inside(outward)
    before = world.observe()
    world.apply(StopSending(1))
    world.send_inside(outward)
    world.apply(DropSessions(1))
    seen = world.observe()
    assert (seen.tx_bytes, seen.rx_bytes) == (before.tx_bytes, before.rx_bytes)
    assert (seen.last_sent, seen.last_received, seen.unanswered_since) == (None, None, None)
    assert seen.endpoint == before.endpoint
    counters = world.plane.counters()
    assert (counters["sessions"], counters["staged_packets"]) == (0, 0)


def test_erase_sessions_leaves_the_stage(world, outward):
    far, _ = world.ready()
    world.apply(StopSending(1))
    world.send_inside(outward)
    world.apply(EraseSessions(1))
    counters = world.plane.counters()
    assert (counters["sessions"], counters["staged_packets"]) == (0, 1)
    session = world.install(far)
    assert session.open(far.receive())[1].startswith(outward)


def test_keepalive_sends_an_empty_packet(world):
    far, session = world.ready()
    world.apply(Keepalive(1))
    assert session.open(far.receive())[1] == b""
    assert world.observe().unanswered_since is None


def test_keepalive_sends_what_is_staged_instead(world, outward):
    world.up()
    far = world.add()
    world.send_inside(outward)
    world.apply(Keepalive(1))
    session = world.install(far)
    assert [session.open(datagram)[1][:20] for datagram in far.received()] == [outward[:20]]


def test_keepalive_without_a_session_asks_for_one(world):
    world.up()
    world.add()
    world.apply(Keepalive(1), Keepalive(1))
    assert world.notices() == [SessionWanted(1, Why.STAGED)]
    assert world.plane.counters()["staged_packets"] == 1


def test_keepalive_with_rearm_begins_the_stamp_anew(world, inward):
    far, session = world.ready()
    far.send(session.seal(inward))
    far.send(session.seal(inward))
    first = world.observe()
    assert first.more_unacknowledged
    world.apply(Keepalive(1, rearm=True))
    seen = world.observe()
    assert seen.unacknowledged_since > first.unacknowledged_since
    assert not seen.more_unacknowledged


def test_flush_asks_again_while_something_waits(world, outward):
    world.up()
    world.add()
    world.apply(Flush(1))
    assert world.notices() == []
    world.send_inside(outward)
    assert world.notices() == [SessionWanted(1, Why.STAGED)]
    world.apply(Flush(1))
    assert world.notices() == [SessionWanted(1, Why.STAGED)]


def test_abandon_drops_the_stage_and_lets_the_next_packet_ask(world, outward):
    world.up()
    world.add()
    world.send_inside(outward, outward)
    world.notices()
    world.send_inside(outward)
    assert world.notices() == []
    world.apply(Abandon(1))
    assert world.plane.counters()["staged_packets"] == 0
    assert world.count("dropped_abandoned") == 3
    world.send_inside(outward)
    assert world.notices() == [SessionWanted(1, Why.STAGED)]


def test_mtu_bounds_padding(world, packet):
    far, _ = world.ready()
    for mtu, size, padded in ((1420, 21, 32), (1420, 1413, 1420), (0, 1413, 1424), (100, 99, 100)):
        world.apply(Mtu(mtu))
        world.send_inside(packet("10.0.0.1", "10.0.0.2", bytes(size - 20)))
        assert len(far.receive()) == padded + 32


def test_sockets_are_replaced_and_sessions_survive(world, outward, inward):
    far, session = world.ready()
    world.pair = world.open_pair()
    world.apply(world.sockets())
    world.send_inside(outward)
    assert session.open(far.receive())[1].startswith(outward)
    far.send(session.seal(inward))
    assert world.delivered() == [inward]


def test_down_is_silent(world, outward):
    far, _ = world.ready()
    world.apply(Sockets(None, None))
    world.send_inside(outward)
    world.apply(Send(1, bytes(148)))
    assert far.received() == []
    assert world.count("dropped_down") == 1
    assert world.observe().tx_bytes == 32


def test_either_family_may_be_missing(world):
    assert world.pair.v4 is not None
    world.apply(Sockets(os.dup(world.pair.v4.fileno()), None))
    far = world.add()
    session = world.install(far)
    assert session.open(far.receive())[1] == b""
    six = world.add(2, family=6)
    world.install(six)
    assert six.received() == []
    assert world.count("dropped_outer_error") == 1


def test_closing_is_idempotent_and_final(world):
    world.plane.close()
    world.plane.close()
    with pytest.raises(PlaneLost):
        world.plane.apply([Add(1)])
    with pytest.raises(PlaneLost):
        world.plane.drain()


def test_there_is_something_to_read_while_there_is_something_to_drain(world, outward):
    world.up()
    world.add()
    assert not select.select([world.plane], [], [], 0)[0]
    world.send_inside(outward)
    world.until(lambda: bool(select.select([world.plane], [], [], 0)[0]))
    assert world.notices()
    assert not select.select([world.plane], [], [], 0)[0]


def test_a_message_before_the_sockets_are_replaced_leaves_by_the_old_ones(world):
    world.up()
    far = world.add()
    fresh = world.open_pair()
    world.apply(Send(1, b"old" * 30), world.sockets(fresh), Send(1, b"new" * 30))
    sent = [far.socket.recvfrom(200), far.socket.recvfrom(200)]
    assert [(datagram[:3], source[1]) for datagram, source in sent] == [
        (b"old", world.pair.port),
        (b"new", fresh.port),
    ]


def test_a_message_before_the_end_of_the_sockets_leaves(world):
    world.up()
    far = world.add()
    session = world.install(far)
    far.received()
    world.apply(Send(1, bytes(148)), Keepalive(1), Sockets(None, None), Send(1, bytes(92)))
    first, second = far.received()
    assert first == bytes(148)
    assert session.open(second) == (1, b"")
