"""The core in virtual time: what needs more patience than a test has."""

import os
import time
import tracemalloc

import pytest

from wiresnake.door.commands import (
    Add,
    Identity,
    Install,
    Rest,
    Route,
    Session,
    SetEndpoint,
    Sockets,
)
from wiresnake.door.notices import Handshake, SessionConfirmed, SessionWanted, TrafficWoke, Why
from wiresnake.door.path import Path
from wiresnake.plane.portable.core import Core
from wiresnake.protocol.cookies import CookieJar, mac1_key, mac1_of, seal_macs
from wiresnake.protocol.messages import CookieReply
from wiresnake.values.addresses import Endpoint, Prefix
from wiresnake.values.instants import NEVER

PUBLIC = bytes(32)
SOURCE = Endpoint(bytes((192, 0, 2, 1)), 1234)
OUT = bytes((0x45, 0, 0, 24)) + bytes(8) + bytes((10, 0, 0, 1, 10, 0, 0, 2)) + b"data"
BACK = bytes((0x45, 0, 0, 24)) + bytes(8) + bytes((10, 0, 0, 2, 10, 0, 0, 1)) + b"data"


def initiation(sender, cookie=None):
    body = b"\1\0\0\0" + sender.to_bytes(4, "little") + bytes(140)
    return seal_macs(body, mac1_key(PUBLIC), cookie)


def path(at, source=SOURCE):
    return Path(source, b"", 0, at)


@pytest.fixture
def core():
    core = Core(os.urandom)
    core.apply([Sockets(1, 2), Identity(PUBLIC)], 0.0)
    return core


def flood(core, count, now):
    for number in range(count):
        core.outer(initiation(number), path(now), now)


def test_load_is_remembered_for_one_second(core):
    flood(core, 64, 10.0)
    core.outer(initiation(100), path(10.0), 10.0)
    assert len(core.take_datagrams()) == 1
    assert len(core.drain()) == 64
    assert core.drain() == []
    core.outer(initiation(101), path(10.9), 10.9)
    assert len(core.take_datagrams()) == 1
    core.outer(initiation(102), path(11.0), 11.0)
    assert core.take_datagrams() == []
    assert len(core.drain()) == 1


def test_a_drain_that_empties_the_queue_asks_to_be_drained_once_more(core):
    flood(core, 64, 10.0)
    assert core.has_notices
    core.drain()
    assert core.has_notices
    core.drain()
    assert not core.has_notices


def test_the_queue_is_bounded_and_proven_messages_find_room(core):
    flood(core, 64, 10.0)
    core.outer(initiation(70), path(10.0), 10.0)
    [(_, answer)] = core.take_datagrams()
    jar = CookieJar(PUBLIC)
    jar.remember(mac1_of(initiation(70)))
    jar.consume_reply(CookieReply.decode_untrusted(answer), 10.0)
    proven = [initiation(1000 + number, jar.cookie(10.0)) for number in range(600)]
    for number, message in enumerate(proven):
        now = 11.0 + number / 19  # as fast as the limiter lets one source
        core.outer(message, path(now), now)
    assert core.take_datagrams() == []
    assert core.counters()["queued_handshakes"] == 512
    assert core.counters()["dropped_queue_full"] == 64 + 600 - 512
    assert [notice.datagram for _ in range(8) for notice in core.drain()] == proven[:512]


def test_a_cookie_dies_with_its_secret(core):
    flood(core, 64, 10.0)
    core.outer(initiation(70), path(10.0), 10.0)
    [(_, answer)] = core.take_datagrams()
    jar = CookieJar(PUBLIC)
    jar.remember(mac1_of(initiation(70)))
    jar.consume_reply(CookieReply.decode_untrusted(answer), 0.0)
    core.outer(initiation(71, jar.cookie(0.0)), path(129.0), 129.0)
    assert core.take_datagrams() == []
    core.outer(initiation(72, jar.cookie(0.0)), path(131.0), 131.0)
    assert len(core.take_datagrams()) == 1


@pytest.fixture
def pair(core):
    other = Core(os.urandom)
    other.apply([Sockets(1, 2)], 0.0)
    keys = (os.urandom(32), os.urandom(32))
    there = Endpoint(bytes((192, 0, 2, 2)), 9)
    core.apply([Add(1), Route(1, (Prefix(bytes((10, 0, 0, 2)), 32),)), SetEndpoint(1, there)], 0.0)
    other.apply([Add(1), Route(1, (Prefix(bytes((10, 0, 0, 1)), 32),))], 0.0)
    ours = Session(1, 2, keys[0], keys[1], True, 0.0, 120.0, 165.0, 180.0)
    theirs = Session(2, 1, keys[1], keys[0], False, 0.0, NEVER, NEVER, 180.0)
    other.apply([Install(1, theirs)], 0.0)
    core.apply([Install(1, ours)], 0.0)
    return core, other


def carry(sender, receiver, now):
    for _, datagram in sender.take_datagrams():
        receiver.outer(datagram, path(now), now)


def test_two_cores_make_a_tunnel(pair):
    core, other = pair
    carry(core, other, 0.1)
    assert other.drain() == [SessionConfirmed(1, 2, 0.1)]
    core.inner(OUT, 1.0)
    carry(core, other, 1.1)
    assert other.take_packets() == [OUT]
    assert core.drain() == [TrafficWoke(1)]
    other.inner(BACK, 2.0)
    carry(other, core, 2.1)
    assert core.take_packets() == [BACK]


def test_a_session_renews_and_dies_on_the_instant(pair):
    core, other = pair
    carry(core, other, 0.1)
    core.inner(OUT, 119.999)
    assert core.drain() == [TrafficWoke(1)]
    core.inner(OUT, 120.0)
    core.inner(OUT, 121.0)
    assert core.drain() == [SessionWanted(1, Why.SENT_LATE)]
    carry(core, other, 179.999)
    assert len(other.take_packets()) == 3
    core.inner(OUT, 179.999)
    assert len(core.take_datagrams()) == 1
    core.inner(OUT, 180.0)
    assert core.take_datagrams() == []
    assert core.drain() == [SessionWanted(1, Why.STAGED)]


def test_receiving_late_counts_for_the_current_session(pair):
    core, other = pair
    carry(core, other, 0.1)
    for now in (164.9, 165.0, 166.0):
        other.inner(BACK, now)
        carry(other, core, now)
        wanted = [each for each in core.drain() if isinstance(each, SessionWanted)]
        assert wanted == ([SessionWanted(1, Why.RECEIVED_LATE)] if now == 165.0 else [])


def test_no_edge_is_lost_between_a_snapshot_and_rest(pair):
    core, other = pair
    carry(core, other, 0.1)
    core.inner(OUT, 1.0)
    [seen] = core.observe([1])
    core.inner(OUT, 2.0)
    core.drain()
    core.apply([Rest(1, seen.activity)], 3.0)
    assert core.drain() == [TrafficWoke(1)]
    [seen] = core.observe([1])
    core.apply([Rest(1, seen.activity)], 4.0)
    assert core.drain() == []
    core.inner(OUT, 5.0)
    assert core.drain() == [TrafficWoke(1)]


def test_handshakes_say_when_they_came(core):
    core.outer(initiation(1), path(7.0), 7.5)
    [notice] = core.drain()
    assert isinstance(notice, Handshake)
    assert notice.path.at == 7.5


def test_ten_thousand_peers_are_added_in_a_moment_and_cost_little(core):
    commands = []
    for number in range(10_000):
        address = (0x0B000000 + number).to_bytes(4)
        commands += [
            Add(number),
            Route(number, (Prefix(address, 32),)),
            SetEndpoint(number, Endpoint(address, 51820)),
        ]
    begun = time.perf_counter()
    fresh = Core(os.urandom)
    fresh.apply([Add(number) for number in range(10_000)], 0.0)
    assert time.perf_counter() - begun < 0.5
    tracemalloc.start()
    try:
        core.apply(commands, 0.0)
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert used / 10_000 < 1500
