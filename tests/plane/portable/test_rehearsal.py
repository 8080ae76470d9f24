"""Rehearsals go all the way, leave no trace, and end."""

import os
import select
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiresnake.door.commands import Add, Install, Route, Session, SetEndpoint, Sockets
from wiresnake.plane.contract import Inner
from wiresnake.plane.portable import child
from wiresnake.plane.portable.counters import fresh_counters
from wiresnake.plane.portable.rehearsal import COUNT, FLOW, INTERVAL, Moment, Rehearsal
from wiresnake.plane.portable.shell import Shell
from wiresnake.plane.portable.ways import Way
from wiresnake.plane.portable.wire import UdpWire
from wiresnake.protocol.messages import TRANSPORT_HEADER
from wiresnake.values.addresses import Endpoint, Prefix
from wiresnake.values.instants import NEVER

KEYS = os.urandom(32), os.urandom(32)
PACKET = b"\x45\x00\x00\x32" + bytes(8) + bytes((10, 0, 0, 1, 10, 0, 0, 2)) + bytes(30)


def test_each_seals_a_message_and_opens_it_again():
    probed = []
    rehearsal = Rehearsal(lambda datagram: probed.append(bytes(datagram)), os.urandom)
    [keepalive] = probed
    for _ in range(3):
        rehearsal.run(5.0)
    headers = [TRANSPORT_HEADER.unpack_from(each) for each in probed]
    assert [counter for _, _, counter in headers] == [0, 1, 2, 3]
    assert {len(each) for each in probed[1:]} == {16 + 96 + 16}
    engine = rehearsal._engine
    assert not [name for name in engine.counters() if "dropped" in name and engine.counters()[name]]
    [seen] = engine.observe([1])
    assert seen.rx_bytes == 3 * 128
    assert seen.tx_bytes == seen.rx_bytes + len(keepalive)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_probe_sends_nothing(address):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as near, select.epoll() as poller:
        near.bind((address, 0))
        counters = fresh_counters()
        wire = UdpWire(counters, poller)
        wire.probe(b"no way was heard of yet")
        ours = near.dup().detach()
        wire.replace(*((None, ours) if family == socket.AF_INET6 else (ours, None)))
        wire.probe(b"no way was heard of yet")
        with socket.socket(family, socket.SOCK_DGRAM) as far:
            far.settimeout(5)
            far.bind((address, 0))
            far.sendto(b"here", near.getsockname())
            select.select([near], [], [], 5)
            *_, way, _ = wire.receive(wire.by_fileno[ours], [bytearray(100)])
            wire.probe(b"probed")
            assert wire.send(way, b"sent", 4, 0) == 4
            assert far.recv(100) == b"sent"
        assert not any(counters.values())
        wire.replace(None, None)


def test_the_kernel_takes_a_probe():
    """Otherwise the test above would prove nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one, select.epoll() as poller:
        one.bind(("127.0.0.1", 0))
        wire = UdpWire(fresh_counters(), poller)
        wire.replace(one.dup().detach(), None)
        way = Way(Endpoint(bytes((127, 0, 0, 1)), one.getsockname()[1]))
        assert wire._try(way, b"probed", 6, 0, 0x10) == 0
        wire.replace(None, None)


@pytest.fixture
def ends():
    """Yield a shell with one peer; the far ends of its inner side and of its socket."""
    near, host = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    near.setblocking(False)
    outer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with near, host, outer, peer:
        outer.bind(("127.0.0.1", 0))
        peer.bind(("127.0.0.1", 0))
        peer.settimeout(5)
        shell = Shell(Inner(near.fileno()), lambda: 7.0)
        session = Session(5, 6, *KEYS, True, 0.0, NEVER, NEVER, NEVER)
        shell.engine.apply(
            [
                Sockets(outer.dup().detach(), None),
                Add(1),
                Route(1, (Prefix(bytes(4), 0),)),
                SetEndpoint(1, Endpoint(bytes((127, 0, 0, 1)), peer.getsockname()[1])),
                Install(1, session),
            ],
            0.0,
        )
        assert len(peer.recv(100)) == 32
        shell.engine.drain()
        yield shell, host, peer
        shell.close()


def state(shell):
    engine = shell.engine
    return engine.observe([1]), engine.counters(), engine.has_notices


def test_a_rehearsal_leaves_no_trace(ends):
    shell, host, peer = ends
    before = state(shell)
    for _ in range(5):
        shell.rehearse()
    assert state(shell) == before
    for silent in (host, peer):
        silent.setblocking(False)
        with pytest.raises(BlockingIOError):
            silent.recv(100)


def test_what_comes_during_a_rehearsal_is_sent_on(ends):
    shell, host, peer = ends
    host.send(PACKET)
    shell.rehearse()
    _, index, counter = TRANSPORT_HEADER.unpack_from(peer.recv(200))
    assert (index, counter) == (6, 1)


def test_while_the_socket_is_full_the_inner_side_waits(ends):
    shell, host, peer = ends
    shell._wire._hold(Way(Endpoint(bytes((127, 0, 0, 1)), peer.getsockname()[1])), b"held", 4, 0)
    shell.rehearse()
    host.send(PACKET)
    before = state(shell)
    shell.rehearse()
    assert state(shell) == before
    shell.step(0.0)
    assert peer.recv(200) == b"held"
    shell.rehearse()
    assert len(peer.recv(200)) == 96


def test_the_end_of_the_inner_side_may_come_during_a_rehearsal(ends):
    shell, host, _ = ends
    host.close()
    shell.rehearse()
    assert not shell.step(0.0)


def rehearsed(moment):
    """Let nothing come any more; return how many rehearsals that takes."""
    count = 0
    while moment.patience > 0:
        moment.pass_by()
        count += 1
    return count


def test_before_anything_came_nothing_is_due():
    assert rehearsed(Moment()) == 0


@given(st.lists(st.integers(1, FLOW), min_size=1), st.integers(1, COUNT))
def test_a_few_packets_are_followed_by_all_rehearsals(bursts, between):
    moment = Moment()
    for burst in bursts:
        for _ in range(burst):
            moment.renew()
        for _ in range(between):
            assert moment.patience == INTERVAL
            moment.pass_by()
    assert rehearsed(moment) == COUNT - between


@given(st.integers(FLOW + 1, 20 * FLOW))
def test_of_a_flow_few_waits_have_a_limit(length):
    moment = Moment()
    limited = []
    for _ in range(length):
        moment.renew()
        limited.append(moment.patience > 0)
    assert all(limited[:FLOW])
    assert sum(limited[FLOW:]) == length // FLOW - 1
    more = -length % FLOW
    for _ in range(more):
        moment.renew()
    assert rehearsed(moment) == COUNT


class Scripted:
    """A shell, and a listener, to which something comes at waits that are given, and then never."""

    def __init__(self, *comes):
        self.comes = list(comes)
        self.calls = []

    def step(self, timeout):
        if not self.comes and timeout < 0:
            raise child.ParentGone
        comes = bool(self.comes) and self.comes.pop(0)
        assert comes or timeout == INTERVAL, "a wait without end ended with nothing"
        self.calls.append("step")
        return comes

    def rehearse(self):
        self.calls.append("rehearse")

    def notify_if_due(self):
        self.calls.append("notify")


def test_the_process_rehearses_when_nothing_came_in_time():
    shell = Scripted(True, True, False, True)
    with pytest.raises(child.ParentGone):
        child._move(shell, shell)
    came, rehearsed = ["step", "notify"], ["step", "rehearse", "notify"]
    assert shell.calls == [*came, *came, *rehearsed, *came, *(rehearsed * COUNT)]
