"""Handshakes with dissononce, a Noise library that shares no code with us: both roles, with and
without a preshared key. WireGuard is its IKpsk2 with a prologue and indices around the messages.
"""

import pytest
from dissononce.cipher.chachapoly import ChaChaPolyCipher
from dissononce.dh.x25519.private import PrivateKey as TheirPrivateKey
from dissononce.dh.x25519.public import PublicKey as TheirPublicKey
from dissononce.dh.x25519.x25519 import X25519DH
from dissononce.hash.blake2s import Blake2sHash
from dissononce.processing.handshakepatterns.interactive.IK import IKHandshakePattern
from dissononce.processing.impl.cipherstate import CipherState
from dissononce.processing.impl.handshakestate import HandshakeState
from dissononce.processing.impl.symmetricstate import SymmetricState
from dissononce.processing.modifiers.psk import PSKPatternModifier

from wiresnake.protocol.constants import IDENTIFIER
from wiresnake.protocol.handshake import (
    Remote,
    SessionKeys,
    consume_initiation,
    consume_response,
    create_initiation,
    create_response,
)
from wiresnake.protocol.messages import Initiation, Response
from wiresnake.protocol.primitives import aead_open, aead_seal
from wiresnake.protocol.tai64n import whitened
from wiresnake.values.keys import PresharedKey, PrivateKey

OURS = PrivateKey.generate(b"\1" * 32)
THEIRS = PrivateKey.generate(b"\2" * 32)
EPHEMERAL = b"\3" * 32
TIMESTAMP = whitened(1_700_000_000_000_000_000)


@pytest.fixture(params=[None, b"\x5a" * 32], ids=["without-psk", "with-psk"])
def preshared(request: pytest.FixtureRequest) -> PresharedKey | None:
    return PresharedKey(request.param) if request.param else None


def library(*, initiator: bool, preshared: PresharedKey | None) -> HandshakeState:
    dh = X25519DH()
    state = HandshakeState(SymmetricState(CipherState(ChaChaPolyCipher()), Blake2sHash()), dh)
    state.initialize(
        PSKPatternModifier(2).modify(IKHandshakePattern()),
        initiator,
        IDENTIFIER,
        s=dh.generate_keypair(TheirPrivateKey(THEIRS.reveal())),
        rs=TheirPublicKey(OURS.public.raw) if initiator else None,
        psks=[preshared.reveal() if preshared else bytes(32)],
    )
    return state


def assert_talking(ours: SessionKeys, sends: CipherState, receives: CipherState) -> None:
    for counter in range(3):
        sealed = aead_seal(ours.send, counter, b"ping", b"")
        assert receives.decrypt_with_ad(b"", sealed) == b"ping"
        sealed = sends.encrypt_with_ad(b"", b"pong")
        assert aead_open(ours.receive, counter, sealed, b"") == b"pong"


def test_we_initiate(preshared):
    remote = Remote(THEIRS.public, preshared)
    initiation, awaiting = create_initiation(
        OURS, remote, sender=1, ephemeral=PrivateKey.generate(EPHEMERAL), timestamp=TIMESTAMP
    )
    state = library(initiator=False, preshared=preshared)
    payload = bytearray()
    state.read_message(initiation.encode()[8:116], payload)
    assert payload == TIMESTAMP
    assert state.rs.data == OURS.public.raw

    written = bytearray()
    receives, sends = state.write_message(b"", written)
    message = Response(2, 1, bytes(written[:32]), bytes(written[32:]))
    keys = consume_response(OURS, remote, awaiting, Response.decode_untrusted(message.encode()))
    assert_talking(keys, sends, receives)


def test_they_initiate(preshared):
    remote = Remote(THEIRS.public, preshared)
    state = library(initiator=True, preshared=preshared)
    written = bytearray()
    state.write_message(TIMESTAMP, written)
    fields = bytes(written)
    message = Initiation(1, fields[:32], fields[32:80], fields[80:])
    received = consume_initiation(
        OURS, Initiation.decode_untrusted(message.encode()), {THEIRS.public: remote}.get
    )
    assert (received.static, received.timestamp) == (THEIRS.public, TIMESTAMP)

    response, keys = create_response(
        received, remote, sender=2, ephemeral=PrivateKey.generate(EPHEMERAL)
    )
    payload = bytearray()
    sends, receives = state.read_message(response.encode()[12:60], payload)
    assert payload == b""
    assert_talking(keys, sends, receives)
