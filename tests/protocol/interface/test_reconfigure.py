"""Edits of a live interface keep what can be kept, and never fail half-way."""

import gc
import tracemalloc

import pytest

from wiresnake.config.merge import Merge
from wiresnake.config.model import (
    BlockEnded,
    Change,
    EndpointSet,
    IdentitySet,
    InterfaceConfig,
    KeepaliveSet,
    PeerAdded,
    PeerChange,
    PeerRemoved,
    PrefixesAdded,
    PrefixesRemoved,
    PresharedKeySet,
    RequestEnded,
)
from wiresnake.door import commands as c
from wiresnake.door.notices import SessionWanted, Why
from wiresnake.protocol import reconfigure
from wiresnake.protocol.reconfigure import ImpossibleEdit
from wiresnake.values.addresses import Endpoint, Prefix
from wiresnake.values.keys import PresharedKey, PrivateKey, PublicKey

PREFIXES = (Prefix.parse("10.0.0.0/8"), Prefix.parse("fd00::/8"))
SOMEWHERE = Endpoint(bytes(4), 1)


def knock(end):
    end.plane.send_data()
    end.settle()
    return end.take_handshakes()[-1]


def test_each_edit_is_its_command(ends):
    alice, bob = ends.end("alice"), ends.end("bob")
    public = bob.key.public
    commands = alice.reconfigure(
        PeerAdded(public, None, 0),
        EndpointSet(public, SOMEWHERE),
        PrefixesAdded(public, PREFIXES),
        BlockEnded(public),
        PrefixesRemoved(public, PREFIXES[:1]),
        PeerRemoved(public),
        RequestEnded(),
    )
    assert commands == [
        c.Add(1),
        c.SetEndpoint(1, SOMEWHERE),
        c.Route(1, PREFIXES),
        c.Flush(1),
        c.Unroute(1, PREFIXES[:1]),
        c.Forget(1),
    ]


def test_nothing_is_flushed_while_down(ends):
    alice, bob = ends.end("alice", up=False), ends.end("bob")
    assert c.Flush not in {type(command) for command in alice.know(bob)}


def test_numbers_are_never_used_twice(ends):
    alice, bob = ends.end("alice"), ends.end("bob")
    public = bob.key.public
    for number in (1, 2, 3):
        alice.know(bob)
        assert alice.interface.number_of(public) == number
        alice.reconfigure(PeerRemoved(public), RequestEnded())
        assert alice.interface.number_of(public) is None


# Peers


def test_a_peer_that_is_listed_again_in_one_request_keeps_its_greatest_timestamp(ends):
    alice, bob = ends.pair()
    initiation = knock(alice)
    bob.receive(initiation, alice.home)
    public = alice.key.public
    bob.reconfigure(PeerRemoved(public), PeerAdded(public, None, 0), RequestEnded())
    ends.wait(1)
    assert bob.receive(initiation, alice.home) == []
    assert bob.interface.counters["replayed"] == 1


def test_a_request_may_come_in_slices(ends):
    alice, bob = ends.pair()
    initiation = knock(alice)
    bob.receive(initiation, alice.home)
    bob.reconfigure(PeerRemoved(alice.key.public))
    bob.reconfigure(PeerAdded(alice.key.public, None, 0))
    bob.reconfigure(RequestEnded())
    ends.wait(1)
    assert bob.receive(initiation, alice.home) == []


def test_a_peer_that_left_is_forgotten_when_the_request_ends(ends):
    alice, bob = ends.pair()
    initiation = knock(alice)
    bob.receive(initiation, alice.home)
    bob.reconfigure(PeerRemoved(alice.key.public), RequestEnded())
    bob.reconfigure(PeerAdded(alice.key.public, None, 0), RequestEnded())
    ends.wait(1)
    assert bob.receive(initiation, alice.home) != []


def test_a_removed_peer_leaves_nothing_behind(ends, joined):
    alice, bob = joined
    ends.wait(130)
    alice.peer().current = None
    knock(alice)
    commands = alice.reconfigure(PeerRemoved(bob.key.public), RequestEnded())
    assert [type(command) for command in commands] == [c.Unexpect, c.Forget]
    assert alice.interface.deadline() is None
    assert len(alice.interface._exchange._indices) == 0
    assert alice.plane.expected == set()


@pytest.mark.parametrize(
    "make",
    [
        lambda known, new: [PeerAdded(known, None, 0)],
        lambda known, new: [PeerAdded(new, None, 0), PeerAdded(new, None, 0)],
        lambda known, new: [PeerRemoved(new)],
        lambda known, new: [PeerRemoved(known), EndpointSet(known, SOMEWHERE)],
        lambda known, new: [KeepaliveSet(new, 1)],
    ],
)
def test_edits_that_do_not_fit_have_no_effect(ends, make):
    alice, bob = ends.pair()
    stranger = ends.end("stranger").key.public
    alice.log.clear()
    with pytest.raises(ImpossibleEdit):
        alice.reconfigure(
            IdentitySet(ends.end("other").key), *make(bob.key.public, stranger), RequestEnded()
        )
    assert alice.log == []
    assert alice.interface.number_of(stranger) is None
    knock(alice)  # still under the old identity
    assert bob.receive(knock_again(ends, alice)) != []


def knock_again(ends, end):
    ends.run_for(6)
    return end.take_handshakes()[-1]


def test_there_is_room_for_so_many_peers_and_no_more(ends, monkeypatch):
    monkeypatch.setattr(reconfigure, "MAX_PEERS", 3)
    alice = ends.end("alice")
    keys = [PublicKey(bytes([n] * 32)) for n in range(5)]
    alice.reconfigure(*(PeerAdded(key, None, 0) for key in keys[:3]))
    with pytest.raises(ImpossibleEdit):
        alice.reconfigure(PeerRemoved(keys[0]), *(PeerAdded(key, None, 0) for key in keys[3:]))
    assert alice.interface.number_of(keys[0]) == 1
    alice.reconfigure(PeerRemoved(keys[0]), PeerAdded(keys[3], None, 0))


# Keys


def test_a_preshared_key_counts_from_the_next_handshake(ends, joined):
    alice, bob = joined
    preshared = PresharedKey(bytes(range(32)))
    assert alice.reconfigure(PresharedKeySet(bob.key.public, preshared)) == []
    assert alice.peer().current is not None
    ends.wait(181)
    bob.receive(knock(alice), alice.home)
    assert alice.receive(bob.take_handshakes()[-1], bob.home) == []
    assert alice.interface.counters["bad_confirmation"] == 1
    bob.reconfigure(PresharedKeySet(alice.key.public, preshared))
    ends.wait(1)
    ends.run_for(10)
    bob.receive(alice.take_handshakes()[-1], alice.home)
    assert alice.receive(bob.take_handshakes()[-1], bob.home) != []


def test_another_private_key_forbids_sending_and_clears_handshakes(ends, joined):
    alice, bob = joined
    ends.wait(130)
    alice.notice(SessionWanted(1, Why.SENT_LATE))
    (initiation,) = alice.take_handshakes()
    key = PrivateKey.generate(ends.random.randbytes(32))
    commands = alice.reconfigure(IdentitySet(key))
    assert [type(command) for command in commands] == [c.Unexpect, c.StopSending, c.Identity]
    assert commands[-1].public == key.public.raw
    bob.receive(initiation, alice.home)
    assert alice.receive(bob.take_handshakes()[-1], bob.home) == []
    assert alice.interface.counters["not_awaited"] == 1


def test_another_private_key_lifts_the_limit_and_is_used_at_once(ends, joined):
    alice, bob = joined
    key = PrivateKey.generate(ends.random.randbytes(32))
    alice.reconfigure(IdentitySet(key))
    bob.reconfigure(PeerAdded(key.public, None, 0))
    commands = bob.receive(knock(alice), alice.home)
    assert commands[0].peer == bob.interface.number_of(key.public) == 2


def test_the_same_private_key_is_no_edit(ends, joined):
    alice, _ = joined
    assert alice.reconfigure(IdentitySet(PrivateKey(alice.key.reveal()))) == []


def test_a_first_private_key_sends_what_was_staged(ends):
    alice, bob = ends.pair()
    alice.reconfigure(IdentitySet(None))
    alice.plane.send_data()
    alice.settle()
    ends.run_for(50)
    assert alice.times(c.Send) == []
    assert alice.times(c.Abandon) == []
    alice.reconfigure(IdentitySet(alice.key))
    alice.settle()
    assert bob.receive(alice.take_handshakes()[-1], alice.home) != []


def test_taking_the_private_key_away_ends_the_retries(ends):
    alice, _ = ends.pair()
    knock(alice)
    commands = alice.reconfigure(IdentitySet(None))
    assert commands[-1] == c.Identity(None)
    assert alice.plane.expected == set()
    assert alice.interface.deadline() is None


def test_keys_that_a_request_replaces_or_takes_away_are_overwritten(ends):
    alice = ends.end("alice", up=False)
    one, two = PublicKey(b"\1" * 32), PublicKey(b"\2" * 32)
    config, raws = InterfaceConfig(), []

    def request(change):
        nonlocal config
        merge = Merge(config)
        alice.reconfigure(*merge.device(change), *merge.peers(change.peers), *merge.finish())
        config = merge.config

    private = PrivateKey.generate(bytes(range(32)))
    keys = [PresharedKey(bytes([n]) * 32) for n in (1, 2, 3)]
    raws = [key._raw for key in (private, *keys)]
    blocks = [
        PeerChange(peer, preshared_key=key) for peer, key in zip((one, two), keys[:2], strict=True)
    ]
    request(Change(private, peers=blocks))
    del private, blocks
    assert all(any(raw) for raw in raws)
    last = PeerChange(one, preshared_key=keys.pop())
    keys.clear()
    request(Change(PrivateKey(bytes(range(9, 41))), peers=[last, PeerChange(two, remove=True)]))
    assert [any(raw) for raw in raws] == [False, False, False, True]


def test_a_retry_after_a_change_of_key_speaks_under_the_new_one(ends):
    alice, bob = ends.pair()
    knock(alice)
    key = PrivateKey.generate(ends.random.randbytes(32))
    alice.reconfigure(IdentitySet(key))
    bob.reconfigure(PeerAdded(key.public, None, 0))
    ends.run_for(6)
    assert bob.receive(alice.take_handshakes()[-1], alice.home) != []


# Many


def test_ten_thousand_peers_cost_little(ends, monkeypatch):
    alice = ends.end("alice")
    keys = [PublicKey(n.to_bytes(32, "little")) for n in range(9, 10_009)]
    edits = [PeerAdded(key, None, 25) for key in keys]
    # A Diffie-Hellman for each would take seconds: there must be none.
    monkeypatch.delattr(PrivateKey, "exchange")
    gc.collect()
    tracemalloc.start()
    alice.interface.reconfigure(edits, ends.clock.now)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept / len(keys) < 2000  # bytes
