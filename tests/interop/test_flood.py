"""A flood of handshakes and garbage does not keep a legitimate peer out."""

import pytest

from bench.lab.programs import Program
from bench.lab.siege import besiege

pytestmark = [pytest.mark.root, pytest.mark.needs("wg", "wireguard-go", "ping", "iperf3")]

RATE = 10_000  # a quarter of what bench/ sends, so that two slow processors can take part


def test_a_legitimate_peer_connects_through_a_flood(subject: Program, other: Program) -> None:
    siege = besiege(subject, other, rate=RATE)
    assert siege.rate > RATE / 2
    assert siege.connected < 12
    assert siege.lost < 0.1
    assert siege.growth < 20 << 20
