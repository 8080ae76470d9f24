"""What the doorman lets pass, and what it answers itself."""

import os

import pytest

from wiresnake.door.commands import Expect, Identity, Sockets, Unexpect
from wiresnake.door.notices import Handshake, SessionWanted, Why
from wiresnake.protocol.cookies import CookieJar, mac1_key, mac1_of, seal_macs
from wiresnake.protocol.messages import CookieReply

PUBLIC = bytes(range(32))
OTHER = bytes(range(1, 33))


def initiation(sender=1, key=PUBLIC, cookie=None, filling=0):
    body = b"\1\0\0\0" + sender.to_bytes(4, "little") + bytes((filling % 256,)) * 108
    return seal_macs(body + bytes(32), mac1_key(key), cookie)


def response(receiver, key=PUBLIC, cookie=None):
    body = b"\2\0\0\0" + (7).to_bytes(4, "little") + receiver.to_bytes(4, "little") + bytes(48)
    return seal_macs(body + bytes(32), mac1_key(key), cookie)


def cookie_reply(receiver):
    return b"\3\0\0\0" + receiver.to_bytes(4, "little") + bytes(56)


@pytest.fixture
def far(world):
    world.up(PUBLIC)
    return world.add()


def handshakes(world):
    return [each.datagram for each in world.notices() if isinstance(each, Handshake)]


def flood(world, far, count, start=0):
    for number in range(start, start + count):
        far.socket.sendto(initiation(number), ("127.0.0.1", world.pair.port))
    world.calm()


def test_an_initiation_with_a_valid_mac1_passes_with_its_path(world, far):
    far.send(initiation())
    [notice] = world.notices()
    assert notice.datagram == initiation()
    assert notice.path.source == far.endpoint
    assert notice.path.local == bytes((127, 0, 0, 1))
    assert notice.path.at > 0


@pytest.mark.parametrize("damage", [4, 100, 116, 131])
def test_a_wrong_mac1_is_dropped(world, far, damage):
    message = bytearray(initiation())
    message[damage] ^= 1
    far.send(bytes(message))
    assert world.notices() == []
    assert world.count("dropped_bad_mac1") == 1


def test_a_mac1_for_somebody_else_is_dropped(world, far):
    far.send(initiation(key=OTHER))
    assert world.notices() == []
    world.apply(Identity(OTHER))
    far.send(initiation(key=OTHER))
    assert len(handshakes(world)) == 1


def test_without_identity_nobody_passes(world, far):
    world.apply(Identity(None))
    far.send(initiation())
    assert world.notices() == []
    assert world.count("dropped_no_identity") == 1


@pytest.mark.parametrize("length", [1, 63, 65, 91, 93, 147, 149, 1400])
def test_handshake_messages_have_exact_lengths(world, far, length):
    for kind in (1, 2, 3):
        far.send((bytes((kind, 0, 0, 0)) + bytes(1500))[:length])
    assert world.notices() == []
    assert world.count("dropped_malformed") == 3


@pytest.mark.parametrize("reserved", [1, 2, 3])
def test_reserved_bytes_of_handshake_messages_are_zero(world, far, reserved):
    world.apply(Expect(5))
    for message in (initiation(), response(5), cookie_reply(5)):
        damaged = bytearray(message[:-32] + bytes(32))
        damaged[reserved] = 1
        far.send(seal_macs(bytes(damaged), mac1_key(PUBLIC), None))
    assert world.notices() == []
    assert world.count("dropped_malformed") == 3


@pytest.mark.parametrize("kind", [0, 5, 255])
def test_unknown_types_are_dropped(world, far, kind):
    far.send(bytes((kind, 0, 0, 0)) + initiation()[4:])
    assert world.notices() == []
    assert world.count("dropped_malformed") == 1


def test_not_under_load_a_wrong_mac2_is_ignored(world, far):
    far.send(initiation(cookie=bytes(16)))
    assert len(handshakes(world)) == 1


def test_responses_pass_only_while_expected(world, far):
    far.send(response(5))
    world.apply(Expect(5))
    far.send(response(5))
    far.send(response(6))
    world.apply(Unexpect(5))
    far.send(response(5))
    assert handshakes(world) == [response(5)]
    assert world.count("dropped_unexpected") == 3


def test_a_response_needs_a_valid_mac1(world, far):
    world.apply(Expect(5))
    far.send(response(5, key=OTHER))
    assert handshakes(world) == []


def test_one_cookie_reply_passes_for_each_expect(world, far):
    far.send(cookie_reply(5))
    world.apply(Expect(5))
    far.send(cookie_reply(5))
    far.send(cookie_reply(5))
    assert handshakes(world) == [cookie_reply(5)]
    world.apply(Expect(5))
    far.send(cookie_reply(5))
    far.send(cookie_reply(6))
    assert handshakes(world) == [cookie_reply(5)]
    assert world.count("dropped_unexpected") == 3


def test_under_load_an_unproven_source_gets_a_cookie(world, far):
    flood(world, far, 64)
    assert far.received() == []
    message = initiation(99)
    far.send(message)
    datagram, tos = far.receive_with_class()
    assert tos == 0
    answer = CookieReply.decode_untrusted(datagram)
    assert answer.receiver == 99
    jar = CookieJar(PUBLIC)
    jar.remember(mac1_of(message))
    jar.consume_reply(answer, 0.0)
    proven = initiation(100, cookie=jar.cookie(0.0))
    far.send(proven)
    assert far.received() == []
    assert world.count("cookie_replies_sent") == 1
    assert handshakes(world)[0] == proven


def test_under_load_a_response_is_answered_with_a_cookie_too(world, far):
    world.apply(Expect(5))
    flood(world, far, 64)
    far.send(response(5))
    assert CookieReply.decode_untrusted(far.receive()).receiver == 7
    assert response(5) not in handshakes(world)


def test_a_cookie_belongs_to_address_and_port(world, far):
    flood(world, far, 64)
    message = initiation(99)
    far.send(message)
    jar = CookieJar(PUBLIC)
    jar.remember(mac1_of(message))
    jar.consume_reply(CookieReply.decode_untrusted(far.receive()), 0.0)
    stranger = world.far_socket()
    far.send(initiation(100, cookie=jar.cookie(0.0)), via=stranger)
    stranger.settimeout(5)
    assert len(stranger.recv(200)) == 64


def test_under_load_a_proven_source_is_limited(world, far):
    flood(world, far, 64)
    message = initiation(99)
    far.send(message)
    jar = CookieJar(PUBLIC)
    jar.remember(mac1_of(message))
    jar.consume_reply(CookieReply.decode_untrusted(far.receive()), 0.0)
    for number in range(50):
        far.send(initiation(number, cookie=jar.cookie(0.0), filling=number))
    limited = world.count("dropped_rate_limited")
    assert 30 < limited <= 45
    assert far.received() == []


def test_a_drain_hands_out_at_most_64_and_the_rest_later(world, far):
    flood(world, far, 64)
    world.apply(Expect(5))
    far.send(cookie_reply(5))
    first = handshakes(world)
    assert len(first) == 64
    assert first[0] == cookie_reply(5)
    assert len(handshakes(world)) == 1


def test_edges_come_before_handshakes(world, far, outward):
    far.send(initiation())
    world.send_inside(outward)
    notices = world.notices()
    assert notices[0] == SessionWanted(1, Why.STAGED)
    assert isinstance(notices[1], Handshake)


def test_what_was_handed_out_counts_as_load_until_the_next_drain(world, far):
    flood(world, far, 64)
    assert len(handshakes(world)) == 64
    far.send(initiation(99))
    assert len(far.receive()) == 64
    assert handshakes(world) == []


def test_going_down_drops_queued_handshakes(world, far):
    far.send(initiation())
    world.apply(Sockets(None, None))
    assert world.notices() == []


def test_random_junk_wakes_nobody(world, far):
    for length in (*range(1, 40), 64, 92, 148, 1400):
        far.send(os.urandom(length))
    assert world.notices() == []
    assert world.observe().last_received is None
