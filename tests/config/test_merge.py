"""The merge against a naive twin, and its edits against what they claim to have changed."""

import copy
import itertools
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiresnake.config import merge as merging
from wiresnake.config.merge import Merge, TooManyPeers
from wiresnake.config.model import (
    AllowedIpChange,
    BlockEnded,
    Change,
    Edit,
    EndpointSet,
    IdentitySet,
    InterfaceConfig,
    KeepaliveSet,
    PeerAdded,
    PeerChange,
    PeerConfig,
    PeerRemoved,
    PrefixesAdded,
    PrefixesRemoved,
    PresharedKeySet,
    RequestEnded,
)
from wiresnake.protocol import constants
from wiresnake.values.addresses import Endpoint, Prefix
from wiresnake.values.keys import PresharedKey, PrivateKey, PublicKey

# Few of each, so that requests meet what is there.
PRIVATE = [PrivateKey.generate(bytes([n]) * 32) for n in (1, 2)]
NO_PRIVATE = PrivateKey(bytes(32))
PUBLIC = [key.public for key in PRIVATE] + [PublicKey(bytes([n]) * 32) for n in (3, 4)]
PRESHARED = [PresharedKey(bytes([n]) * 32) for n in (0, 5, 6)]
ENDPOINTS = [Endpoint.parse("192.0.2.1:1"), Endpoint.parse("[2001:db8::1]:2")]
PREFIXES = [
    Prefix.parse(text)
    for text in ("0.0.0.0/0", "::/0", "10.0.0.0/24", "10.0.0.0/25", "2001:db8::/32", "10.0.0.1/32")
]
A, B, C, D = PUBLIC

BLOCKS = st.builds(
    PeerChange,
    st.sampled_from(PUBLIC),
    remove=st.sampled_from([False, False, False, True]),
    update_only=st.booleans(),
    preshared_key=st.none() | st.sampled_from(PRESHARED),
    endpoint=st.none() | st.sampled_from(ENDPOINTS),
    persistent_keepalive=st.none() | st.sampled_from([0, 25]),
    replace_allowed_ips=st.booleans(),
    allowed_ips=st.lists(
        st.builds(AllowedIpChange, st.sampled_from(PREFIXES), st.booleans()), max_size=6
    ),
)
CHANGES = st.builds(
    Change,
    private_key=st.none() | st.sampled_from([*PRIVATE, NO_PRIVATE]),
    listen_port=st.none() | st.sampled_from([0, 51820]),
    fwmark=st.none() | st.sampled_from([0, 1]),
    replace_peers=st.sampled_from([False, False, True]),
    peers=st.lists(BLOCKS, max_size=8),
)


@dataclass
class NaivePeer:
    preshared_key: PresharedKey | None = None
    endpoint: Endpoint | None = None
    keepalive: int = 0
    prefixes: list[Prefix] = field(default_factory=list)


@dataclass
class Naive:
    """Applies one line after the other, as the kernel does, without any thought of speed."""

    private_key: PrivateKey | None = None
    peers: dict[PublicKey, NaivePeer] = field(default_factory=dict)

    def request(self, change: Change) -> None:
        if change.replace_peers:
            self.peers = {}
        if change.private_key is not None:
            self.private_key = None if change.private_key.is_zero else change.private_key
            if self.private_key is not None:
                self.peers.pop(self.private_key.public, None)
        for block in change.peers:
            self.block(block)

    def block(self, block: PeerChange) -> None:
        key = block.public_key
        if self.private_key is not None and key == self.private_key.public:
            return
        if block.remove:
            self.peers.pop(key, None)
            return
        if key not in self.peers:
            if block.update_only:
                return
            self.peers[key] = NaivePeer()
        peer = self.peers[key]
        if block.preshared_key is not None:
            peer.preshared_key = None if block.preshared_key.is_zero else block.preshared_key
        peer.endpoint = block.endpoint or peer.endpoint
        if block.persistent_keepalive is not None:
            peer.keepalive = block.persistent_keepalive
        if block.replace_allowed_ips:
            peer.prefixes = []
        for change in block.allowed_ips:
            if change.remove:
                peer.prefixes = [each for each in peer.prefixes if each != change.prefix]
            elif change.prefix not in peer.prefixes:
                for other in self.peers.values():
                    other.prefixes = [each for each in other.prefixes if each != change.prefix]
                peer.prefixes.append(change.prefix)

    def config(self, listen_port: int, fwmark: int) -> InterfaceConfig:
        peers = {
            key: PeerConfig(
                key,
                peer.preshared_key,
                peer.endpoint,
                peer.keepalive,
                dict.fromkeys(peer.prefixes),
            )
            for key, peer in self.peers.items()
        }
        owners = {prefix: key for key, peer in self.peers.items() for prefix in peer.prefixes}
        return InterfaceConfig(self.private_key, listen_port, fwmark, peers, owners)


class Listener:
    """What someone knows who hears nothing but the edits; complains of one that changes nothing."""

    def __init__(self) -> None:
        self.private_key: PrivateKey | None = None
        self.peers: dict[PublicKey, NaivePeer] = {}
        self.owners: dict[Prefix, PublicKey] = {}

    def hear(self, edit: Edit) -> None:
        match edit:
            case IdentitySet(private_key):
                assert private_key != self.private_key
                self.private_key = private_key
            case PeerAdded(key, preshared_key, keepalive):
                assert key not in self.peers
                self.peers[key] = NaivePeer(preshared_key, None, keepalive)
            case PeerRemoved(key):
                del self.peers[key]
                self.owners = {each: who for each, who in self.owners.items() if who != key}
            case PresharedKeySet(key, preshared_key):
                assert self.peers[key].preshared_key != preshared_key
                self.peers[key].preshared_key = preshared_key
            case EndpointSet(key, endpoint):
                self.peers[key].endpoint = endpoint
            case KeepaliveSet(key, seconds):
                assert self.peers[key].keepalive != seconds
                self.peers[key].keepalive = seconds
            case PrefixesAdded(key, prefixes):
                assert prefixes
                for prefix in prefixes:
                    assert self.owners.get(prefix) != key
                    self.owners[prefix] = key
            case PrefixesRemoved(key, prefixes):
                assert prefixes
                for prefix in prefixes:
                    assert self.owners.pop(prefix) == key
            case BlockEnded(key):
                assert key in self.peers

    def agrees_with(self, config: InterfaceConfig) -> bool:
        known = {
            key: (peer.preshared_key, peer.endpoint, peer.keepalive)
            for key, peer in self.peers.items()
        }
        asked = {
            key: (peer.preshared_key, peer.endpoint, peer.persistent_keepalive)
            for key, peer in config.peers.items()
        }
        return (
            known == asked
            and self.owners == config.owners
            and self.private_key == config.private_key
        )


def merged(config: InterfaceConfig, change: Change, weight: int) -> tuple[Merge, list[Edit]]:
    merge = Merge(config)
    edits = merge.device(change)
    edits += itertools.chain.from_iterable(merge.steps(change.peers, weight))
    return merge, edits + merge.finish()


@given(st.lists(CHANGES, max_size=5), st.integers(1, 8), st.integers(1, 3))
def test_requests_merge_as_the_naive_twin_says(
    changes: list[Change], weight: int, portion: int
) -> None:
    config, twin, listener = InterfaceConfig(), Naive(), Listener()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(merging, "_PORTION", portion)
        for change in changes:
            before = copy.deepcopy(config)
            merge, edits = merged(config, change, weight)
            assert config == before
            config = merge.config
            twin.request(change)
            assert config == twin.config(config.listen_port, config.fwmark)
            assert [list(peer.allowed_ips) for peer in config.peers.values()] == [
                peer.prefixes for peer in twin.peers.values()
            ]
            for edit in edits:
                listener.hear(edit)
            assert listener.agrees_with(config)
            assert edits[-1] == RequestEnded()


@given(CHANGES, CHANGES)
def test_the_size_of_the_steps_changes_nothing(first: Change, second: Change) -> None:
    config = merged(InterfaceConfig(), first, 1000)[0].config
    whole = Merge(config)
    edits = whole.device(second) + whole.peers(second.peers) + whole.finish()
    merge, small = merged(config, second, 1)
    assert merge.config == whole.config
    assert small == edits


def block(key: PublicKey, *prefixes: str, replace: bool = False) -> PeerChange:
    allowed = [
        AllowedIpChange(Prefix.parse(text.removeprefix("-")), text.startswith("-"))
        for text in prefixes
    ]
    return PeerChange(key, replace_allowed_ips=replace, allowed_ips=allowed)


def config_of(*blocks: PeerChange, private_key: PrivateKey | None = None) -> InterfaceConfig:
    return merged(InterfaceConfig(), Change(private_key, peers=list(blocks)), 1000)[0].config


def edits_of(config: InterfaceConfig, *blocks: PeerChange) -> list[Edit]:
    return merged(config, Change(peers=list(blocks)), 1000)[1]


def test_replacing_with_the_same_prefixes_is_no_edit() -> None:
    config = config_of(block(C, "10.0.0.0/24", "::/0"))
    again = block(C, "::/0", "10.0.0.0/24", replace=True)
    assert edits_of(config, again) == [BlockEnded(C), RequestEnded()]


def test_replacing_removes_only_what_is_not_named_again() -> None:
    config = config_of(block(C, "10.0.0.0/24", "::/0"))
    edits = edits_of(config, block(C, "::/0", "10.0.0.1/32", replace=True))
    assert edits[:2] == [
        PrefixesAdded(C, (Prefix.parse("10.0.0.1/32"),)),
        PrefixesRemoved(C, (Prefix.parse("10.0.0.0/24"),)),
    ]


def test_a_prefix_moves_and_is_missed_by_its_old_peer() -> None:
    config = config_of(block(C, "::/0", "10.0.0.0/24"), block(D))
    merge, edits = merged(config, Change(peers=[block(D, "::/0")]), 1000)
    assert edits[0] == PrefixesAdded(D, (Prefix.parse("::/0"),))
    assert list(merge.config.peers[C].allowed_ips) == [Prefix.parse("10.0.0.0/24")]
    assert len(config.peers[C].allowed_ips) == 2


def test_taking_away_what_is_another_peers_is_silent() -> None:
    config = config_of(block(C, "::/0"), block(D))
    assert edits_of(config, block(D, "-::/0")) == [BlockEnded(D), RequestEnded()]


def test_an_endpoint_is_set_whenever_it_is_named() -> None:
    named = PeerChange(C, endpoint=ENDPOINTS[0])
    config = config_of(named)
    assert edits_of(config, named)[0] == EndpointSet(C, ENDPOINTS[0])


def test_the_same_key_is_no_edit() -> None:
    config = config_of(private_key=PRIVATE[0])
    same = PrivateKey(PRIVATE[0].reveal())
    assert merged(config, Change(private_key=same), 1000)[1] == [RequestEnded()]


def test_a_private_key_ends_the_peer_that_has_it() -> None:
    config = config_of(block(A, "::/0"), block(B))
    merge, edits = merged(config, Change(private_key=PRIVATE[0]), 1000)
    assert edits == [PeerRemoved(A), IdentitySet(PRIVATE[0]), RequestEnded()]
    assert list(merge.config.peers) == [B]
    assert not merge.config.owners


def test_a_block_with_our_own_key_is_ignored_under_the_key_of_the_same_request() -> None:
    change = Change(PRIVATE[0], peers=[block(A, "::/0")])
    assert merged(InterfaceConfig(), change, 1000)[1] == [IdentitySet(PRIVATE[0]), RequestEnded()]


def test_replacing_all_peers_ends_those_listed_again_too() -> None:
    config = config_of(block(C), block(D))
    edits = merged(config, Change(replace_peers=True, peers=[block(C)]), 1000)[1]
    assert edits == [
        PeerRemoved(C), PeerRemoved(D), PeerAdded(C, None, 0), BlockEnded(C), RequestEnded(),
    ]  # fmt: skip


def test_unknown_peers_are_neither_removed_nor_updated() -> None:
    unknown = [PeerChange(C, remove=True), PeerChange(D, update_only=True, endpoint=ENDPOINTS[0])]
    assert edits_of(InterfaceConfig(), *unknown) == [RequestEnded()]


def test_a_step_is_bounded_however_many_prefixes_one_peer_has() -> None:
    prefixes = [AllowedIpChange(Prefix.of(n.to_bytes(4), 32)) for n in range(5000)]
    merge = Merge(InterfaceConfig())
    steps = list(merge.steps([PeerChange(C, allowed_ips=prefixes)], weight=1000))
    added = [edit for step in steps for edit in step if isinstance(edit, PrefixesAdded)]
    assert [len(edit.prefixes) for edit in added] == [500] * 10
    assert len(steps) == 6
    replaced = list(Merge(merge.config).steps([block(C, replace=True)], weight=1000))
    assert len(replaced) == 6


def test_peers_are_counted_before_anything_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merging, "MAX_PEERS", 3)
    config = config_of(block(A), block(B), block(C))
    full = [PeerChange(C, remove=True), block(D), block(B), PeerChange(PublicKey(bytes(32)), True)]
    assert len(merged(config, Change(peers=full), 1000)[0].config.peers) == 3
    merge = Merge(config)
    with pytest.raises(TooManyPeers):
        merge.device(Change(private_key=PRIVATE[0], replace_peers=False, peers=[block(D)]))
    assert merge.config == config
    replacing = Change(replace_peers=True, peers=[block(A), block(D), block(C)])
    assert len(merged(config, replacing, 1000)[0].config.peers) == 3


def test_the_protocol_has_room_for_as_many_peers() -> None:
    assert merging.MAX_PEERS == constants.MAX_PEERS
