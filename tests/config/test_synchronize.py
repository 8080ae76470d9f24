"""What syncconf asks for, beside a twin: set everything anew, and compare where both lead."""

from hypothesis import given
from hypothesis import strategies as st

from wiresnake.config.ini import replacing
from wiresnake.config.merge import Merge
from wiresnake.config.model import (
    AllowedIpChange,
    Change,
    InterfaceConfig,
    PeerChange,
    PeerRemoved,
)  # fmt: skip
from wiresnake.config.reply import Report, ReportedPeer
from wiresnake.config.synchronize import synchronizing
from wiresnake.values.addresses import Prefix
from wiresnake.values.keys import PresharedKey, PublicKey

KEY = st.integers(1, 5).map(lambda number: PublicKey(number.to_bytes(32)))
SHARED = st.none() | st.integers(1, 3).map(lambda number: PresharedKey(number.to_bytes(32)))
PREFIXES = st.lists(st.integers(0, 5), unique=True, max_size=3).map(
    lambda numbers: [Prefix.of(bytes([10, 0, 0, number]), 32) for number in numbers]
)
FILE_PEERS = st.lists(
    st.builds(
        lambda key, shared, keepalive, prefixes: PeerChange(
            key,
            preshared_key=shared,
            persistent_keepalive=keepalive,
            replace_allowed_ips=True,
            allowed_ips=[AllowedIpChange(each) for each in prefixes],
        ),
        KEY,
        SHARED,
        st.none() | st.integers(0, 3),
        PREFIXES,
    ),
    max_size=5,
)
THERE = st.lists(
    st.builds(
        ReportedPeer, KEY, SHARED, persistent_keepalive=st.integers(0, 3), allowed_ips=PREFIXES
    ),
    max_size=5,
    unique_by=lambda peer: peer.public_key,
)


def merged(config: InterfaceConfig, change: Change) -> tuple[InterfaceConfig, list]:
    merge = Merge(config)
    edits = [*merge.device(change), *merge.peers(change.peers)]
    return merge.config, edits


def reported(report: Report) -> InterfaceConfig:
    peers = [
        PeerChange(
            peer.public_key,
            preshared_key=peer.preshared_key,
            persistent_keepalive=peer.persistent_keepalive,
            allowed_ips=[AllowedIpChange(each) for each in peer.allowed_ips],
        )
        for peer in report.peers
    ]
    return merged(InterfaceConfig(), Change(peers=peers))[0]


@given(FILE_PEERS, THERE)
def test_it_leads_where_setconf_leads_and_removes_no_peer_that_stays(
    wanted: list[PeerChange], there: list[ReportedPeer]
) -> None:
    file = replacing(Change(peers=wanted))
    report = Report(peers=there)
    anew, _ = merged(reported(report), file)
    kept, edits = merged(reported(report), synchronizing(file, report))
    assert kept.peers == anew.peers
    assert kept.owners == anew.owners
    removed = {edit.public_key for edit in edits if isinstance(edit, PeerRemoved)}
    assert removed == {peer.public_key for peer in there} - {peer.public_key for peer in wanted}


def test_an_interface_without_peers_is_set_anew() -> None:
    file = replacing(Change(peers=[PeerChange(PublicKey(bytes(32)))]))
    assert synchronizing(file, Report()) == file
    other = Report(peers=[ReportedPeer(PublicKey(bytes(31) + b"\1"))])
    assert not synchronizing(file, other).replace_peers


def test_removals_come_first_the_largest_key_before() -> None:
    keys = [PublicKey(bytes([number] * 32)) for number in (9, 200, 3)]
    change = synchronizing(
        replacing(Change(peers=[PeerChange(keys[0])])), Report(peers=list(map(ReportedPeer, keys)))
    )
    assert change.peers == [
        PeerChange(keys[1], remove=True), PeerChange(keys[2], remove=True), PeerChange(keys[0])
    ]  # fmt: skip
