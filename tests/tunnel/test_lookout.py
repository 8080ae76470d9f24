"""The lookout over a tunnel whose plane and names are told what to say."""

import contextlib
import socket
import threading

import pytest

from wiresnake.config.model import Change, EndpointSet, PeerChange
from wiresnake.tunnel import lookout as lookout_module
from wiresnake.tunnel import runtime
from wiresnake.tunnel.events import Initiated, Resolved, Unresolved
from wiresnake.tunnel.lookout import Lookout, UnknownPeer
from wiresnake.tunnel.search import ROUND
from wiresnake.values.addresses import Endpoint, NamedEndpoint
from wiresnake.values.keys import PublicKey

KEY, OTHER = PublicKey(bytes([1]) * 32), PublicKey(bytes([2]) * 32)
NAME, SPARE = NamedEndpoint("peer.example", "51820"), NamedEndpoint("spare.example", "1")
HOME, AWAY, FAR = (Endpoint(bytes([192, 0, 2, n]), 51820) for n in (1, 2, 3))


class Names:
    """A resolver; ``gate`` holds it up, ``asked`` is what it was asked."""

    def __init__(self, **leads: object) -> None:
        self.leads = {f"{name}.example": found for name, found in leads.items()}
        self.gate = threading.Event()
        self.gate.set()
        self.asked: list[NamedEndpoint] = []

    def __call__(self, name: NamedEndpoint) -> list[Endpoint]:
        self.asked.append(name)
        assert self.gate.wait(10)
        found = self.leads[name.host]
        if isinstance(found, OSError):
            raise found
        return list(found)


@contextlib.asynccontextmanager
async def lookout(tunnel, names, endpoint=HOME):
    await tunnel.apply(Change(peers=[PeerChange(KEY, endpoint=endpoint), PeerChange(OTHER)]))
    looking = Lookout(tunnel, names)
    try:
        yield looking
    finally:
        names.gate.set()
        await looking.close()


def lose(tunnel, key=KEY):
    """Let a whole round of initiations go unanswered."""
    for _ in range(ROUND):
        tunnel.events.tell(Initiated(key))


async def change_while_looking(tunnel, names, until, change):
    """Let something change in the midst of a lookup; return when the search has ended."""
    names.gate.clear()
    async with lookout(tunnel, names) as looking:
        looking.hand_over({KEY: [NAME]})
        lose(tunnel)
        await until(lambda: names.asked)
        await tunnel.apply(Change(peers=[change]))
        names.gate.set()
        await until(lambda: not looking.names_of(KEY))
        lose(tunnel)
    assert names.asked == [NAME]


def endpoints_set(world):
    return [
        edit.endpoint
        for [edits] in world.interface.said("reconfigure")
        for edit in edits
        if isinstance(edit, EndpointSet)
    ]


@pytest.fixture(autouse=True)
def _never_heard(world, monkeypatch):
    monkeypatch.setattr(runtime.Interface, "last_handshake", lambda self, key: None)


def test_a_lost_peer_is_looked_up_and_the_tunnel_goes_there(world, until):
    names = Names(peer=[AWAY])

    async def scene(tunnel):
        told = []
        tunnel.events.follow(told.append)
        async with lookout(tunnel, names) as looking:
            looking.hand_over({KEY: [NAME]})
            lose(tunnel, OTHER)
            tunnel.events.tell(Initiated(KEY))
            assert not names.asked
            lose(tunnel)
            await until(lambda: tunnel.config.peers[KEY].endpoint == AWAY)
        assert Resolved(KEY, NAME, AWAY) in told

    world.play(scene)
    assert endpoints_set(world) == [HOME, AWAY]


def test_the_next_name_serves_where_the_first_leads_nowhere(world, until):
    names = Names(peer=socket.gaierror(socket.EAI_AGAIN, "try again"), spare=[FAR])

    async def scene(tunnel):
        told = []
        tunnel.events.follow(told.append)
        async with lookout(tunnel, names) as looking:
            looking.hand_over({KEY: [NAME, SPARE]})
            lose(tunnel)
            await until(lambda: tunnel.config.peers[KEY].endpoint == FAR)
        assert Unresolved(KEY, NAME, "try again") in told
        assert Resolved(KEY, SPARE, FAR) in told

    world.play(scene)


def test_a_slow_resolver_holds_nobody_up(world, until):
    names = Names(peer=[AWAY])
    names.gate.clear()

    async def scene(tunnel):
        async with lookout(tunnel, names) as looking:
            looking.hand_over({KEY: [NAME]})
            for _ in range(5):
                lose(tunnel)
                await until(lambda: names.asked)
            await tunnel.apply(Change(fwmark=1))
            assert names.asked == [NAME]
            names.gate.set()
            await until(lambda: tunnel.config.peers[KEY].endpoint == AWAY)

    world.play(scene)


def test_a_resolver_that_hangs_does_not_hold_up_the_end(world, until):
    names = Names(peer=[AWAY])
    names.gate.clear()

    async def scene(tunnel):
        await tunnel.apply(Change(peers=[PeerChange(KEY, endpoint=HOME)]))
        looking = Lookout(tunnel, names)
        looking.hand_over({KEY: [NAME]})
        lose(tunnel)
        await until(lambda: names.asked)
        await looking.close()
        assert not names.gate.is_set()

    world.play(scene)
    names.gate.set()


def test_an_endpoint_that_somebody_asked_for_since_is_left_alone(world, until):
    async def scene(tunnel):
        change = PeerChange(KEY, endpoint=FAR)
        await change_while_looking(tunnel, Names(peer=[AWAY]), until, change)
        assert tunnel.config.peers[KEY].endpoint == FAR

    world.play(scene)


def test_a_peer_that_is_removed_is_looked_for_no_more(world, until):
    async def scene(tunnel):
        change = PeerChange(KEY, remove=True)
        await change_while_looking(tunnel, Names(peer=[AWAY]), until, change)
        assert KEY not in tunnel.config.peers

    world.play(scene)


def test_a_peer_that_a_request_is_about_to_replace_is_looked_up_again(world, until, monkeypatch):
    monkeypatch.setattr(lookout_module, "AGAIN_AFTER", 0.01)
    names = Names(peer=[AWAY])

    async def scene(tunnel):
        async with lookout(tunnel, names) as looking:
            looking.hand_over({KEY: [NAME]})
            number = world.interface.numbers.pop(KEY)
            lose(tunnel)
            await until(lambda: len(names.asked) > 1)
            world.interface.numbers[KEY] = number
            await until(lambda: tunnel.config.peers[KEY].endpoint == AWAY)

    world.play(scene)


def test_other_names_replace_the_first_and_none_end_the_search(world, until):
    names = Names(peer=[AWAY], spare=[FAR])

    async def scene(tunnel):
        async with lookout(tunnel, names) as looking:
            looking.hand_over({KEY: [NAME], OTHER: [NAME]})
            looking.hand_over({KEY: [SPARE]})
            assert looking.names_of(KEY) == (SPARE,)
            assert looking.names_of(OTHER) == (NAME,)
            lose(tunnel)
            await until(lambda: tunnel.config.peers[KEY].endpoint == FAR)
            looking.hand_over({KEY: []})
            lose(tunnel)
            assert not looking.names_of(KEY)
        assert names.asked == [NAME, SPARE]  # the other peer has no endpoint, so it is asked for

    world.play(scene)


def test_a_name_whose_servers_are_silent_does_not_hold_up_the_next(world, until):
    names = Names(peer=[AWAY], spare=[FAR])
    names.gate.clear()

    async def scene(tunnel):
        async with lookout(tunnel, names) as looking:
            looking.hand_over({KEY: [NAME, SPARE]})
            lose(tunnel)
            await until(lambda: len(names.asked) == 2)
            names.gate.set()
            await until(lambda: tunnel.config.peers[KEY].endpoint == AWAY)

    world.play(scene)


def test_it_listens_only_while_there_is_somebody_to_look_for(world):
    async def scene(tunnel):
        async with lookout(tunnel, Names()) as looking:
            assert not tunnel.events._listeners
            looking.hand_over({KEY: [NAME]})
            looking.hand_over({KEY: [SPARE]})
            assert len(tunnel.events._listeners) == 1
            looking.hand_over({KEY: []})
            assert not tunnel.events._listeners

    world.play(scene)


def test_names_of_an_unknown_peer_change_nothing(world):
    async def scene(tunnel):
        async with lookout(tunnel, Names()) as looking:
            looking.hand_over({KEY: [NAME]})
            with pytest.raises(UnknownPeer):
                looking.hand_over({KEY: [SPARE], PublicKey(bytes(32)): [NAME]})
            assert looking.names_of(KEY) == (NAME,)

    world.play(scene)


def test_a_peer_that_has_no_endpoint_is_looked_up_until_it_has_one(world, until, monkeypatch):
    monkeypatch.setattr(lookout_module, "AGAIN_AFTER", 0.01)
    names = Names(peer=socket.gaierror(socket.EAI_AGAIN, "try again"))
    real = world.plane.observe
    world.plane.observe = lambda peers: [
        type(seen)(seen.peer, 0, None, None, False, None, None, None, 0, 0, None)
        for seen in real(peers)
    ]

    async def scene(tunnel):
        async with lookout(tunnel, names, endpoint=None) as looking:
            looking.hand_over({KEY: [NAME]})
            await until(lambda: len(names.asked) > 2)
            names.leads["peer.example"] = [AWAY]
            await until(lambda: tunnel.config.peers[KEY].endpoint == AWAY)

    world.play(scene)
