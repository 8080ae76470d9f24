"""The request that we send is the one that a daemon reads."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from wiresnake.config.model import AllowedIpChange, Change, PeerChange
from wiresnake.config.request import set_request
from wiresnake.config.uapi import SetReader
from wiresnake.values.addresses import Endpoint, Prefix
from wiresnake.values.keys import PresharedKey, PrivateKey, PublicKey

KEY = st.binary(min_size=32, max_size=32)
ADDRESS = st.binary(min_size=4, max_size=4) | st.binary(min_size=16, max_size=16).filter(
    lambda address: not address.startswith(b"\xfe\x80")
)
PORT = st.integers(0, 65535)


@st.composite
def prefixes(draw: st.DrawFn) -> Prefix:
    address = draw(ADDRESS)
    return Prefix.of(address, draw(st.integers(0, 8 * len(address))))


PEERS = st.builds(
    PeerChange,
    KEY.map(PublicKey),
    st.booleans(),
    st.booleans(),
    st.none() | KEY.map(PresharedKey),
    st.none() | st.builds(Endpoint, ADDRESS, PORT),
    st.none() | PORT,
    st.booleans(),
    st.lists(st.builds(AllowedIpChange, prefixes(), st.booleans()), max_size=4),
)
CHANGES = st.builds(
    Change,
    st.none() | KEY.map(PrivateKey.generate) | st.just(PrivateKey(bytes(32))),
    st.none() | PORT,
    st.none() | st.integers(0, 2**32 - 1),
    st.booleans(),
    st.lists(PEERS, max_size=4),
)


@given(CHANGES)
def test_a_request_is_read_as_what_was_meant(change: Change) -> None:
    first, *lines, end, nothing = set_request(change).split(b"\n")
    assert (first, end, nothing) == (b"set=1", b"", b"")
    reader = SetReader()
    for line in lines:
        reader.feed(line)
    assert reader.finish() == replace(change, peers=[meant(peer) for peer in change.peers])


def meant(peer: PeerChange) -> PeerChange:
    return PeerChange(peer.public_key, remove=True) if peer.remove else peer


def test_a_change_of_nothing_is_the_shortest_request() -> None:
    assert set_request(Change()) == b"set=1\n\n"
