"""Padding by its definition, and how packets make trains."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiresnake.door.commands import Add, Install, Mtu, Route, Session, SetEndpoint, Sockets
from wiresnake.plane.portable.engine import Engine
from wiresnake.plane.portable.outbound import MAX_SEGMENTS, MAX_TRAIN, padded_length
from wiresnake.values.addresses import Endpoint, Prefix
from wiresnake.values.instants import NEVER


@given(st.integers(0, 70_000), st.integers(0, 65_535))
def test_padding_is_what_the_protocol_says(length, mtu):
    padded = padded_length(length, mtu)
    rest = length
    while mtu and rest > mtu:
        rest -= mtu
    up = (rest + 15) // 16 * 16
    assert padded - length == ((min(mtu, up) if mtu else up) - rest if rest else 0) % 2**32


class Wire:
    """Remembers each train as it was sent."""

    is_up = True

    def __init__(self):
        self.trains = []

    def replace(self, v4, v6):
        pass

    def send(self, way, datagrams, segment, tos):
        self.trains.append((way.endpoint.port, len(datagrams), segment, tos))
        return len(datagrams)

    def deliver(self, packets):
        raise AssertionError(packets)


@pytest.fixture
def wire():
    return Wire()


@pytest.fixture
def engine(wire):
    engine = Engine(wire, wire, os.urandom)
    commands = [Sockets(1, None), Mtu(65535)]
    for peer in (1, 2):
        session = Session(peer, peer, bytes(32), bytes(32), True, 0.0, NEVER, NEVER, NEVER)
        commands += [
            Add(peer),
            Route(peer, (Prefix(bytes((10, 0, 0, peer)), 32),)),
            SetEndpoint(peer, Endpoint(bytes((127, 0, 0, 1)), peer)),
            Install(peer, session),
        ]
    engine.apply(commands, 0.0)
    wire.trains.clear()
    return engine


def packet(peer, size, tos=0):
    head = bytes((0x45, tos)) + size.to_bytes(2) + bytes(8)
    return head + bytes((10, 0, 0, 9, 10, 0, 0, peer)) + bytes(size - 20)


def sent(engine, wire, *packets):
    engine.inside.send(packets, 1.0)
    engine.inside.flush(1.0)
    return wire.trains


def test_equal_packets_of_a_peer_are_one_train(engine, wire):
    assert sent(engine, wire, *[packet(1, 96)] * 10) == [(1, 1280, 128, 0)]


def test_a_shorter_one_ends_a_train(engine, wire):
    trains = sent(engine, wire, packet(1, 96), packet(1, 32), packet(1, 32), packet(1, 96))
    assert trains == [(1, 128 + 64, 128, 0), (1, 64, 64, 0), (1, 128, 128, 0)]


@pytest.mark.parametrize("other", [packet(2, 96), packet(1, 96, tos=1), packet(1, 112)])
def test_another_peer_class_or_larger_size_begins_a_train(engine, wire, other):
    assert len(sent(engine, wire, packet(1, 96), other)) == 2


def test_a_train_has_at_most_64_segments(engine, wire):
    trains = sent(engine, wire, *[packet(1, 96)] * 100)
    assert [length // 128 for _, length, _, _ in trains] == [MAX_SEGMENTS, 36]


def test_a_train_fits_a_datagram(engine, wire):
    trains = sent(engine, wire, *[packet(1, 1408)] * 60)
    assert [length // 1440 for _, length, _, _ in trains] == [MAX_TRAIN // 1440, 15]


def test_the_largest_packets_go_one_by_one(engine, wire):
    trains = sent(engine, wire, *[packet(1, 65_472)] * 2)
    assert trains == [(1, 65_504, 65_504, 0)] * 2
