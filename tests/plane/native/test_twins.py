"""The packet craft of the native core beside its twin in Python: the same, byte for byte."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.damage import damaged
from tests.fuzz.test_wire import FRAMES, WHOLE
from tests.plane.portable.packets import Flow, flows
from tests.plane.portable.trains import joined
from wiresnake.plane.portable.segment import MalformedTrain, Train

pytestmark = pytest.mark.native

DATA = bytes(range(251)) * 40


def cut_in_python(frame: bytes) -> list[bytes] | None:
    """Cut a frame with the twin; None if it refuses."""
    try:
        train = Train(memoryview(bytearray(frame)))
        return [bytes(packet) for packet in train.cut()]
    except MalformedTrain:
        return None


def cut_natively(frame: bytes) -> list[bytes] | None:
    from wiresnake.plane import _native

    try:
        return _native.cut(frame)
    except ValueError:
        return None


def joined_natively(packets: list[bytes]) -> list[bytes]:
    from wiresnake.plane import _native

    return _native.join(packets, True, True)


@given(damaged(FRAMES))
def test_both_cut_or_refuse_a_frame_alike(frame: bytes) -> None:
    assert cut_natively(frame) == cut_in_python(frame)


@given(st.lists(WHOLE, max_size=8))
def test_both_join_hostile_packets_alike(packets: list[bytes]) -> None:
    assert joined_natively(packets) == joined(packets)


@given(
    ours=flows(),
    others=flows(),
    size=st.integers(1, 9000),
    mss=st.integers(30, 1500),
    sequence=st.integers((1 << 32) - 20_000, (1 << 32) - 1),
    order=st.randoms(use_true_random=False),
)
def test_both_join_and_cut_flows_alike(
    ours: Flow, others: Flow, size: int, mss: int, sequence: int, order
) -> None:
    waiting = [
        ours.packets(DATA[:size], mss, sequence, 65500),
        others.packets(DATA[size:], mss, sequence, 7),
    ]
    packets = []
    while any(waiting):
        one = order.choice([each for each in waiting if each])
        packets.append(one.pop(0 if order.random() < 0.95 else len(one) // 2))
    frames = joined_natively(packets)
    assert frames == joined(packets)
    for frame in frames:
        assert cut_natively(frame) == cut_in_python(frame)
