"""The native plane's threads: how many, with what rights, and that they keep order between them."""

import os
import select
import socket
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.contract.conftest import FAR, INSIDE, ip_packet
from tests.plane.native.conftest import LIMIT, wait_until
from wiresnake.door.commands import (
    Add,
    Forget,
    Identity,
    Install,
    Route,
    Session,
    SetEndpoint,
    Sockets,
)
from wiresnake.host.clock import boottime
from wiresnake.host.udp import open_pair
from wiresnake.plane.contract import Inner, PlaneLost
from wiresnake.protocol.messages import TRANSPORT_HEADER
from wiresnake.protocol.primitives import aead_seal
from wiresnake.values.addresses import Endpoint, Prefix
from wiresnake.values.instants import NEVER

pytestmark = pytest.mark.native

KEYS = (bytes(range(32)), bytes(range(32, 64)))


def threads_of_planes():
    """Return the status files of this process's threads that belong to a plane."""
    return [
        Path(task.path, "status").read_text()
        for task in os.scandir("/proc/self/task")
        if Path(task.path, "comm").read_text().startswith(("outward-", "inward-"))
    ]


def sockets_of(pair):
    return Sockets(*(one and os.dup(one.fileno()) for one in (pair.v4, pair.v6)))


class Ends:
    """Two planes with one session between them, and the inner side of each in our hands."""

    def __init__(self, undo, open_native, workers):
        self.hosts, self.planes, self.pairs = [], [], []
        for _ in range(2):
            host, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            for one in (host, theirs):
                undo.callback(one.close)
                one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 22)
                one.setblocking(False)
            self.hosts.append(host)
            self.planes.append(open_native(Inner(theirs.fileno()), workers))
            self.pairs.append(open_pair(0, 0))
            undo.callback(self.pairs[-1].close)
        for side in (0, 1):
            self.prepare(side)

    def prepare(self, side):
        other = 1 - side
        inside = (INSIDE if other == 0 else FAR)[4]
        session = Session(
            local_index=side + 1,
            remote_index=other + 1,
            send_key=KEYS[side],
            receive_key=KEYS[other],
            initiator=True,
            born=boottime(),
            renew_on_send_at=NEVER,
            renew_on_receive_at=NEVER,
            dies_at=NEVER,
        )
        there = Endpoint(socket.inet_aton("127.0.0.1"), self.pairs[other].port)
        self.planes[side].apply(
            [
                sockets_of(self.pairs[side]),
                Add(1),
                Route(1, (Prefix.parse(inside),)),
                SetEndpoint(1, there),
                Install(1, session),
            ]
        )

    def put(self, side, number, length):
        packet = ip_packet(
            (INSIDE if side == 0 else FAR)[4],
            (FAR if side == 0 else INSIDE)[4],
            number.to_bytes(4) + bytes(length),
        )
        while True:
            try:
                return self.hosts[side].send(packet)
            except BlockingIOError:
                select.select([], [self.hosts[side]], [], 1.0)

    def take(self, side, within=LIMIT):
        """Return the number of the next packet that comes out, or None."""
        if not select.select([self.hosts[side]], [], [], within)[0]:
            return None
        return int.from_bytes(self.hosts[side].recv(65536)[20:24])


@pytest.fixture
def make_ends(open_native):
    with ExitStack() as undo:
        yield lambda workers: Ends(undo, open_native, workers)


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_there_are_as_many_threads_as_were_asked_for_until_it_closes(open_native, inner, workers):
    plane = open_native(inner, workers)
    wait_until(lambda: len(threads_of_planes()) == 2 * workers)
    plane.close()
    plane.close()
    assert threads_of_planes() == []
    with pytest.raises(PlaneLost, match="closed"):
        plane.counters()


def test_its_threads_have_no_rights(open_native, inner):
    def rights():
        for status in threads_of_planes():
            fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
            yield fields["NoNewPrivs"] != "1"
            yield from (int(fields[name], 16) for name in ("CapEff", "CapPrm", "CapInh", "CapAmb"))

    open_native(inner, 1)
    wait_until(lambda: list(rights()) == [0] * 10)


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_a_flow_arrives_in_order_however_many_threads_seal_it(make_ends, workers):
    ends = make_ends(workers)
    count = 20_000
    taken = []

    def drain():
        while len(taken) < count and (number := ends.take(1)) is not None:
            taken.append(number)

    reader = threading.Thread(target=drain)
    reader.start()
    for number in range(count):
        while number - len(taken) > 400:  # or a socket's buffer overflows
            time.sleep(0)
        ends.put(0, number, number * 37 % 1300)
    reader.join(LIMIT)
    assert taken == list(range(count))


def test_sealing_and_opening_spread_over_the_threads(make_ends):
    ends = make_ends(2)
    deadline = time.monotonic() + LIMIT
    number = 0

    def shares(plane, what):
        counts = plane.counters()
        return [counts[f"{what}_by_{worker}"] for worker in range(2)]

    while not (all(shares(ends.planes[0], "sealed")) and all(shares(ends.planes[1], "opened"))):
        assert time.monotonic() < deadline, "one thread did it all"
        for _ in range(200):
            ends.put(0, number, 1300)
            number += 1
        while ends.take(1, within=0.01) is not None:
            pass


@pytest.mark.parametrize("workers", [1, 3])
def test_control_may_change_everything_while_packets_move(make_ends, workers):
    """Sockets replaced, the link down and up, peers and sessions coming and going: nothing breaks,
    nothing is sent twice, and in the end packets cross.
    """
    ends = make_ends(workers)
    stop = threading.Event()
    seen = [[], []]

    def pump(side):
        number = side
        while not stop.is_set():
            ends.put(side, number, number % 1200)
            number += 2
            while (taken := ends.take(side, within=0)) is not None:
                seen[side].append(taken)

    pumps = [threading.Thread(target=pump, args=(side,)) for side in (0, 1)]
    for one in pumps:
        one.start()
    try:
        for turn in range(150):
            side = turn % 2
            plane = ends.planes[side]
            plane.drain()
            if turn % 5 == 0:
                plane.apply([Sockets(None, None), Identity(None)])
            if turn % 7 == 0:
                plane.apply([Add(100 + turn), Route(100 + turn, (Prefix.parse("10.9.0.0/16"),))])
                plane.apply([Forget(100 + turn)])
            plane.apply([sockets_of(ends.pairs[side]), Identity(bytes(32))])
            plane.observe([1])
    finally:
        stop.set()
        for one in pumps:
            one.join(LIMIT)
    for side in (0, 1):
        while ends.take(side, within=0.2) is not None:
            pass
        assert len(set(seen[side])) == len(seen[side])
        assert sorted(seen[side]) == seen[side]
    ends.put(0, 999_999_999, 10)
    assert ends.take(1) == 999_999_999


def test_flows_of_both_families_keep_their_order(open_native):
    """A thread that lets the next one receive deals with one family and may go on to the other."""
    count = 6000
    with ExitStack() as undo:
        host, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        pair = open_pair(0, 0)
        for one in (host, theirs, pair):
            undo.callback(one.close)
        theirs.setblocking(False)
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 22)
        plane = open_native(Inner(theirs.fileno()), 4)
        plane.apply([sockets_of(pair)])
        flows = []
        for peer, family in ((1, socket.AF_INET), (2, socket.AF_INET6)):
            inside = f"10.0.1.{peer}"
            session = Session(peer, 9, *KEYS, True, boottime(), NEVER, NEVER, NEVER)
            plane.apply([Add(peer), Route(peer, (Prefix.parse(inside),)), Install(peer, session)])
            far = socket.socket(family, socket.SOCK_DGRAM)
            undo.callback(far.close)
            there = ("::1" if family == socket.AF_INET6 else "127.0.0.1", pair.port)
            messages = []
            for number in range(count):
                packet = ip_packet(inside, INSIDE[4], number.to_bytes(4) + bytes(1256))
                sealed = aead_seal(KEYS[1], number, packet, b"")
                messages.append(TRANSPORT_HEADER.pack(4, peer, number) + sealed)
            flows.append((far, there, messages))
        taken = {1: [], 2: []}

        def read():
            while packet := host.recv(2000):
                taken[packet[15]].append(int.from_bytes(packet[20:24]))

        reader = threading.Thread(target=read)
        reader.start()

        def wait_until_received(number):
            wait_until(lambda: sum(one.activity for one in plane.observe([1, 2])) >= number)

        for start in range(0, count, 24):
            wait_until_received(2 * start - 1000)  # or a socket's buffer overflows
            for far, there, messages in flows:
                for message in messages[start : start + 24]:
                    far.sendto(message, there)
        wait_until_received(2 * count)
        plane.close()
        theirs.close()
        reader.join(LIMIT)
        assert taken[1] == sorted(taken[1])
        assert taken[2] == sorted(taken[2])
