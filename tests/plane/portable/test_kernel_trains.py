"""A real kernel takes our trains, finds what is wrong in them, and gives us trains to cut."""

import os
import select
import socket
import struct
import time
from collections.abc import Iterator, Sequence

import pytest

from tests.plane.portable.packets import RST, V4, V6, Flow, is_whole
from wiresnake.host import tun
from wiresnake.host.namespaces import Namespace
from wiresnake.plane.portable import virtio
from wiresnake.plane.portable.coalesce import Coalescer
from wiresnake.plane.portable.segment import Train

pytestmark = pytest.mark.root

UDP_SEGMENT = 103
PORT = 5201
DATA = bytes(range(251)) * 28
TCP_FLOWS = [
    pytest.param(Flow(V4[1], V4[0]), id="IPv4"),
    pytest.param(Flow(V6[1], V6[0]), id="IPv6"),
]
UDP_FLOWS = [
    pytest.param(Flow(V4[1], V4[0], tcp=False), id="IPv4"),
    pytest.param(Flow(V6[1], V6[0], tcp=False), id="IPv6"),
]


class Host:
    """A host whose packets for 10.0.0.0/24 and fd00::/64 come out of a TUN that we hold."""

    def __init__(self, namespace: Namespace) -> None:
        self.namespace = namespace
        with namespace.enter():
            self.device = tun.create("trains0", 1420)
        namespace.ip("link", "set", "trains0", "up")
        namespace.add_address("trains0", "10.0.0.1/24")
        namespace.add_address("trains0", "fd00::1/64")

    def write(self, packets: Sequence[bytes], *, verify_tcp: bool = False) -> None:
        """Write packets as one train; fails if they are not one."""
        coalescer = Coalescer(
            vnet_header=True, tso=self.device.tso, uso=self.device.uso, verify_tcp=verify_tcp
        )
        for packet in packets:
            coalescer.add(memoryview(packet))
        [frame] = coalescer.take()
        assert os.writev(self.device.fd, frame) == sum(map(len, frame))

    def read(self, protocol: int, seconds: float) -> bytearray | None:
        """Return the next frame of a protocol, or None if there is none within a time."""
        deadline = time.monotonic() + seconds
        while select.select([self.device.fd], [], [], max(0.0, deadline - time.monotonic()))[0]:
            frame = bytearray(os.read(self.device.fd, 65600))
            if (frame[19] if frame[10] >> 4 == 4 else frame[16]) == protocol:
                return frame
        return None

    def socket(self, flow: Flow) -> socket.socket:
        """Return a UDP socket inside, bound where the flow goes."""
        family = socket.AF_INET if len(flow.source) == 4 else socket.AF_INET6
        with self.namespace.enter():
            made = socket.socket(family, socket.SOCK_DGRAM)
        made.bind((socket.inet_ntop(family, flow.destination), PORT))
        made.settimeout(5.0)
        return made

    def checksum_errors(self) -> int:
        text = self.namespace.run(["cat", "/proc/net/snmp"]).stdout
        names, values = (line.split() for line in text.splitlines() if line.startswith("Tcp:"))
        return int(values[names.index("InCsumErrors")])


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with Namespace("trains") as namespace:
        made = Host(namespace)
        yield made
        os.close(made.device.fd)


@pytest.mark.parametrize("flow", TCP_FLOWS)
@pytest.mark.parametrize("mss", [1300, 1301])
@pytest.mark.parametrize("verify_tcp", [False, True])
def test_a_train_reaches_tcp_whole(host: Host, flow: Flow, mss: int, *, verify_tcp: bool) -> None:
    host.write(flow.packets(DATA, mss), verify_tcp=verify_tcp)
    frame = host.read(6, 5.0)
    assert frame is not None, "no socket is there, so a good train is answered with a reset"
    [answer] = Train(memoryview(frame)).cut()
    start = 20 if answer[0] >> 4 == 4 else 40
    assert is_whole(bytes(answer))
    assert answer[start + 13] & RST
    assert struct.unpack_from("!I", answer, start + 4)[0] == flow.acknowledged


@pytest.mark.parametrize("flow", TCP_FLOWS)
@pytest.mark.parametrize("position", [0, 2, 4])
def test_a_train_with_a_wrong_segment_is_found_wrong(host: Host, flow: Flow, position: int) -> None:
    packets = flow.packets(DATA, 1300)
    packets[position] = packets[position][:-1] + bytes((packets[position][-1] ^ 1,))
    errors = host.checksum_errors()
    host.write(packets)
    deadline = time.monotonic() + 5.0
    while host.checksum_errors() == errors:
        assert time.monotonic() < deadline, "the kernel took a wrong checksum"
    assert host.read(6, 0.0) is None


@pytest.mark.parametrize("flow", UDP_FLOWS)
@pytest.mark.parametrize("size", [64, 1300, 1301])
def test_a_train_reaches_udp_as_the_datagrams_it_was(host: Host, flow: Flow, size: int) -> None:
    if not host.device.uso:
        pytest.skip("this kernel takes no UDP trains")
    with host.socket(flow) as inside:
        host.write(flow.packets(DATA[: 5 * size - 7], size))
        got = [inside.recv(2000) for _ in range(5)]
    assert [len(datagram) for datagram in got] == [size] * 4 + [size - 7]
    assert b"".join(got) == DATA[: 5 * size - 7]


@pytest.mark.parametrize("flow", UDP_FLOWS)
def test_the_kernels_own_trains_are_cut_to_whole_packets(host: Host, flow: Flow) -> None:
    if not host.device.uso:
        pytest.skip("this kernel gives no UDP trains")
    with host.socket(flow) as inside:
        inside.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 1000)
        inside.connect((socket.inet_ntop(inside.family, flow.source), 9))
        inside.send(DATA)
    frame = host.read(17, 5.0)
    assert frame is not None
    assert frame[1] == virtio.GSO_UDP_L4
    packets = [bytes(packet) for packet in Train(memoryview(frame)).cut()]
    assert len(packets) == 8
    assert all(map(is_whole, packets))
    header = 28 if packets[0][0] >> 4 == 4 else 48
    assert b"".join(packet[header:] for packet in packets) == DATA


@pytest.mark.parametrize("flow", UDP_FLOWS)
def test_the_kernels_own_packets_have_their_checksum_completed(host: Host, flow: Flow) -> None:
    with host.socket(flow) as inside:
        inside.sendto(b"odd", (socket.inet_ntop(inside.family, flow.source), 9))
    frame = host.read(17, 5.0)
    assert frame is not None
    assert frame[0] & virtio.NEEDS_CSUM
    [packet] = Train(memoryview(frame)).cut()
    assert is_whole(bytes(packet))
    assert bytes(packet[-3:]) == b"odd"
