from dataclasses import replace
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wiresnake.protocol.errors import HandshakeRejected, Rejection
from wiresnake.protocol.handshake import (
    AwaitingResponse,
    ReceivedInitiation,
    Remote,
    SessionKeys,
    consume_initiation,
    consume_response,
    create_initiation,
    create_response,
)
from wiresnake.protocol.messages import Initiation, Response
from wiresnake.protocol.tai64n import whitened
from wiresnake.values.keys import PresharedKey, PrivateKey, PublicKey

NOBODY: dict[PublicKey, Remote] = {}
TIMESTAMP = whitened(1_700_000_000_000_000_000)


def key(byte: int) -> PrivateKey:
    return PrivateKey.generate(bytes([byte]) * 32)


class Pair(NamedTuple):
    """Two ends that know each other."""

    alice: PrivateKey
    bob: PrivateKey
    toward_bob: Remote
    toward_alice: Remote

    def initiate(self) -> tuple[Initiation, AwaitingResponse]:
        return create_initiation(
            self.alice, self.toward_bob, sender=11, ephemeral=key(3), timestamp=TIMESTAMP
        )

    def receive(self, message: Initiation) -> ReceivedInitiation:
        known = {self.alice.public: self.toward_alice}
        return consume_initiation(self.bob, message, known.get)

    def respond(self, received: ReceivedInitiation) -> tuple[Response, SessionKeys]:
        return create_response(received, self.toward_alice, sender=22, ephemeral=key(4))


def pair(preshared: PresharedKey | None = None) -> Pair:
    alice, bob = key(1), key(2)
    return Pair(alice, bob, Remote(bob.public, preshared), Remote(alice.public, preshared))


def assert_joined(here: SessionKeys, there: SessionKeys) -> None:
    assert here.send == there.receive
    assert here.receive == there.send
    assert here.send != here.receive
    assert len(here.send) == len(here.receive) == 32


@given(seeds=st.lists(st.binary(min_size=32, max_size=32), min_size=4, max_size=4, unique=True))
@settings(max_examples=25)
def test_two_ends_that_know_each_other_agree(seeds):
    alice, bob, first, second = (PrivateKey.generate(seed) for seed in seeds)
    known = {alice.public: Remote(alice.public)}
    toward_bob = Remote(bob.public)
    initiation, awaiting = create_initiation(
        alice, toward_bob, sender=1, ephemeral=first, timestamp=TIMESTAMP
    )
    received = consume_initiation(bob, Initiation.decode_untrusted(initiation.encode()), known.get)
    response, theirs = create_response(received, known[alice.public], sender=2, ephemeral=second)
    assert (response.sender, response.receiver) == (2, 1)
    ours = consume_response(
        alice, toward_bob, awaiting, Response.decode_untrusted(response.encode())
    )
    assert_joined(ours, theirs)


def test_no_preshared_key_is_a_preshared_key_of_zeros():
    ends = pair()
    message, awaiting = ends.initiate()
    zeros = Remote(ends.alice.public, PresharedKey(bytes(32)))
    received = consume_initiation(ends.bob, message, lambda _: zeros)
    response, theirs = create_response(received, zeros, sender=22, ephemeral=key(4))
    assert_joined(consume_response(ends.alice, ends.toward_bob, awaiting, response), theirs)


def test_another_preshared_key_counts_from_the_next_message():
    ends = pair(PresharedKey(b"p" * 32))
    message, awaiting = ends.initiate()
    ends.toward_alice.preshared = PresharedKey(b"q" * 32)
    response, theirs = ends.respond(ends.receive(message))
    with pytest.raises(HandshakeRejected) as rejected:
        consume_response(ends.alice, ends.toward_bob, awaiting, response)
    assert rejected.value.why is Rejection.BAD_CONFIRMATION
    ends.toward_bob.preshared = PresharedKey(b"q" * 32)
    assert_joined(consume_response(ends.alice, ends.toward_bob, awaiting, response), theirs)


def test_a_stranger_is_refused_before_the_second_exchange():
    ends = pair()
    message, _ = ends.initiate()
    with pytest.raises(HandshakeRejected) as rejected:
        consume_initiation(ends.bob, message, NOBODY.get)
    assert rejected.value.why is Rejection.UNKNOWN_PEER


def test_an_initiation_for_another_responder_is_refused():
    ends = pair()
    message, _ = ends.initiate()
    with pytest.raises(HandshakeRejected) as rejected:
        consume_initiation(key(9), message, lambda _: ends.toward_alice)
    assert rejected.value.why is Rejection.BAD_STATIC


def test_another_initiators_name_cannot_be_borrowed():
    """Mallory seals Alice's public key, as anybody can, but has not her private key."""
    ends = pair()

    class Borrowed(PrivateKey):
        pass

    mallory = Borrowed(key(9).reveal())
    mallory._public = ends.alice.public
    message, _ = create_initiation(
        mallory, Remote(ends.bob.public), sender=1, ephemeral=key(3), timestamp=TIMESTAMP
    )
    with pytest.raises(HandshakeRejected) as rejected:
        ends.receive(message)
    assert rejected.value.why is Rejection.BAD_TIMESTAMP


@given(bit=st.integers(8 * 8, 116 * 8 - 1))
@settings(max_examples=60)
def test_a_flipped_initiation_is_refused_and_changes_nothing(bit):
    ends = pair()
    message, awaiting = ends.initiate()
    flipped = bytearray(message.encode())
    flipped[bit // 8] ^= 1 << bit % 8
    # The top bit of a Curve25519 key is not part of it (RFC 7748, 5); the hash still covers it.
    with pytest.raises(HandshakeRejected) as rejected:
        ends.receive(Initiation.decode_untrusted(flipped))
    expected = Rejection.BAD_STATIC if bit < 88 * 8 else Rejection.BAD_TIMESTAMP
    assert rejected.value.why is expected
    response, theirs = ends.respond(ends.receive(message))
    assert_joined(consume_response(ends.alice, ends.toward_bob, awaiting, response), theirs)


@given(bit=st.integers(12 * 8, 60 * 8 - 1))
@settings(max_examples=60)
def test_a_flipped_response_is_refused_and_the_true_one_still_counts(bit):
    ends = pair(PresharedKey(b"p" * 32))
    message, awaiting = ends.initiate()
    response, theirs = ends.respond(ends.receive(message))
    flipped = bytearray(response.encode())
    flipped[bit // 8] ^= 1 << bit % 8
    before = awaiting.transcript.hash
    with pytest.raises(HandshakeRejected) as rejected:
        consume_response(ends.alice, ends.toward_bob, awaiting, Response.decode_untrusted(flipped))
    assert rejected.value.why is Rejection.BAD_CONFIRMATION
    assert awaiting.transcript.hash == before
    assert_joined(consume_response(ends.alice, ends.toward_bob, awaiting, response), theirs)


def test_a_response_to_another_initiation_is_refused():
    ends = pair()
    message, _ = ends.initiate()
    response, _ = ends.respond(ends.receive(message))
    _, awaiting = create_initiation(
        ends.alice, ends.toward_bob, sender=11, ephemeral=key(8), timestamp=TIMESTAMP
    )
    with pytest.raises(HandshakeRejected):
        consume_response(ends.alice, ends.toward_bob, awaiting, response)


class TestStaticStatic:
    def test_is_computed_once_and_when_first_needed(self):
        ends = pair()
        exchanged: list[PublicKey] = []

        class Counted(PrivateKey):
            def exchange(self, other: PublicKey) -> bytes:
                exchanged.append(other)
                return super().exchange(other)

        ours = Counted(ends.bob.reveal())
        remote = Remote(ends.alice.public)
        assert exchanged == []
        assert remote.static_static(ours) == ends.bob.exchange(ends.alice.public)
        assert remote.static_static(ours) == ends.bob.exchange(ends.alice.public)
        assert exchanged == [ends.alice.public]

    def test_follows_our_key(self):
        remote = Remote(key(1).public)
        assert remote.static_static(key(2)) == key(2).exchange(key(1).public)
        assert remote.static_static(key(3)) == key(3).exchange(key(1).public)

    def test_is_wiped_when_forgotten(self):
        remote = Remote(key(1).public)
        secret = remote.static_static(key(2))
        remote.forget_static_static()
        assert not any(secret)
        assert remote.static_static(key(2)) == key(2).exchange(key(1).public)


class TestErasing:
    def test_a_response_uses_up_what_it_answers(self):
        ends = pair()
        message, _ = ends.initiate()
        received, ephemeral = ends.receive(message), key(4)
        create_response(received, ends.toward_alice, sender=22, ephemeral=ephemeral)
        assert received.transcript.hash == bytes(32)
        assert ephemeral.is_zero
        with pytest.raises(AssertionError):
            create_response(received, ends.toward_alice, sender=22, ephemeral=key(4))

    def test_an_accepted_response_uses_up_what_awaited_it(self):
        ends = pair()
        message, awaiting = ends.initiate()
        response, _ = ends.respond(ends.receive(message))
        consume_response(ends.alice, ends.toward_bob, awaiting, response)
        assert awaiting.transcript.hash == bytes(32)
        assert awaiting.ephemeral.is_zero
        with pytest.raises(AssertionError):
            consume_response(ends.alice, ends.toward_bob, awaiting, response)

    def test_an_abandoned_handshake_and_a_finished_session_are_wiped(self):
        ends = pair()
        message, awaiting = ends.initiate()
        received = ends.receive(message)
        awaiting.wipe()
        assert awaiting.transcript.hash == bytes(32)
        assert awaiting.ephemeral.is_zero
        _, keys = ends.respond(received)
        assert any(keys.send)
        assert any(keys.receive)
        keys.wipe()
        assert not any(keys.send)
        assert not any(keys.receive)


def test_nothing_secret_is_shown():
    ends = pair(PresharedKey(b"p" * 32))
    message, awaiting = ends.initiate()
    received = ends.receive(message)
    shown = [repr(awaiting), repr(received), repr(ends.toward_alice), repr(ends.toward_bob)]
    secrets = [
        bytes(ends.toward_alice.static_static(ends.bob)),
        key(3).reveal(),
        b"p" * 32,
        received.transcript.hash,
    ]
    _, keys = ends.respond(received)
    shown.append(repr(keys))
    secrets += [bytes(keys.send), bytes(keys.receive)]
    for text in shown:
        for secret in secrets:
            assert secret.hex() not in text
            assert repr(secret)[2:-1] not in text


def test_a_rejection_says_why_and_nothing_else():
    assert str(HandshakeRejected(Rejection.BAD_STATIC)) == "bad static"
    assert {why.value for why in Rejection} == set(range(1, len(Rejection) + 1))


def test_the_messages_carry_no_macs_of_their_own():
    ends = pair()
    message, _ = ends.initiate()
    assert message == replace(message, mac1=bytes(16), mac2=bytes(16))
    response, _ = ends.respond(ends.receive(message))
    assert response == replace(response, mac1=bytes(16), mac2=bytes(16))
