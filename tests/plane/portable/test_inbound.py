"""Messages one by one and in a train are judged alike: by the same checks, in the same order."""

import os

import pytest

from wiresnake.door.commands import Add, Install, Route, Session, SetEndpoint, Sockets
from wiresnake.door.notices import SessionConfirmed, SessionUnknown, SessionWanted, TrafficWoke, Why
from wiresnake.plane.portable.core import Core
from wiresnake.plane.portable.ways import Way
from wiresnake.protocol.constants import REJECT_AFTER_MESSAGES
from wiresnake.protocol.messages import TRANSPORT_HEADER
from wiresnake.protocol.primitives import aead_seal
from wiresnake.values.addresses import Endpoint, Prefix
from wiresnake.values.instants import NEVER

HOME = Endpoint(bytes((192, 0, 2, 2)), 9)
ELSEWHERE = Endpoint(bytes((192, 0, 2, 7)), 9)
KEYS = {7: os.urandom(32), 9: os.urandom(32)}


def inner(number=0, source=2, size=64):
    head = bytes((0x45, 0)) + size.to_bytes(2) + bytes(8)
    return head + bytes((10, 0, 0, source, 10, 0, 0, 1)) + bytes((number,)) * (size - 20)


def message(counter, packet=None, index=7):
    sealed = aead_seal(
        KEYS[index], counter, inner(counter % 256) if packet is None else packet, b""
    )
    return TRANSPORT_HEADER.pack(4, index, counter) + sealed


def damaged(datagram, place):
    changed = bytearray(datagram)
    changed[place] ^= 1
    return bytes(changed)


@pytest.fixture
def core():
    core = Core(os.urandom)
    prefix = Prefix(bytes((10, 0, 0, 2)), 32)
    core.apply([Sockets(1, 2), Add(1), Route(1, (prefix,)), SetEndpoint(1, HOME)], 0.0)
    install(core, 7)
    core.drain()
    return core


def install(core, index, *, initiator=True, now=0.0):
    late = (now + 120, now + 165) if initiator else (NEVER, NEVER)
    session = Session(index, 99, bytes(32), KEYS[index], initiator, now, *late, now + 180)
    core.apply([Install(1, session)], now)


@pytest.fixture(params=["alone", "train"])
def hear(request, core):
    """Let datagrams of one size, the last maybe shorter, come one by one or as one train."""

    def hear(*datagrams, now=1.0, source=ELSEWHERE):
        inbound = core._engine.inbound
        trains = [datagrams] if request.param == "train" else [(each,) for each in datagrams]
        for train in trains:
            together = b"".join(train)
            inbound.buffer[: len(together)] = together
            inbound.receive_untrusted(len(together), len(train[0]), Way(source), 0, now)
        return core.take_packets()

    return hear


def counts(core):
    return {name: n for name, n in core.counters().items() if name.startswith("dropped") and n}


def test_what_is_good_is_delivered_in_order_and_counted_whole(core, hear):
    assert hear(*map(message, range(5))) == [inner(n) for n in range(5)]
    [seen] = core.observe([1])
    assert (seen.rx_bytes, seen.activity, seen.endpoint) == (5 * 96, 5, ELSEWHERE)
    assert (seen.last_received, seen.unacknowledged_since) == (1.0, 1.0)
    assert seen.more_unacknowledged


def test_each_bad_one_is_dropped_for_its_own_reason_and_the_rest_delivered(core, hear):
    delivered = hear(
        message(0),
        damaged(message(3), 2),  # a reserved byte
        damaged(message(1), 40),  # forged, so that its counter stays fresh
        message(0),
        message(REJECT_AFTER_MESSAGES),
        damaged(message(2), 4),  # an index that nobody has
        message(4, inner(4, source=3)),
        message(5, bytes(64)),
        message(1),
        message(6)[:20],
    )
    assert delivered == [inner(0), inner(1)]
    assert counts(core) == {
        "dropped_forged": 1,
        "dropped_replayed": 1,
        "dropped_expired": 1,
        "dropped_unknown_index": 1,
        "dropped_malformed": 2,
        "dropped_wrong_source": 1,
        "dropped_inner_malformed": 1,
    }
    [seen] = core.observe([1])
    assert (seen.rx_bytes, seen.activity) == (4 * 96, 4)


def test_the_endpoint_follows_what_is_authentic_whatever_it_carries(core, hear):
    assert hear(message(0, inner(0, source=3)), message(1, bytes(64))) == []
    [seen] = core.observe([1])
    assert (seen.endpoint, seen.last_received, seen.activity) == (ELSEWHERE, 1.0, 2)


@pytest.mark.parametrize(
    "bad",
    [damaged(message(0), 40), damaged(message(0), 4), message(REJECT_AFTER_MESSAGES)],
    ids=["forged", "unknown index", "spent counter"],
)
def test_what_is_not_authentic_changes_nothing(core, hear, bad):
    before = core.observe([1])
    assert hear(bad, bad) == []
    assert core.observe([1]) == before
    assert core.drain() == []


def test_what_was_heard_before_changes_nothing(core, hear):
    hear(message(0), message(1), source=HOME)
    before = core.observe([1])
    core.drain()
    assert hear(message(0), message(1), now=2.0) == []
    assert core.observe([1]) == before
    assert core.drain() == []


def test_a_session_past_its_life_receives_nothing(core, hear):
    assert len(hear(message(0), message(1), now=179.9)) == 2
    before = core.observe([1])
    assert hear(message(2), message(3), now=180.0) == []
    assert core.observe([1]) == before
    assert counts(core) == {"dropped_expired": 2}


def test_the_last_counter_is_good_and_the_one_after_it_not(core, hear):
    assert len(hear(message(REJECT_AFTER_MESSAGES - 1), message(REJECT_AFTER_MESSAGES))) == 1


def test_empty_packets_are_authentic_and_no_data(core, hear):
    assert hear(message(0, b""), message(1, b"")) == []
    [seen] = core.observe([1])
    assert (seen.rx_bytes, seen.activity, seen.endpoint) == (64, 0, ELSEWHERE)
    assert seen.unacknowledged_since is None
    assert core.drain() == []


def test_messages_of_two_sessions_come_together(core, hear):
    install(core, 9, initiator=False)
    assert len(hear(message(0), message(0, index=9), message(1), message(1, index=9))) == 4
    assert core.drain() == [SessionConfirmed(1, 9, 1.0), TrafficWoke(1)]


def test_age_and_strangers_are_told(core, hear):
    hear(message(0), message(1), now=165.0)
    assert core.drain() == [TrafficWoke(1), SessionWanted(1, Why.RECEIVED_LATE)]
    unknown = damaged(message(0), 4)
    assert hear(unknown, unknown, now=181.0) == []
    assert core.drain() == [SessionUnknown(1)]
