"""Handshakes that others recorded, byte for byte, through create_ and consume_ in both roles."""

from wiresnake.protocol.cookies import mac1_key, seal_macs
from wiresnake.protocol.handshake import (
    Remote,
    consume_initiation,
    consume_response,
    create_initiation,
    create_response,
)
from wiresnake.protocol.messages import Initiation, Response
from wiresnake.protocol.primitives import aead_open, aead_seal
from wiresnake.values.keys import PrivateKey


def test_recorded_as_initiator(recorded):
    remote = Remote(recorded.responder.public, recorded.preshared)
    message, awaiting = create_initiation(
        recorded.initiator,
        remote,
        sender=recorded.initiator_index,
        ephemeral=recorded.initiator_ephemeral,
        timestamp=recorded.timestamp,
    )
    macs = mac1_key(recorded.responder.public.raw)
    assert seal_macs(message.encode(), macs, None) == recorded.initiation

    response = Response.decode_untrusted(recorded.response)
    keys = consume_response(recorded.initiator, remote, awaiting, response)
    for transport in recorded.transport:
        packet, counter = transport.packet[16:], transport.counter
        if transport.from_initiator:
            assert aead_seal(keys.send, counter, transport.plaintext, b"") == packet
        else:
            assert aead_open(keys.receive, counter, packet, b"") == transport.plaintext


def test_recorded_as_responder(recorded):
    remote = Remote(recorded.initiator.public, recorded.preshared)
    known = {recorded.initiator.public: remote}
    initiation = Initiation.decode_untrusted(recorded.initiation)
    received = consume_initiation(recorded.responder, initiation, known.get)
    assert received.static == recorded.initiator.public
    assert received.timestamp == recorded.timestamp
    assert received.sender == recorded.initiator_index
    assert received.ephemeral == recorded.initiator_ephemeral.public

    message, keys = create_response(
        received,
        remote,
        sender=recorded.responder_index,
        ephemeral=recorded.responder_ephemeral,
    )
    macs = mac1_key(recorded.initiator.public.raw)
    assert seal_macs(message.encode(), macs, None) == recorded.response
    for transport in recorded.transport:
        packet, counter = transport.packet[16:], transport.counter
        if transport.from_initiator:
            assert aead_open(keys.receive, counter, packet, b"") == transport.plaintext
        else:
            assert aead_seal(keys.send, counter, transport.plaintext, b"") == packet


def test_noise_vector_through_the_same_code(noise_vector):
    initiator, responder = noise_vector.initiator, noise_vector.responder
    payloads, sealed = noise_vector.payloads, noise_vector.ciphertexts
    toward_initiator = Remote(initiator.public, noise_vector.preshared)
    toward_responder = Remote(responder.public, noise_vector.preshared)
    initiation, awaiting = create_initiation(
        initiator,
        toward_responder,
        sender=0,
        ephemeral=PrivateKey(noise_vector.initiator_ephemeral),
        timestamp=payloads[0],
        prologue=noise_vector.prologue,
    )
    assert initiation.ephemeral + initiation.static + initiation.timestamp == sealed[0]
    received = consume_initiation(
        responder, initiation, lambda _: toward_initiator, prologue=noise_vector.prologue
    )
    assert (received.static, received.timestamp) == (initiator.public, payloads[0])
    response, theirs = create_response(
        received,
        toward_initiator,
        sender=0,
        ephemeral=PrivateKey(noise_vector.responder_ephemeral),
        payload=payloads[1],
    )
    assert response.ephemeral + response.empty == sealed[1]
    ours = consume_response(initiator, toward_responder, awaiting, response)
    assert (ours.send, ours.receive) == (theirs.receive, theirs.send)
    for number, (plain, packet) in enumerate(zip(payloads[2:], sealed[2:], strict=True)):
        sender, receiver = (ours, theirs) if number % 2 == 0 else (theirs, ours)
        assert aead_seal(sender.send, number // 2, plain, b"") == packet
        assert aead_open(receiver.receive, number // 2, packet, b"") == plain
