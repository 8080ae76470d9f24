"""What is wanted of control: raised while it is true, and no more often than control can use."""

import os

import pytest

from wiresnake.door.commands import (
    Abandon,
    Add,
    DropSessions,
    EraseSessions,
    Flush,
    Install,
    Route,
    Session,
    SetEndpoint,
    Sockets,
    StopSending,
)
from wiresnake.door.notices import SessionConfirmed, SessionUnknown, SessionWanted, TrafficWoke, Why
from wiresnake.door.path import Path
from wiresnake.plane.portable.core import Core
from wiresnake.protocol.messages import TRANSPORT_HEADER
from wiresnake.protocol.primitives import aead_seal
from wiresnake.values.addresses import Endpoint, Prefix
from wiresnake.values.instants import NEVER

KEYS = os.urandom(32), os.urandom(32)
THERE = Endpoint(bytes((192, 0, 2, 2)), 9)
STAGED = SessionWanted(1, Why.STAGED)


def packet(peer, size=40):
    return (
        bytes((0x45, 0)) + size.to_bytes(2) + bytes(12) + bytes((10, 0, 0, peer)) + bytes(size - 20)
    )


def session(index=7, *, initiator=True, born=0.0):
    late = (born + 120.0, born + 165.0) if initiator else (NEVER, NEVER)
    return Session(index, index + 1, *KEYS, initiator, born, *late, born + 180.0)


def keepalive(counter, index=7):
    return TRANSPORT_HEADER.pack(4, index, counter) + aead_seal(KEYS[1], counter, b"", b"")


@pytest.fixture
def core():
    core = Core(os.urandom)
    core.apply([Sockets(1, 2)], 0.0)
    for number in (1, 2):
        prefix = Prefix(bytes((10, 0, 0, number)), 32)
        core.apply([Add(number), Route(number, (prefix,)), SetEndpoint(number, THERE)], 0.0)
    return core


def hear(core, datagram, now, source=THERE):
    core.outer(datagram, Path(source, b"", 0, now), now)


def test_a_wish_that_a_session_met_before_control_heard_of_it_is_not_told(core):
    core.inner(packet(1), 1.0)
    core.apply([Install(1, session())], 1.1)
    assert core.drain() == [TrafficWoke(1)]
    core.apply([EraseSessions(1)], 2.0)
    core.inner(packet(1), 3.0)
    assert core.drain() == [STAGED]


def test_a_wish_that_a_confirmation_met_is_not_told_beside_it(core):
    core.apply([Install(1, session(initiator=False))], 0.0)
    core.inner(packet(1), 1.0)
    hear(core, keepalive(0), 1.1)
    assert core.drain() == [SessionConfirmed(1, 7, 1.1), TrafficWoke(1)]


@pytest.mark.parametrize("end", [DropSessions, Abandon])
def test_a_wish_for_what_was_dropped_is_not_told_and_the_next_is(core, end):
    core.inner(packet(1), 1.0)
    core.apply([end(1)], 1.1)
    assert core.drain() == []
    core.inner(packet(1), 2.0)
    assert core.drain() == [STAGED]


def test_who_lost_all_that_waited_to_others_can_ask_again(core):
    core._engine._stage.max_bytes = 1000
    core.inner(packet(1), 1.0)
    assert core.drain() == [STAGED]
    for _ in range(3):
        core.inner(packet(2), 2.0)
    core.apply([Flush(1)], 3.0)
    assert core.drain() == [SessionWanted(2, Why.STAGED)]
    core.inner(packet(1), 4.0)
    assert core.drain() == [STAGED]


def test_who_lost_all_that_waited_before_control_heard_of_it_asks_with_the_next(core):
    core._engine._stage.max_bytes = 1000
    for number in (1, 2, 2, 2):
        core.inner(packet(number), 1.0)
    assert core.drain() == [SessionWanted(2, Why.STAGED)]
    core.inner(packet(1), 2.0)
    assert core.drain() == [STAGED]


@pytest.mark.parametrize("stopped", [False, True])
def test_a_session_that_may_not_send_wants_no_successor_for_what_it_receives(core, stopped):
    core.apply([Install(1, session())], 0.0)
    if stopped:
        core.apply([StopSending(1)], 1.0)
    hear(core, keepalive(0), 166.0)
    assert core.drain() == ([] if stopped else [SessionWanted(1, Why.RECEIVED_LATE)])


def test_only_the_age_of_the_current_session_counts(core):
    core.apply([Install(1, session(7))], 0.0)
    core.apply([Install(1, session(9, born=100.0))], 100.0)
    hear(core, keepalive(0, index=7), 170.0)  # late for the previous one, and for it alone
    assert core.drain() == []


def test_a_next_session_that_is_stopped_may_not_send_once_it_is_current(core):
    core.apply([Install(1, session(initiator=False)), StopSending(1)], 0.0)
    core.inner(packet(1), 1.0)
    hear(core, keepalive(0), 1.1)
    assert core.take_datagrams() == []
    assert core.drain() == [SessionConfirmed(1, 7, 1.1), STAGED]


def test_an_unknown_index_is_told_at_once_and_then_once_a_second_however_many_come(core):
    core.apply([SetEndpoint(2, Endpoint(bytes(4), 1))], 0.0)
    told = []
    for tick in range(40):
        now = 10.0 + tick / 10
        for _ in range(5):
            hear(core, keepalive(0, index=99), now)
            hear(core, keepalive(0, index=99), now, Endpoint(bytes(4), 7))
            told += [now for notice in core.drain() if notice == SessionUnknown(1)]
    assert told == pytest.approx([10.0, 11.0, 12.0, 13.0])
    assert core.counters()["dropped_unknown_index"] == 400
