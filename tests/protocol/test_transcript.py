import pytest

from wiresnake.protocol.errors import AuthenticationFailed
from wiresnake.protocol.primitives import aead_open, aead_seal
from wiresnake.protocol.transcript import Transcript
from wiresnake.values.keys import PrivateKey, PublicKey


def test_recorded_handshake_token_by_token(recorded):
    """Both ends by hand, each from its own private keys, to the recorded hash and packets."""
    initiator, responder = recorded.initiator, recorded.responder
    e_i, e_r = recorded.initiator_ephemeral, recorded.responder_ephemeral
    ends = left, right = [Transcript.toward(responder.public.raw) for _ in range(2)]

    for end in ends:
        end.mix_ephemeral(e_i.public.raw)
    sealed = left.seal(left.mix_secret(e_i.exchange(responder.public)), initiator.public.raw)
    key = right.mix_secret(responder.exchange(e_i.public))
    assert right.open(key, sealed) == initiator.public.raw
    when = left.seal(left.mix_secret(initiator.exchange(responder.public)), recorded.timestamp)
    assert sealed + when == recorded.initiation[40:116]
    key = right.mix_secret(responder.exchange(initiator.public))
    assert right.open(key, when) == recorded.timestamp

    for end in ends:
        end.mix_ephemeral(e_r.public.raw)
    right.mix_secret(e_r.exchange(e_i.public))
    right.mix_secret(e_r.exchange(initiator.public))
    empty = right.seal(right.mix_preshared(recorded.preshared.reveal()), b"")
    assert empty == recorded.response[44:60]
    left.mix_secret(e_i.exchange(e_r.public))
    left.mix_secret(initiator.exchange(e_r.public))
    assert left.open(left.mix_preshared(recorded.preshared.reveal()), empty) == b""

    assert left.hash == right.hash == recorded.final_hash
    keys = right.split()
    assert left.split() == keys
    for transport in recorded.transport:
        key = keys[0] if transport.from_initiator else keys[1]
        sealed = aead_seal(key, transport.counter, transport.plaintext, b"")
        assert sealed == transport.packet[16:]


def test_noise_vector_token_by_token(noise_vector):
    """The responder's side of the public vector, down to the hash of its handshake."""
    initiator, responder = noise_vector.initiator.public, noise_vector.responder
    ephemeral = PrivateKey(noise_vector.responder_ephemeral)
    first, second, *packets = noise_vector.ciphertexts
    theirs = PublicKey(first[:32])

    noise = Transcript.toward(responder.public.raw, noise_vector.prologue)
    noise.mix_ephemeral(theirs.raw)
    key = noise.mix_secret(responder.exchange(theirs))
    assert noise.open(key, first[32:80]) == initiator.raw
    key = noise.mix_secret(responder.exchange(initiator))
    assert noise.open(key, first[80:]) == noise_vector.payloads[0]
    noise.mix_ephemeral(ephemeral.public.raw)
    noise.mix_secret(ephemeral.exchange(theirs))
    noise.mix_secret(ephemeral.exchange(initiator))
    key = noise.mix_preshared(noise_vector.preshared.reveal())
    assert ephemeral.public.raw + noise.seal(key, noise_vector.payloads[1]) == second
    assert noise.hash == noise_vector.handshake_hash

    keys = noise.split()
    for number, packet in enumerate(packets):
        opened = aead_open(keys[number % 2], number // 2, packet, b"")
        assert opened == noise_vector.payloads[number + 2]


@pytest.fixture
def noise() -> Transcript:
    return Transcript.toward(bytes(range(32)))


def test_a_copy_goes_its_own_way(noise):
    before = noise.hash
    copy = noise.copy()
    assert copy.hash == before
    key = copy.mix_secret(b"s" * 32)
    assert copy.hash == before
    copy.seal(key, b"text")
    assert noise.hash == before != copy.hash
    assert noise.mix_secret(b"s" * 32) == key


def test_everything_said_before_binds_what_is_sealed(noise):
    twin = noise.copy()
    sealed = noise.seal(noise.mix_secret(b"s" * 32), b"text")
    twin.mix_ephemeral(b"e" * 32)
    key = twin.mix_secret(b"s" * 32)
    before = twin.hash
    with pytest.raises(AuthenticationFailed):
        twin.open(key, sealed)
    assert twin.hash == before


def test_a_prologue_is_part_of_the_transcript():
    one, other = (Transcript.toward(bytes(32), prologue) for prologue in (b"one", b"other"))
    assert one.hash != other.hash


def test_wiping_overwrites_chain_and_hash(noise):
    noise.wipe()
    assert noise._chain == noise._hash == bytes(32)
    with pytest.raises(AssertionError):
        noise.copy()
    with pytest.raises(AssertionError):
        noise.split()


def test_split_ends_the_handshake(noise):
    initiator, responder = noise.split()
    assert isinstance(initiator, bytearray)
    assert isinstance(responder, bytearray)
    assert initiator != responder
    assert noise.hash == bytes(32)


def test_a_block_that_fails_wipes_and_one_that_succeeds_does_not(noise):
    with noise as same:
        assert same is noise
    assert any(noise.hash)
    with pytest.raises(AuthenticationFailed), noise:
        noise.open(bytes(32), bytes(16))
    assert noise.hash == bytes(32)


def test_it_shows_nothing(noise):
    shown = repr(noise) + str(noise)
    assert noise.hash.hex() not in shown
    assert repr(noise.hash) not in shown
