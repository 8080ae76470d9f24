"""Numbered datagrams: lateness as in RFC 4737, and a flow over loopback, counted whole."""

import socket
import threading

from hypothesis import given
from hypothesis import strategies as st

from bench.lab.batches import Batch, set_time_limit
from bench.lab.numbered import Order, receive, send

numbers = st.lists(st.integers(0, 50), max_size=60)


def naive_late(arrived: list[int]) -> int:
    """Count those before which a higher one, or the same, has come."""
    return sum(any(other >= number for other in arrived[:at]) for at, number in enumerate(arrived))


@given(numbers, st.lists(st.integers(0, 60), max_size=5))
def test_late_is_what_comes_after_a_higher_one(arrived: list[int], cuts: list[int]) -> None:
    order = Order()
    begin = 0
    for end in [*sorted(cuts), len(arrived)]:
        order.see(arrived[begin:end])
        begin = max(begin, end)
    assert order.late == naive_late(arrived)


def pair() -> tuple[socket.socket, socket.socket]:
    into = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    into.bind(("127.0.0.1", 0))
    out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    out.connect(into.getsockname())
    return out, into


def test_a_batch_arrives_as_it_was_put() -> None:
    out, into = pair()
    sent = [bytes([at]) * (at + 1) for at in range(20)]
    batch, room = Batch(32, 64), Batch(32, 64)
    for at, datagram in enumerate(sent):
        batch.put(at, datagram)
    with out, into:
        assert batch.send(out, 0, 5) == 5
        assert batch.send(out, 5, 15) == 15
        set_time_limit(into, 5)
        assert room.receive(into) == 20
        for at, datagram in enumerate(sent):
            assert room.memory[at * 64 : at * 64 + at + 1] == datagram
        set_time_limit(into, 0.01)
        assert room.receive(into) == 0


def test_a_closed_port_takes_nothing_and_harms_nothing() -> None:
    out, into = pair()
    into.close()
    batch = Batch(4, 64)
    with out:
        assert batch.send(out, 0, 1) == 1
        assert batch.send(out, 0, 1) in {0, 1}


def test_a_flow_is_counted_whole_and_in_its_sizes() -> None:
    out, into = pair()
    seen: list[tuple[int, int]] = []
    with out, into:
        reader = threading.Thread(target=lambda: seen.append(receive(into)))
        reader.start()
        offered = send(out, rate=2000, seconds=0.3, sizes=[64, 8, 1372])
        reader.join()
    assert 300 <= offered <= 600
    assert seen == [(offered, 0)]


def test_sizes_go_round() -> None:
    out, into = pair()
    into.settimeout(5)
    with out, into:
        offered = send(out, rate=1000, seconds=0.1, sizes=[64, 8, 1372])
        lengths = [len(into.recv(2048)) for _ in range(offered)]
    assert lengths == [(64, 8, 1372)[at % 3] for at in range(offered)]
