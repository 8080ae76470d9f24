"""What becomes of a train that the host does not take as it is."""

import errno
import select
import socket

import pytest

from wiresnake.plane.portable.counters import fresh_counters
from wiresnake.plane.portable.ways import Way
from wiresnake.plane.portable.wire import MAX_HELD, UdpWire
from wiresnake.values.addresses import Endpoint

THERE = Endpoint(bytes((192, 0, 2, 2)), 51820)
LOCAL = bytes((192, 0, 2, 1))
TRAIN = bytes(range(250)) * 4


class ScriptedSocket:
    """A socket whose ``refuse`` names the errno of a send, or 0."""

    def __init__(self):
        self.sent = []
        self.refuse = lambda size, kinds: 0

    def sendmsg(self, buffers, ancillary, flags, address):
        data = b"".join(buffers)
        kinds = {kind for level, kind, _ in ancillary}
        if fault := self.refuse(len(data), kinds):
            raise OSError(fault, "refused")
        self.sent.append(data)


GSO, PKTINFO = 103, 8


@pytest.fixture
def line():
    wire = UdpWire(fresh_counters(), select.epoll())
    wire._v4 = ScriptedSocket()
    return wire


@pytest.mark.parametrize("fault", [errno.EIO, errno.EINVAL, errno.EMSGSIZE])
def test_a_refused_train_goes_one_by_one_and_its_like_do_ever_after(line, fault):
    line._v4.refuse = lambda size, kinds: fault if GSO in kinds else 0
    way = Way(THERE, LOCAL)
    assert line.send(way, TRAIN, 300, 0) == 1000
    assert [len(each) for each in line._v4.sent] == [300, 300, 300, 100]
    assert b"".join(line._v4.sent) == TRAIN
    assert way.local == LOCAL
    asked = []
    line._v4.refuse = lambda size, kinds: asked.append(kinds)
    line.send(way, TRAIN, 300, 0)
    assert len(asked) == 4
    assert line._counters["gso_refused"] == 1


def test_smaller_segments_are_tried_again_after_emsgsize(line):
    line._v4.refuse = lambda size, kinds: errno.EMSGSIZE if GSO in kinds else 0
    line.send(Way(THERE), TRAIN, 300, 0)
    line._v4.sent.clear()
    line._v4.refuse = lambda size, kinds: 0
    line.send(Way(THERE), TRAIN, 299, 0)
    assert len(line._v4.sent) == 1


def test_other_destinations_keep_their_trains(line):
    line._v4.refuse = lambda size, kinds: errno.EIO if GSO in kinds else 0
    line.send(Way(THERE), TRAIN, 300, 0)
    line._v4.sent.clear()
    line._v4.refuse = lambda size, kinds: 0
    line.send(Way(Endpoint(bytes((192, 0, 2, 3)), 51820)), TRAIN, 300, 0)
    assert len(line._v4.sent) == 1


@pytest.mark.parametrize("fault", [errno.EINVAL, errno.ENETUNREACH, errno.EADDRNOTAVAIL])
@pytest.mark.parametrize("segment", [300, 1000])
def test_a_source_that_went_away_is_forgotten_and_the_send_repeated(line, fault, segment):
    line._v4.refuse = lambda size, kinds: fault if PKTINFO in kinds else 0
    way = Way(THERE, LOCAL)
    assert line.send(way, TRAIN, segment, 0) == 1000
    assert b"".join(line._v4.sent) == TRAIN
    assert way.local == b""
    assert line._counters["source_cleared"] == 1
    assert line._counters["gso_refused"] == 0


def test_a_send_that_fails_is_counted_and_not_repeated(line):
    asked = []
    line._v4.refuse = lambda size, kinds: asked.append(size) or errno.EPERM
    assert line.send(Way(THERE), TRAIN, 1000, 0) == 0
    assert asked == [1000]
    assert line._counters["dropped_outer_error"] == 1


def test_a_packet_too_large_by_itself_is_an_error(line):
    line._v4.refuse = lambda size, kinds: errno.EMSGSIZE if size > 200 else 0
    assert line.send(Way(THERE), TRAIN, 300, 0) == 100
    assert line._counters["dropped_outer_error"] == 3


def test_without_a_socket_of_the_family_nothing_is_sent(line):
    assert line.send(Way(Endpoint(bytes(16), 1)), TRAIN, 1000, 0) == 0
    assert line._counters["dropped_outer_error"] == 1


def test_a_full_socket_holds_what_it_refused_in_order(line):
    line._v4.refuse = lambda size, kinds: errno.EAGAIN
    assert line.send(Way(THERE), b"first", 5, 0) == 5
    assert line.is_blocked
    line._v4.refuse = lambda size, kinds: 0
    assert line.send(Way(THERE), b"second", 6, 0) == 6
    assert line._v4.sent == []
    line.resume()
    assert line._v4.sent == [b"first", b"second"]
    assert not line.is_blocked


def test_a_socket_that_fills_up_within_a_train_holds_the_rest(line):
    line.send(Way(THERE), TRAIN, 300, 0)
    line._v4.sent.clear()
    line._refused_segment[THERE] = 0
    line._v4.refuse = lambda size, kinds: errno.EAGAIN if len(line._v4.sent) == 2 else 0
    assert line.send(Way(THERE), TRAIN, 300, 0) == 1000
    line._v4.refuse = lambda size, kinds: 0
    line.resume()
    assert b"".join(line._v4.sent) == TRAIN


def test_what_is_held_is_bounded(line):
    line._v4.refuse = lambda size, kinds: errno.EAGAIN
    accepted = sum(line.send(Way(THERE), bytes(60_000), 60_000, 0) for _ in range(100))
    assert MAX_HELD - 60_000 < accepted <= MAX_HELD
    assert line._counters["dropped_outer_full"] == 100 - accepted // 60_000
    line.replace(None, None)
    assert not line.is_blocked


def test_a_full_socket_is_watched_until_it_takes_more():
    one, other = socket.socketpair(type=socket.SOCK_DGRAM)
    with select.epoll() as poller, one, other:
        wire = UdpWire(fresh_counters(), poller)
        scripted = ScriptedSocket()
        wire._v4 = scripted
        wire.by_fileno = {one.fileno(): scripted}
        poller.register(one.fileno(), select.EPOLLIN)
        scripted.refuse = lambda size, kinds: errno.EAGAIN
        wire.send(Way(THERE), b"waits", 5, 0)
        assert poller.poll(0) == [(one.fileno(), select.EPOLLOUT)]
        scripted.refuse = lambda size, kinds: 0
        wire.resume()
        assert poller.poll(0) == []
