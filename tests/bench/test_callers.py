"""Callers: all are answered, also where each is asked for a cookie, and answers are checked."""

import os
import socket
from collections import deque

import pytest

from bench.lab.callers import Callers
from bench.lab.tunnels import new_key
from wiresnake.protocol.cookies import CookieMaker, has_valid_mac1, mac1_key
from wiresnake.protocol.errors import HandshakeRejected
from wiresnake.protocol.handshake import Remote, consume_initiation, create_response
from wiresnake.protocol.messages import Initiation
from wiresnake.values.addresses import Endpoint
from wiresnake.values.keys import PublicKey


class Responder:
    """A phone whose other end is a responder: it answers each caller once, in ``lost`` cases not
    at first, and if ``loaded`` only who brings its cookie.
    """

    def __init__(self, *, loaded: bool = False, lost: int = 0) -> None:
        self.key = new_key()
        self.callers: set[PublicKey] = set()
        self.origins: set[bytes] = set()
        self._loaded = loaded
        self._lost = lost
        self._cookies = CookieMaker(self.key.public.raw, os.urandom)
        self._answers: deque[bytes] = deque()

    def settimeout(self, seconds: float) -> None:
        self.patience = seconds

    def sendmsg(
        self, parts: list[bytes], ancillary: list[tuple[int, int, bytes]], _: int, __: object
    ) -> None:
        (datagram,) = parts
        origin = ancillary[0][2][4:8]
        self.origins.add(origin)
        if self._lost:
            self._lost -= 1
            return
        assert has_valid_mac1(mac1_key(self.key.public.raw), datagram)
        source = Endpoint.parse(f"{socket.inet_ntoa(origin)}:51820")
        if self._loaded and not self._cookies.has_valid_mac2(datagram, source, 0.0):
            self._answers.append(self._cookies.reply(datagram, source, 0.0))
            return
        received = consume_initiation(self.key, Initiation.decode_untrusted(datagram), Remote)
        if received.static in self.callers:
            return
        self.callers.add(received.static)
        response, _keys = create_response(
            received, Remote(received.static), sender=1, ephemeral=new_key()
        )
        self._answers.append(response.encode())

    def recv(self, _: int) -> bytes:
        if not self._answers:
            raise TimeoutError
        return self._answers.popleft()


@pytest.mark.parametrize("loaded", [False, True])
def test_each_is_answered_once_at_an_address_of_its_own(loaded: bool) -> None:
    responder = Responder(loaded=loaded)
    callers = Callers(70, responder.key.public)
    assert callers.talk(responder) > 0
    assert responder.callers == {caller.key.public for caller in callers.all}
    assert len(responder.origins) == 70


def test_who_is_not_heard_says_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.lab.callers.PATIENCE", 0.01)
    responder = Responder(lost=5)
    callers = Callers(10, responder.key.public)
    callers.talk(responder)
    assert len(responder.callers) == 10


def test_an_answer_of_somebody_else_is_no_answer() -> None:
    responder = Responder()
    callers = Callers(3, responder.key.public)
    callers.talk(responder)
    callers.all[0].answer, callers.all[1].answer = callers.all[1].answer, callers.all[0].answer
    with pytest.raises(HandshakeRejected):
        callers.check()


def test_a_responder_that_is_silent_ends_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.lab.callers.LIMIT", 0.05)
    callers = Callers(1, new_key().public)
    responder = Responder(lost=1 << 30)
    with pytest.raises(TimeoutError, match="1 were not answered"):
        callers.talk(responder)


def test_they_are_peers_of_the_responder() -> None:
    callers = Callers(3, new_key().public)
    config = callers.config()
    assert config.count("[Peer]") == 3
    assert all(f"PublicKey = {caller.key.public}\n" in config for caller in callers.all)
