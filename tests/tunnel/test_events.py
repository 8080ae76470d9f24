"""What listeners are told, by the commands and snapshots that a tunnel carries out."""

import pytest

from wiresnake.door.commands import (
    Abandon,
    Add,
    Follow,
    Forget,
    Install,
    Keepalive,
    Send,
    Session,
    SetEndpoint,
)
from wiresnake.door.path import Path
from wiresnake.door.snapshots import Observed
from wiresnake.tunnel.events import Completed, Events, GaveUp, Initiated, Moved
from wiresnake.values.addresses import Endpoint
from wiresnake.values.keys import PublicKey

HOME, AWAY = (Endpoint(bytes([192, 0, 2, n]), n) for n in (1, 2))
KEY = PublicKey(bytes([1]) * 32)
OTHER = PublicKey(bytes([2]) * 32)
INITIATION, RESPONSE = bytes([1]) + bytes(147), bytes([2]) + bytes(91)


def session(*, initiator: bool) -> Session:
    return Session(1, 2, bytes(32), bytes(32), initiator, 0.0, 1.0, 1.0, 1.0)


def snapshot(peer: int, endpoint: Endpoint | None) -> Observed:
    return Observed(peer, 0, None, None, False, None, None, None, 0, 0, endpoint)


@pytest.fixture
def events() -> Events:
    return Events({1: KEY, 2: OTHER}.get)


@pytest.fixture
def told(events: Events) -> list:
    told: list = []
    events.follow(told.append)
    return told


def test_handshakes_are_told_and_other_commands_are_not(events, told):
    events.carried_out(
        [
            Add(1),
            Send(1, INITIATION),
            Send(1, RESPONSE, Path(HOME, b"", 0, 0.0)),
            Install(1, session(initiator=False)),
            Keepalive(1),
            Abandon(2),
            Send(9, INITIATION),
        ]
    )
    assert told == [Initiated(KEY), GaveUp(OTHER)]


def test_an_initiator_has_completed_where_the_response_came_from(events, told):
    path = Path(AWAY, b"", 0, 0.0)
    events.carried_out([Follow(1, path, 92), Install(1, session(initiator=True))])
    assert told == [Completed(KEY, True, AWAY)]


def test_a_responder_has_completed_when_it_is_told_so(events, told):
    events.carried_out([Follow(1, Path(HOME, b"", 0, 0.0), 148)])
    events.completed(1, initiator=False)
    assert told == [Completed(KEY, False, HOME)]


def test_a_peer_moves_when_its_endpoint_is_another(events, told):
    events.observed([snapshot(1, HOME), snapshot(2, None)])
    events.observed([snapshot(1, HOME)])
    assert told == []
    events.observed([snapshot(1, AWAY)])
    events.carried_out([SetEndpoint(1, HOME), Follow(1, Path(AWAY, b"", 0, 0.0), 148)])
    assert told == [Moved(KEY, AWAY, HOME), Moved(KEY, HOME, AWAY), Moved(KEY, AWAY, HOME)]


def test_a_number_that_ended_has_no_endpoint_to_move_from(events, told):
    events.carried_out([SetEndpoint(1, HOME), Forget(1), SetEndpoint(1, AWAY)])
    assert told == []


def test_who_leaves_is_told_no_more_and_others_are(events, told):
    again: list = []
    leave = events.follow(again.append)
    events.carried_out([Abandon(1)])
    leave()
    leave()
    events.carried_out([Abandon(1)])
    assert len(again) == 1
    assert len(told) == 2


def test_nothing_is_remembered_while_nobody_listens(events):
    leave = events.follow(lambda _: None)
    events.observed([snapshot(1, HOME)])
    leave()
    told: list = []
    events.follow(told.append)
    events.observed([snapshot(1, AWAY)])
    assert told == []
