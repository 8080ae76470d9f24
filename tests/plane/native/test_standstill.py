"""The native plane where something does not move: a host that never pauses, a socket that is full,
an inner side that is at its end.
"""

import os
import resource
import socket
import struct
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.contract.conftest import FAR, INSIDE, ip_packet
from tests.plane.native.conftest import wait_until
from wiresnake.door.commands import (
    Add,
    Identity,
    Install,
    Route,
    Send,
    Session,
    SetEndpoint,
    Sockets,
)
from wiresnake.host.clock import boottime
from wiresnake.plane.contract import Inner, RejectedBatch
from wiresnake.protocol.cookies import mac1_key
from wiresnake.protocol.messages import INITIATION_SIZE
from wiresnake.protocol.primitives import mac
from wiresnake.values.addresses import Endpoint, Prefix, pack_address
from wiresnake.values.instants import NEVER

pytestmark = pytest.mark.native

SIZE = 60_000
LIMIT = 5.0


def train() -> bytes:
    """Return a TCP train as a TUN gives it, of 43 segments."""
    offload = struct.pack("=BBHHHH", 1, 1, 40, 1400, 20, 16)
    tcp = struct.pack("!HHIIBBHHH", 1, 2, 0, 0, 0x50, 0x10, 0, 0, 0)
    packet = bytearray(ip_packet(INSIDE[4], FAR[4], tcp + bytes(SIZE)))
    packet[9] = socket.IPPROTO_TCP
    return offload + packet


def has_thread(name):
    for task in Path("/proc/self/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):  # it ended meanwhile
            if (task / "comm").read_text() == f"{name}\n":
                return True
    return False


@pytest.fixture
def host():
    """Give both ends of an inner side, the host's and the plane's."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        theirs.setblocking(False)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 22)
        yield ours, theirs


@pytest.fixture
def udp():
    """Give two UDP sockets on the loopback."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other,
    ):
        for each in (one, other):
            each.bind(("127.0.0.1", 0))
        yield one, other


@pytest.fixture
def full():
    """Give an outer socket that soon takes nothing more, and never again.

    It is no UDP socket, but one of its kind does not heed where a message should go.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        yield ours


def endpoint_of(one):
    host, port = one.getsockname()
    return Endpoint(pack_address(host), port)


def ready(plane, v4, endpoint, v6=None):
    """Bring a plane up with one peer that has a session."""
    plane.apply(
        [
            Sockets(os.dup(v4.fileno()), v6 and os.dup(v6.fileno())),
            Add(1),
            Route(1, (Prefix.parse(FAR[4]),)),
            SetEndpoint(1, endpoint),
            Install(
                1,
                Session(1, 2, bytes(32), bytes(32), True, boottime(), NEVER, NEVER, NEVER),
            ),
        ]
    )


class Flood:
    """A host that sends trains and never pauses."""

    def __init__(self, host):
        self.host = host
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        frame = train()
        self.host.settimeout(0.1)
        while not self.stop.is_set():
            try:
                self.host.send(frame)
            except TimeoutError:
                continue
            except OSError:
                return

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()


def test_a_plane_ends_though_the_host_never_pauses(open_native):
    with open("/dev/zero", "rb") as endless:
        plane = open_native(Inner(endless.fileno()), 2)
        wait_until(lambda: plane.counters()["dropped_outbound_malformed"] > 1000)
        closing = threading.Thread(target=plane.close, daemon=True)
        closing.start()
        closing.join(LIMIT)
        assert not closing.is_alive()


def test_a_full_socket_does_not_keep_control(open_native, host, full):
    plane = open_native(Inner(host[1].fileno(), vnet_header=True), 1)
    ready(plane, full, Endpoint(pack_address("192.0.2.1"), 1))
    with Flood(host[0]):
        wait_until(lambda: plane.counters()["dropped_outer_full"] > 0)
        before = time.monotonic()
        plane.apply([Send(1, bytes(148))] * 5)
        assert time.monotonic() - before < 1.5


def test_who_is_answered_with_cookies_does_not_make_others_wait(open_native, host, full, udp):
    near, far = udp
    plane = open_native(Inner(host[1].fileno(), vnet_header=False), 1)
    # Replies to an IPv4 endpoint leave by the IPv4 socket, and that is the full one.
    ready(plane, full, Endpoint(pack_address("192.0.2.1"), 1), v6=near)
    public = bytes(range(32))
    plane.apply([Identity(public)])
    while not plane.counters()["dropped_outer_full"]:
        plane.apply([Send(1, bytes(148))])
    start = bytes((1, 0, 0, 0)) + bytes(INITIATION_SIZE - 36)
    initiation = start + mac(mac1_key(public), start) + bytes(16)
    before = time.monotonic()
    for _ in range(70):
        far.sendto(initiation, near.getsockname())
    wait_until(lambda: plane.counters()["cookie_replies_sent"] >= 6)
    far.sendto(bytes(1), near.getsockname())
    wait_until(lambda: plane.counters()["dropped_malformed"] == 1)
    assert time.monotonic() - before < 3.0


def test_an_inner_side_at_its_end_is_left_alone(open_native, host):
    plane = open_native(Inner(host[1].fileno(), vnet_header=True), 1)
    host[0].send(bytes(9))
    wait_until(lambda: plane.counters()["dropped_outbound_malformed"] == 1)
    host[0].close()
    wait_until(lambda: not has_thread("outward-0"))
    assert plane.counters()["dropped_outbound_malformed"] == 1


def test_a_batch_without_room_for_its_sockets_is_rejected(open_native, host, udp):
    plane = open_native(Inner(host[1].fileno()), 1)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
    try:
        with pytest.raises(RejectedBatch, match="taken over"):
            plane.apply([Add(1), Sockets(udp[0].fileno(), None)])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert plane.observe([1]) == []
