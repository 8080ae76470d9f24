"""The inner side of a TUN with virtio headers, with a socket pair in its place."""

import errno
import os
import socket
import struct

import pytest

from wiresnake.plane.contract import Inner
from wiresnake.plane.portable import inner as module
from wiresnake.plane.portable.counters import fresh_counters
from wiresnake.plane.portable.inner import InnerSide


class Recorder:
    """Stands for `Inside`."""

    def __init__(self):
        self.packets = []
        self.trains = []

    def send(self, packets, now):
        self.packets += map(bytes, packets)

    def send_alone(self, packet, now):
        self.packets.append(bytes(packet))

    def send_train(self, train, now):
        self.trains.append([bytes(each) for each in train.cut()])

    def flush(self, now):
        pass


@pytest.fixture
def ends():
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    near.setblocking(False)
    with near, far:
        yield near, far


def side(near, **offload):
    return InnerSide(Inner(near.fileno(), **offload), fresh_counters())


def tcp_packet(sequence, payload):
    size = 40 + len(payload)
    head = struct.pack("!BBHHHBBH", 0x45, 0, size, 1, 0x4000, 64, 6, 0)
    addresses = bytes((10, 0, 0, 2, 10, 0, 0, 1))
    total = sum(struct.unpack("!10H", head + addresses))
    check = 65535 - total % 65535
    head = head[:10] + check.to_bytes(2) + addresses
    tcp = struct.pack("!HHIIBBHHH", 5, 6, sequence, 7, 0x50, 0x10, 100, 0, 0)
    return head + tcp + payload


FLOW = [tcp_packet(1000 + n * 100, bytes(100)) for n in range(5)]


def test_packets_are_read_until_there_are_none(ends):
    near, far = ends
    inside = Recorder()
    for packet in FLOW:
        far.send(packet)
    one = side(near)
    for _ in FLOW:
        one.read(inside, 0.0)
    assert inside.packets == FLOW


def test_how_much_is_read_at_once_follows_what_comes(ends):
    near, far = ends
    one, inside = side(near), Recorder()
    for packet in FLOW * 2:
        far.send(packet)
    read = []
    for _ in range(4):
        one.read(inside, 0.0)
        read.append(len(inside.packets))
    assert read == [1, 3, 7, 10]
    far.send(FLOW[0])
    far.send(FLOW[0])
    one.read(inside, 0.0)
    one.read(inside, 0.0)
    assert len(inside.packets) == 12


def test_a_train_is_cut_after_what_came_before_it(ends):
    near, far = ends
    inside = Recorder()
    whole = FLOW[0][:40] + bytes(300)
    whole = whole[:2] + len(whole).to_bytes(2) + whole[4:]
    far.send(bytes(10) + FLOW[4])
    far.send(struct.pack("=BBHHHH", 1, 1, 40, 100, 20, 16) + whole)
    one = side(near, vnet_header=True, tso=True)
    one.read(inside, 0.0)
    one.read(inside, 0.0)
    assert inside.packets == [FLOW[4]]
    assert [[len(each) for each in train] for train in inside.trains] == [[140] * 3]


def test_a_malformed_train_is_counted(ends):
    near, far = ends
    inside = Recorder()
    far.send(struct.pack("=BBHHHH", 1, 1, 40, 0, 20, 16) + FLOW[0])
    far.send(b"short")
    one = side(near, vnet_header=True, tso=True)
    one.read(inside, 0.0)
    one.read(inside, 0.0)
    assert (inside.packets, inside.trains) == ([], [])
    assert one._counters["dropped_outbound_malformed"] == 2
    assert one.is_open


def test_the_end_of_the_inner_side_is_noticed(ends):
    near, far = ends
    far.close()
    one = side(near)
    one.read(Recorder(), 0.0)
    assert not one.is_open


def test_a_flow_is_written_as_a_train(ends):
    near, far = ends
    side(near, vnet_header=True, tso=True).deliver(FLOW)
    frame = far.recv(65536)
    assert frame[1] == 1
    assert len(frame) == 10 + 40 + 500


@pytest.mark.parametrize("header", [True, False])
def test_without_offload_packets_go_one_by_one(ends, header):
    near, far = ends
    side(near, vnet_header=header).deliver(FLOW)
    prefix = bytes(10) if header else b""
    assert [far.recv(65536) for _ in FLOW] == [prefix + packet for packet in FLOW]


def test_trains_stop_for_good_when_the_host_refuses_one(ends, monkeypatch):
    near, far = ends
    one = side(near, vnet_header=True, tso=True)
    trains = []

    def writev(fd, parts):
        if parts[0][1]:
            trains.append(parts)
            raise OSError(errno.EINVAL, "no trains")
        return os.writev(fd, parts)

    monkeypatch.setattr(module, "os", type("Os", (), {"writev": staticmethod(writev)}))
    for _ in range(2):
        one.deliver(FLOW)
        assert [far.recv(65536)[10:] for _ in FLOW] == FLOW
    assert len(trains) == 1
    assert one._counters["joining_refused"] == 1


def test_what_the_host_does_not_take_is_counted(ends):
    near, far = ends
    one = side(near)
    for _ in range(100):
        one.deliver(FLOW)
    assert one._counters["dropped_inner_full"] > 0
    far.close()
    one.deliver(FLOW)
    assert one._counters["dropped_inner_error"] == 5
