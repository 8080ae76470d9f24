"""A Diffie-Hellman result of all zeros is refused on every path: es, ss, ee and se, both roles."""

import pytest

from wiresnake.protocol.errors import HandshakeRejected, Rejection
from wiresnake.protocol.handshake import (
    ReceivedInitiation,
    Remote,
    consume_initiation,
    consume_response,
    create_initiation,
    create_response,
)
from wiresnake.protocol.messages import Initiation, Response
from wiresnake.protocol.tai64n import whitened
from wiresnake.protocol.transcript import Transcript
from wiresnake.values.keys import PrivateKey, PublicKey, UselessExchange

P = 2**255 - 19
ORDER_8 = 0x00B8495F16056286FDB1329CEB8D09DA6AC49FF1FAE35616AEB8413B7C7AEBE0
ORDER_8_TOO = 0x57119FD0DD4E22D8868E1C58C45C44045BEF839C55B1D0B1248C50A3BC959C5F
NUMBERS = (0, 1, ORDER_8, ORDER_8_TOO, P - 1, P, P + 1)
POINTS = [
    PublicKey((number | top).to_bytes(32, "little")) for number in NUMBERS for top in (0, 1 << 255)
]
TIMESTAMP = whitened(0)


class Unconcerned(PrivateKey):
    """A key whose own exchange never fails, so that the exchange after it is reached."""

    def exchange(self, other: PublicKey) -> bytes:
        try:
            return super().exchange(other)
        except UselessExchange:
            return bytes(32)


def key(byte: int) -> PrivateKey:
    return PrivateKey.generate(bytes([byte]) * 32)


def unconcerned(byte: int) -> PrivateKey:
    return Unconcerned(key(byte).reveal())


ALICE, BOB = key(1), key(2)

every_point = pytest.mark.parametrize("point", POINTS, ids=lambda point: point.hex()[:8])


@every_point
def test_the_points_are_of_low_order(point):
    with pytest.raises(UselessExchange):
        ALICE.exchange(point)


@every_point
@pytest.mark.parametrize("make", [key, unconcerned], ids=["es", "ss"])
def test_create_initiation(point, make):
    with pytest.raises(HandshakeRejected) as rejected:
        create_initiation(ALICE, Remote(point), sender=1, ephemeral=make(3), timestamp=TIMESTAMP)
    assert rejected.value.why is Rejection.LOW_ORDER


@every_point
def test_consume_initiation_es(point):
    message = Initiation(1, point.raw, bytes(48), bytes(28))
    with pytest.raises(HandshakeRejected) as rejected:
        consume_initiation(BOB, message, Remote)
    assert rejected.value.why is Rejection.LOW_ORDER


@every_point
def test_consume_initiation_ss(point):
    """A peer is configured under the point; whoever knows that writes its whole initiation."""
    ephemeral = key(3)
    noise = Transcript.toward(BOB.public.raw)
    noise.mix_ephemeral(ephemeral.public.raw)
    static = noise.seal(noise.mix_secret(ephemeral.exchange(BOB.public)), point.raw)
    when = noise.seal(noise.mix_secret(bytes(32)), TIMESTAMP)
    message = Initiation(1, ephemeral.public.raw, static, when)
    with pytest.raises(HandshakeRejected) as rejected:
        consume_initiation(BOB, message, Remote)
    assert rejected.value.why is Rejection.LOW_ORDER


@every_point
@pytest.mark.parametrize("token", ["ee", "se"])
def test_create_response(point, token):
    ephemeral, static = (point, ALICE.public) if token == "ee" else (key(3).public, point)
    noise = Transcript.toward(BOB.public.raw)
    received = ReceivedInitiation(static, TIMESTAMP, 1, ephemeral, noise)
    before = noise.hash
    fresh = key(4)
    with pytest.raises(HandshakeRejected) as rejected:
        create_response(received, Remote(static), sender=2, ephemeral=fresh)
    assert rejected.value.why is Rejection.LOW_ORDER
    assert received.transcript.hash == before
    assert not fresh.is_zero


@every_point
@pytest.mark.parametrize("make", [key, unconcerned], ids=["ee", "se"])
def test_consume_response(point, make):
    remote = Remote(BOB.public)
    initiation, awaiting = create_initiation(
        ALICE, remote, sender=1, ephemeral=make(3), timestamp=TIMESTAMP
    )
    with pytest.raises(HandshakeRejected) as rejected:
        consume_response(ALICE, remote, awaiting, Response(2, 1, point.raw, bytes(16)))
    assert rejected.value.why is Rejection.LOW_ORDER

    received = consume_initiation(BOB, initiation, Remote)
    response, theirs = create_response(received, Remote(ALICE.public), sender=2, ephemeral=key(4))
    assert consume_response(ALICE, remote, awaiting, response).send == theirs.receive
