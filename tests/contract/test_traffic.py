"""Packets through the tunnel, both ways, and each reason for which one is dropped."""

import socket
import struct

import pytest

from wiresnake.door.commands import (
    Add,
    Follow,
    Forget,
    Install,
    Mtu,
    Rest,
    Route,
    Send,
    SetEndpoint,
    StopSending,
)
from wiresnake.door.notices import SessionUnknown, SessionWanted, TrafficWoke, Why
from wiresnake.host.clock import boottime
from wiresnake.protocol.constants import REJECT_AFTER_MESSAGES, REKEY_AFTER_MESSAGES
from wiresnake.values.addresses import Endpoint, Prefix

INSIDE = {4: "10.0.0.1", 6: "fd00::1"}
FAR = {4: "10.0.0.2", 6: "fd00::2"}


@pytest.mark.parametrize("outer", [4, 6])
@pytest.mark.parametrize("inner", [4, 6])
def test_packets_cross_both_ways(world, packet, outer, inner):
    world.up()
    far = world.add(family=outer)
    session = world.install(far)
    session.open(far.receive())
    there = packet(INSIDE[inner], FAR[inner], b"there and")
    back = packet(FAR[inner], INSIDE[inner], b"back again")
    world.send_inside(there)
    counter, plain = session.open(far.receive())
    assert (counter, plain) == (1, there + bytes(-len(there) % 16))
    far.send(session.seal(back))
    assert world.delivered() == [back]


def test_the_order_of_a_flow_is_kept(world, packet):
    far, session = world.ready()
    out = [packet(INSIDE[4], FAR[4], bytes((n,)) * (1 + n * 7 % 90)) for n in range(100)]
    world.send_inside(*out)
    opened = [session.open(datagram) for datagram in far.received()]
    assert [counter for counter, _ in opened] == list(range(1, 101))
    assert [plain[: len(each)] for (_, plain), each in zip(opened, out, strict=True)] == out
    back = [packet(FAR[4], INSIDE[4], bytes((n,)) * (1 + n * 5 % 90)) for n in range(100)]
    for each in back:
        far.socket.sendto(session.seal(each), ("127.0.0.1", world.pair.port))
    world.until(lambda: world.observe().activity == 200)
    assert world.delivered() == back


def test_a_large_mtu_carries_large_packets(world, packet):
    far, session = world.ready()
    world.apply(Mtu(65535))
    large = packet(INSIDE[4], FAR[4], bytes(65_000))
    world.send_inside(large)
    assert session.open(far.receive())[1][: len(large)] == large
    back = packet(FAR[4], INSIDE[4], bytes(65_400))
    far.send(session.seal(back))
    assert world.delivered() == [back]


@pytest.mark.parametrize("family", [4, 6])
def test_a_packet_no_datagram_can_carry_is_answered_with_what_one_can(world, packet, family):
    far, session = world.ready()
    world.apply(Mtu(65535))
    world.send_inside(packet(INSIDE[family], FAR[family], bytes(65_490)))
    assert far.received() == []
    assert world.count("dropped_too_big") == 1
    [answer] = world.delivered()
    error = answer[20:28] if family == 4 else answer[40:48]
    assert error[:2] == (b"\3\4" if family == 4 else b"\2\0")
    mtu = int.from_bytes(error[4:])
    largest = packet(INSIDE[4], FAR[4], bytes(mtu - 20))
    world.send_inside(largest)
    assert session.open(far.receive()) == (1, largest)


def test_a_train_arrives_as_its_packets(world, packet):
    far, session = world.ready()
    packets = [packet(FAR[4], INSIDE[4], bytes((n,)) * 200) for n in range(10)]
    packets.append(packet(FAR[4], INSIDE[4], b"short"))
    train = b"".join(session.seal(each) for each in packets)
    size = len(session.seal(packets[0], 99))
    segment = [(socket.IPPROTO_UDP, 103, struct.pack("=H", size))]
    address = ("127.0.0.1", world.pair.port)
    far.socket.sendmsg([train], segment, 0, address)
    world.until(lambda: world.observe().activity == 11)
    assert world.delivered() == packets


def test_a_train_leaves_as_datagrams(world, packet):
    far, _ = world.ready()
    packets = [packet(INSIDE[4], FAR[4], bytes((n,)) * 100) for n in range(70)]
    for each in packets:
        world.put(each)
    world.until(lambda: world.observe().activity == 70)
    sizes = [len(datagram) for datagram in far.received()]
    assert sizes == [120 + 8 + 32] * 70


@pytest.mark.parametrize("damage", [4, 8, 15, 16, 40, -1])
def test_a_forged_message_changes_nothing(world, inward, damage):
    far, session = world.ready()
    good = session.seal(inward)
    bad = bytearray(good)
    bad[damage] ^= 1
    before = world.observe()
    stranger = world.far_socket()
    far.send(bytes(bad), via=stranger)
    assert world.delivered() == []
    assert world.observe() == before
    assert world.count("dropped_forged") + world.count("dropped_unknown_index") == 1
    far.send(good)
    assert world.delivered() == [inward]


def test_a_replayed_message_changes_nothing(world, inward):
    far, session = world.ready()
    good = session.seal(inward)
    far.send(good)
    before = world.observe()
    far.send(good, via=world.far_socket())
    assert world.observe() == before
    assert world.delivered() == [inward]
    assert world.count("dropped_replayed") == 1


def test_messages_out_of_order_are_fresh_within_the_window(world, inward):
    far, session = world.ready()
    for counter in (9000, 9000 - 8128, 9000 - 8129, 5000, 5000):
        far.send(session.seal(inward, counter))
    assert len(world.delivered()) == 3
    assert world.count("dropped_replayed") == 2


@pytest.mark.parametrize("length", [*range(5), 16, 31])
def test_what_is_too_short_is_malformed(world, length):
    far, _ = world.ready()
    far.send((b"\4\0\0\0" + bytes(30))[:length])
    assert world.count("dropped_malformed") == 1


@pytest.mark.parametrize("reserved", [1, 2, 3])
def test_reserved_bytes_are_zero(world, inward, reserved):
    far, session = world.ready()
    message = bytearray(session.seal(inward))
    message[reserved] = 1
    far.send(bytes(message))
    assert world.delivered() == []
    assert world.count("dropped_malformed") == 1


def test_the_endpoint_follows_authentic_messages(world, inward, outward):
    far, session = world.ready()
    elsewhere = world.far_socket()
    far.send(session.seal(inward), via=elsewhere)
    host, port = elsewhere.getsockname()
    assert world.observe().endpoint == Endpoint(socket.inet_aton(host), port)
    world.send_inside(outward)
    assert far.received() == []
    world.until(lambda: world.observe().tx_bytes > 32)
    assert session.open(elsewhere.recv(2000))[1].startswith(outward)


def test_the_endpoint_follows_even_if_the_packet_is_then_refused(world, packet):
    far, session = world.ready()
    elsewhere = world.far_socket()
    far.send(session.seal(packet("10.99.0.1", INSIDE[4])), via=elsewhere)
    assert world.observe().endpoint.port == elsewhere.getsockname()[1]
    assert world.count("dropped_wrong_source") == 1


def test_roaming_crosses_families(world, inward, outward):
    far, session = world.ready()
    six = world.far_socket(6)
    six.sendto(session.seal(inward), ("::1", world.pair.port))
    world.until(lambda: world.observe().activity == 1)
    world.send_inside(outward)
    world.until(lambda: world.observe().activity == 2)
    six.settimeout(5)
    assert session.open(six.recv(2000))[1].startswith(outward)
    assert far.received() == []


def test_replies_leave_from_the_address_that_was_spoken_to(world, inward, outward):
    far, session = world.ready()
    train = b"".join(session.seal(inward) for _ in range(3))
    segment = [(socket.IPPROTO_UDP, 103, struct.pack("=H", len(train) // 3))]
    far.socket.sendmsg([train], segment, 0, ("127.0.0.77", world.pair.port))
    world.until(lambda: world.observe().activity == 3)
    world.send_inside(outward)
    far.socket.settimeout(5)
    _, source = far.socket.recvfrom(2000)
    assert source == ("127.0.0.77", world.pair.port)
    world.apply(SetEndpoint(1, far.endpoint))
    world.send_inside(outward)
    _, source = far.socket.recvfrom(2000)
    assert source == ("127.0.0.1", world.pair.port)


@pytest.mark.parametrize(
    "plain",
    [
        b"\x45" + bytes(18),
        b"\x60" + bytes(29),
        b"\x00" * 20,
        b"\xf5" * 60,
        b"\x45\0\0\x13" + bytes(30),
        b"\x45\0\1\0" + bytes(30),
        b"\x60\0\0\0\xff\xff" + bytes(60),
    ],
    ids=["short4", "short6", "version0", "version15", "total19", "total256", "length6"],
)
def test_what_is_no_whole_packet_is_dropped_but_counts_as_data(world, plain):
    far, session = world.ready()
    far.send(session.seal(plain))
    assert world.delivered() == []
    assert world.count("dropped_inner_malformed") == 1
    assert world.observe().activity == 1
    assert world.observe().rx_bytes == len(session.seal(plain))


def test_a_source_must_route_to_its_sender(world, packet):
    far, session = world.ready()
    world.apply(Add(2), Route(2, (Prefix.parse("10.0.0.2/32"),)))
    far.send(session.seal(packet(FAR[4], INSIDE[4])))
    far.send(session.seal(packet("10.55.0.1", INSIDE[4])))
    assert world.delivered() == []
    assert world.count("dropped_wrong_source") == 2


def test_padding_is_trimmed(world, inward):
    far, session = world.ready()
    far.send(session.seal(inward + bytes(100)))
    assert world.delivered() == [inward]


@pytest.mark.parametrize("length", [0, 1, 19, 39])
def test_what_the_host_sends_is_looked_at_before_it_is_read(world, length):
    world.ready()
    if length:
        world.send_inside(b"\x60" * length)
        assert world.count("dropped_outbound_malformed") == 1


@pytest.mark.parametrize("family", [4, 6])
def test_no_route_is_answered_with_unreachable(world, packet, family):
    world.up()
    stray = {4: "10.200.0.1", 6: "fd77::1"}[family]
    world.send_inside(packet(INSIDE[family], stray))
    [answer] = world.delivered()
    assert world.count("dropped_no_route") == 1
    kind = answer[20:22] if family == 4 else answer[40:42]
    assert kind == {4: b"\x03\x01", 6: b"\x01\x03"}[family]


def test_no_endpoint_is_answered_and_neither_staged_nor_asked_for(world, outward):
    world.up()
    world.add(located=False)
    world.send_inside(outward)
    assert len(world.delivered()) == 1
    assert world.count("dropped_no_endpoint") == 1
    assert world.plane.counters()["staged_packets"] == 0
    assert world.notices() == []


def test_answers_are_bounded(world, packet):
    world.up()
    for _ in range(300):
        world.send_inside(packet(INSIDE[4], "10.200.0.1"))
    assert world.count("dropped_no_route") == 300
    answered = world.count("answers_sent")
    assert len(world.delivered()) == answered
    assert 0 < answered < 300


@pytest.mark.parametrize(("inner", "outer"), [(0, 0), (1, 1), (2, 2), (3, 2), (0xB9, 1), (0xFB, 2)])
@pytest.mark.parametrize("family", [4, 6])
def test_ecn_leaves_as_the_kernel_sends_it(world, packet, family, inner, outer):
    far, _ = world.ready()
    far.socket.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
    world.send_inside(packet(INSIDE[family], FAR[family], tos=inner))
    _, ancillary, _, _ = far.socket.recvmsg(2000, 100)
    [tos] = [data[0] for _, kind, data in ancillary if kind == socket.IP_TOS]
    assert tos == outer


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize(
    ("inner", "outer", "result"),
    [(0, 3, 0), (1, 3, 3), (2, 3, 3), (2, 1, 1), (1, 2, 1), (3, 0, 3), (2, 2, 2)],
)
def test_ecn_arrives_as_the_kernel_takes_it(world, packet, family, inner, outer, result):
    far, session = world.ready()
    far.socket.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, outer)
    far.send(session.seal(packet(FAR[family], INSIDE[family], tos=inner)))
    [got] = world.delivered()
    assert (got[1] if family == 4 else got[1] >> 4) & 3 == result


def test_stamps_of_sending(world, outward):
    world.ready()
    quiet = world.observe()
    world.send_inside(outward)
    first = world.observe()
    world.send_inside(outward)
    second = world.observe()
    assert (quiet.unanswered_since, quiet.activity) == (None, 0)
    assert first.unanswered_since == first.last_sent
    assert second.unanswered_since == first.unanswered_since
    assert second.last_sent > first.last_sent
    assert (first.activity, second.activity) == (1, 2)


def test_stamps_of_receiving(world, inward):
    far, session = world.ready()
    far.send(session.seal(b""))
    alive = world.observe()
    far.send(session.seal(inward))
    first = world.observe()
    far.send(session.seal(inward))
    second = world.observe()
    assert (alive.unacknowledged_since, alive.activity) == (None, 0)
    assert alive.rx_bytes == 32
    assert first.unacknowledged_since == first.last_received
    assert (first.more_unacknowledged, second.more_unacknowledged) == (False, True)
    assert second.unacknowledged_since == first.unacknowledged_since


def test_any_authentic_message_answers_and_acknowledges(world, inward, outward):
    far, session = world.ready()
    world.send_inside(outward)
    far.send(session.seal(b""))
    assert world.observe().unanswered_since is None
    far.send(session.seal(inward))
    assert world.observe().unacknowledged_since is not None
    world.send_inside(outward)
    seen = world.observe()
    assert (seen.unacknowledged_since, seen.more_unacknowledged) == (None, False)


def test_handshakes_answer_and_acknowledge_too(world, inward, outward):
    far, session = world.ready()
    world.send_inside(outward)
    world.apply(Follow(1, world.path_from(far), 92))
    assert world.observe().unanswered_since is None
    far.send(session.seal(inward))
    far.send(session.seal(inward))
    world.apply(Send(1, bytes(148)))
    seen = world.observe()
    assert (seen.unacknowledged_since, seen.more_unacknowledged) == (None, False)


@pytest.mark.parametrize("direction", ["out", "in"])
def test_only_data_wakes_a_resting_peer_and_once(world, inward, outward, direction):
    far, session = world.ready()
    far.send(session.seal(b""))
    assert world.notices() == []
    for _ in range(2):
        if direction == "out":
            world.send_inside(outward)
        else:
            far.send(session.seal(inward))
    assert world.notices() == [TrafficWoke(1)]
    world.apply(Rest(1, world.observe().activity))
    assert world.notices() == []


def test_rest_with_a_stale_number_wakes_at_once(world, outward):
    world.ready()
    seen = world.observe().activity
    world.send_inside(outward)
    world.notices()
    world.apply(Rest(1, seen))
    assert world.notices() == [TrafficWoke(1)]
    world.send_inside(outward)
    assert world.notices() == []


def test_sending_late_wants_a_successor_once(world, outward):
    world.up()
    far = world.add()
    world.install(far, age=121.0)
    assert world.notices() == [SessionWanted(1, Why.SENT_LATE)]
    world.send_inside(outward, outward)
    assert world.notices() == [TrafficWoke(1)]
    world.install(far, age=121.0)
    assert world.notices() == [SessionWanted(1, Why.SENT_LATE)]


def test_a_responder_does_not_renew(world, inward, outward):
    far, session = world.ready(initiator=False, age=170.0)
    far.send(session.seal(inward))
    world.send_inside(outward)
    assert not [each for each in world.notices() if isinstance(each, SessionWanted)]


def test_receiving_late_wants_a_successor_once(world, inward):
    far, session = world.ready(age=166.0)
    far.send(session.seal(inward))
    far.send(session.seal(inward))
    wanted = [each for each in world.notices() if isinstance(each, SessionWanted)]
    assert wanted == [SessionWanted(1, Why.RECEIVED_LATE)]
    far.send(session.seal(b""))
    assert world.notices() == []


def test_many_messages_want_a_successor(world, outward):
    world.ready(first_counter=REKEY_AFTER_MESSAGES - 1)
    assert world.notices() == []
    world.send_inside(outward)
    wanted = [each for each in world.notices() if isinstance(each, SessionWanted)]
    assert wanted == [SessionWanted(1, Why.SENT_LATE)]


def test_too_many_messages_end_a_session(world, outward):
    far, session = world.ready(first_counter=REJECT_AFTER_MESSAGES - 2)
    world.notices()
    world.send_inside(outward, outward)
    [datagram] = far.received()
    assert session.open(datagram)[0] == REJECT_AFTER_MESSAGES - 1
    assert SessionWanted(1, Why.STAGED) in world.notices()
    assert world.plane.counters()["staged_packets"] == 1


def test_the_last_counters_are_refused(world, inward):
    far, session = world.ready()
    far.send(session.seal(inward, REJECT_AFTER_MESSAGES))
    assert world.delivered() == []
    far.send(session.seal(inward, REJECT_AFTER_MESSAGES - 1))
    assert world.delivered() == [inward]


def test_an_old_session_neither_sends_nor_receives(world, inward, outward):
    far, session = world.ready(age=179.0, dies_at=boottime() - 1)
    world.send_inside(outward)
    far.send(session.seal(inward))
    assert far.received() == []
    assert world.delivered() == []
    assert world.count("dropped_expired") == 1
    assert world.observe().last_received is None


def test_a_peer_stages_128_packets_and_drops_the_oldest(world, packet):
    world.up()
    far = world.add()
    packets = [packet(INSIDE[4], FAR[4], n.to_bytes(2)) for n in range(150)]
    for each in packets:
        world.put(each)
    world.until(lambda: world.count("dropped_staged") == 22)
    assert world.plane.counters()["staged_packets"] == 128
    assert world.observe().last_staged is not None
    assert world.notices() == [SessionWanted(1, Why.STAGED)]
    session = world.install(far)
    plain = [session.open(datagram)[1][: len(packets[0])] for datagram in far.received()]
    assert plain == packets[22:]


def test_three_sessions_receive_and_the_newest_sends(world, inward, outward):
    far, first = world.ready()
    second = world.install(far)
    assert second.open(far.receive())[1] == b""
    third = world.install(far, initiator=False)
    for session in (first, second):
        far.send(session.seal(inward))
    # The responder's session made the old previous go.
    assert world.delivered() == [inward]
    assert world.count("dropped_unknown_index") == 1
    world.send_inside(outward)
    assert second.open(far.receive())[1].startswith(outward)
    far.send(third.seal(inward))
    world.send_inside(outward)
    assert third.open(far.receive())[1].startswith(outward)
    far.send(second.seal(inward))
    assert world.delivered() == [inward, inward]


def test_an_initiators_session_demotes_an_unconfirmed_next(world, inward):
    far, first = world.ready()
    unconfirmed = world.install(far, initiator=False)
    newest = world.install(far)
    far.received()
    for session, alive in ((first, False), (unconfirmed, True), (newest, True)):
        far.send(session.seal(inward))
        assert bool(world.delivered()) is alive
    assert world.plane.counters()["sessions"] == 2
    world.install(far)
    far.send(unconfirmed.seal(inward))
    assert world.delivered() == []
    assert world.plane.counters()["sessions"] == 2


def test_a_message_under_previous_promotes_nothing(world, inward, outward):
    far, first = world.ready()
    second = world.install(far)
    far.received()
    far.send(first.seal(inward))
    world.send_inside(outward)
    assert second.open(far.receive())[1].startswith(outward)


def test_an_unknown_index_from_a_sessionless_peer_is_reported(world, inward):
    far, _ = world.ready()
    message = world.session().seal(inward)
    far.send(message)
    assert world.notices() == []
    world.apply(Forget(1))
    far2 = world.add(2)
    far.send(message)
    assert world.notices() == []
    far2.send(message)
    far2.send(message)
    assert world.notices() == [SessionUnknown(2)]
    assert world.count("dropped_unknown_index") == 4


def test_every_sessionless_peer_at_an_endpoint_is_reported(world, inward):
    world.up()
    far = world.add(1)
    world.add(2), world.add(3)
    world.apply(SetEndpoint(2, far.endpoint), SetEndpoint(3, far.endpoint))
    world.apply(Install(3, world.session(initiator=False).ours))
    far.send(world.session().seal(inward))
    assert world.notices() == [SessionUnknown(1), SessionUnknown(2)]


def test_a_stopped_session_still_counts_as_alive(world, inward):
    far, _ = world.ready()
    world.apply(StopSending(1))
    far.send(world.session().seal(inward))
    assert world.notices() == []


def test_a_full_inner_side_drops_and_counts(world, inward):
    far, session = world.ready()
    for _ in range(1000):
        far.socket.sendto(session.seal(inward), ("127.0.0.1", world.pair.port))
    world.until(lambda: world.observe().activity == 1000)
    dropped = world.count("dropped_inner_full")
    assert dropped > 0
    assert len(world.delivered()) == 1000 - dropped
