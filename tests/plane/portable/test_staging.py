"""The stage against a naive twin: two bounds, and always the oldest goes first."""

from hypothesis import given
from hypothesis import strategies as st

from wiresnake.plane.portable.peers import Peer
from wiresnake.plane.portable.staging import BOOKKEEPING, Stage
from wiresnake.protocol.constants import MAX_STAGED_PACKETS


class NaiveStage:
    """A list of everything, searched for everything."""

    def __init__(self, max_bytes):
        self.max_bytes = max_bytes
        self.waiting = []

    def add(self, peer, packet):
        before = len(self.waiting)
        own = [each for each in self.waiting if each[0] is peer]
        if len(own) == MAX_STAGED_PACKETS:
            self.waiting.remove(own[0])
        self.waiting.append((peer, packet))
        while sum(len(each[1]) + BOOKKEEPING for each in self.waiting) > self.max_bytes:
            self.waiting.pop(0)
        return before + 1 - len(self.waiting)

    def take(self, peer):
        own = [each[1] for each in self.waiting if each[0] is peer]
        self.waiting = [each for each in self.waiting if each[0] is not peer]
        return own


actions = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(0, 3), st.integers(0, 3000)),
        st.tuples(st.just("take"), st.integers(0, 3), st.just(0)),
    ),
    max_size=200,
)


@given(actions, st.integers(0, 40_000))
def test_it_keeps_what_its_naive_twin_keeps(steps, max_bytes):
    peers = [Peer(number) for number in range(4)]
    stage, naive = Stage(max_bytes), NaiveStage(max_bytes)
    for number, (what, which, size) in enumerate(steps):
        peer = peers[which]
        packet = number.to_bytes(4) + bytes(size)
        if what == "add":
            assert stage.add(peer, packet) == naive.add(peer, packet)
        else:
            assert stage.take(peer) == naive.take(peer)
        assert len(stage) == len(naive.waiting)
    for peer in peers:
        assert stage.take(peer) == naive.take(peer)
        assert peer.staged is None
    assert stage.depth_bytes == 0


def test_a_peer_keeps_the_newest_128():
    stage, peer = Stage(), Peer(1)
    dropped = [stage.add(peer, bytes((n,))) for n in range(200)]
    assert dropped == [0] * 128 + [1] * 72
    assert stage.take(peer) == [bytes((n,)) for n in range(72, 200)]


def test_all_peers_together_stay_within_64_mebibytes():
    stage = Stage()
    peers = [Peer(number) for number in range(20)]
    for _ in range(120):
        for peer in peers:
            stage.add(peer, bytes(65_000))
    assert stage.depth_bytes <= 64 << 20
    assert stage.depth_bytes > (64 << 20) - 70_000
    kept = [len(stage.take(peer)) for peer in peers]
    assert max(kept) - min(kept) <= 1
