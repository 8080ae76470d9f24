"""Packets one by one and in a row leave alike: sealed, counted, stamped and staged the same way."""

import os

import pytest

from wiresnake.door.commands import Add, Install, Route, Session, SetEndpoint, Sockets, StopSending
from wiresnake.door.notices import SessionWanted, TrafficWoke, Why
from wiresnake.plane.portable.core import Core
from wiresnake.protocol.constants import REJECT_AFTER_MESSAGES, REKEY_AFTER_MESSAGES
from wiresnake.protocol.messages import TRANSPORT_HEADER
from wiresnake.protocol.primitives import aead_open
from wiresnake.values.addresses import Endpoint, Prefix

KEY = os.urandom(32)
HOME = Endpoint(bytes((192, 0, 2, 2)), 9)
STAGED, LATE = SessionWanted(1, Why.STAGED), SessionWanted(1, Why.SENT_LATE)


def packet(number, size=50, tos=0, to=2):
    head = bytes((0x45, tos)) + size.to_bytes(2) + bytes(8) + bytes((10, 0, 0, 1, 10, 0, 0, to))
    return head + bytes((number,)) * (size - 20)


@pytest.fixture
def core():
    core = Core(os.urandom)
    prefix = Prefix(bytes((10, 0, 0, 2)), 32)
    core.apply([Sockets(1, 2), Add(1), Route(1, (prefix,)), SetEndpoint(1, HOME)], 0.0)
    return core


def install(core, first_counter=0):
    session = Session(7, 99, KEY, bytes(32), True, 0.0, 120.0, 165.0, 180.0, first_counter)
    core.apply([Install(1, session)], 0.0)
    core.take_sent()
    core.drain()


@pytest.fixture(params=["alone", "row"])
def speak(request, core):
    """Send packets one by one or in a row; return counters and packets as they leave."""

    def speak(*packets, now=1.0):
        inside = core._engine.inside
        if request.param == "alone":
            for each in packets:
                inside.send_alone(each, now)
        else:
            inside.send(packets, now)
            inside.flush(now)
        return [opened(datagram) for _, datagram, _ in core.take_sent()]

    return speak


def opened(datagram):
    kind, receiver, counter = TRANSPORT_HEADER.unpack_from(datagram)
    assert (kind, receiver) == (4, 99)
    return counter, aead_open(KEY, counter, datagram[16:], b"")


def test_each_is_padded_and_takes_the_next_counter(core, speak):
    install(core)
    sizes = [50, 50, 64, 20, 1413, 1420]
    sent = speak(*(packet(n, size) for n, size in enumerate(sizes)))
    padded = [64, 64, 64, 32, 1420, 1420]
    assert sent == [
        (1 + n, packet(n, size) + bytes(pad - size))
        for n, (size, pad) in enumerate(zip(sizes, padded, strict=True))
    ]
    [seen] = core.observe([1])
    assert seen.tx_bytes == 32 + sum(padded) + 6 * 32


def test_the_first_data_is_stamped_unanswered_and_each_moves_the_rest(core, speak):
    install(core)
    speak(packet(0), packet(1))
    speak(packet(2), now=2.0)
    [seen] = core.observe([1])
    assert (seen.unanswered_since, seen.last_sent, seen.activity) == (1.0, 2.0, 3)
    assert core.drain() == [TrafficWoke(1)]


def test_what_the_network_refuses_is_not_counted_nor_unanswered(core, speak):
    install(core)
    core._ends.send = lambda *_: 0
    assert speak(packet(0), packet(1)) == []
    [seen] = core.observe([1])
    assert (seen.tx_bytes, seen.unanswered_since, seen.last_sent) == (32, None, 1.0)


@pytest.mark.parametrize("lack", ["none", "stopped", "dead"])
def test_without_a_session_that_can_send_they_are_staged_and_one_is_asked_for(core, speak, lack):
    if lack != "none":
        install(core)
    if lack == "stopped":
        core.apply([StopSending(1)], 0.5)
    now = 180.0 if lack == "dead" else 1.0
    assert speak(packet(0), packet(1), now=now) == []
    assert speak(packet(2), now=now) == []
    assert core.drain() == [STAGED]
    assert core.counters()["staged_packets"] == 3
    [seen] = core.observe([1])
    assert (seen.last_staged, seen.activity) == (now, 0)


def test_the_last_counter_is_used_and_what_follows_is_staged(core, speak):
    install(core, REJECT_AFTER_MESSAGES - 3)
    sent = speak(*map(packet, range(4)))
    assert [counter for counter, _ in sent] == [
        REJECT_AFTER_MESSAGES - 2,
        REJECT_AFTER_MESSAGES - 1,
    ]
    assert core.counters()["staged_packets"] == 2
    assert STAGED in core.drain()


@pytest.mark.parametrize(
    ("first_counter", "now", "late"),
    [
        (0, 119.9, False),
        (0, 120.0, True),
        (REKEY_AFTER_MESSAGES - 2, 1.0, False),
        (REKEY_AFTER_MESSAGES - 1, 1.0, True),
    ],
)
def test_a_successor_is_asked_for_once(core, speak, first_counter, now, late):
    install(core, first_counter)  # whose first message is a keepalive
    speak(packet(0), now=now)
    assert core.drain() == ([TrafficWoke(1), LATE] if late else [TrafficWoke(1)])
    if late:
        speak(packet(1), packet(2), now=now)
        assert core.drain() == []


@pytest.mark.parametrize(("to", "why"), [(3, "dropped_no_endpoint"), (9, "dropped_no_route")])
def test_without_a_way_they_are_answered_and_neither_staged_nor_asked_for(core, speak, to, why):
    core.apply([Add(2), Route(2, (Prefix(bytes((10, 0, 0, 3)), 32),))], 0.0)
    assert speak(packet(0, to=to), packet(1, to=to)) == []
    answers = core.take_packets()
    assert [answer[20:22] for answer in answers] == [b"\3\1"] * 2
    assert core.counters()[why] == 2
    assert core.counters()["staged_packets"] == 0
    assert core.drain() == []


@pytest.mark.parametrize(("tos", "outer"), [(0, 0), (0x89, 1), (2, 2), (3, 2)])
def test_only_ecn_is_shown_outside(core, speak, tos, outer):
    install(core)
    classes = []
    send = core._ends.send
    core._ends.send = lambda *arguments: classes.append(arguments[3]) or send(*arguments)
    speak(packet(0, tos=tos))
    assert classes == [outer]
