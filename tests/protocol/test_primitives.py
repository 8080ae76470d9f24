import hashlib
import hmac as stdlib_hmac
from struct import pack, unpack

import pytest
from cryptography.hazmat.primitives.hashes import BLAKE2s
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given, settings
from hypothesis import strategies as st

from wiresnake.protocol import primitives
from wiresnake.protocol.errors import AuthenticationFailed

KEYS = st.binary(min_size=32, max_size=32)


def naive_hchacha20(key: bytes, nonce: bytes) -> bytes:
    """HChaCha20 as the draft writes it: twenty rounds, without the final addition."""
    state = list(unpack("<4I8I4I", b"expand 32-byte k" + key + nonce))

    def quarter(a: int, b: int, c: int, d: int) -> None:
        for x, y, z, turn in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            state[x] = (state[x] + state[y]) & 0xFFFFFFFF
            mixed = state[z] ^ state[x]
            state[z] = (mixed << turn | mixed >> (32 - turn)) & 0xFFFFFFFF

    for _ in range(10):
        for column in range(4):
            quarter(*(column + 4 * row for row in range(4)))
        for column in range(4):
            quarter(*((column + row) % 4 + 4 * row for row in range(4)))
    return pack("<8I", *state[:4], *state[12:])


def test_hash_of_abc() -> None:
    # RFC 7693, appendix B
    expected = "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982"
    assert primitives.blake2s_hash(b"a", b"b", b"c").hex() == expected


@given(key=KEYS, parts=st.lists(st.binary(max_size=100), max_size=4))
def test_parts_are_joined(key: bytes, parts: list[bytes]) -> None:
    whole = b"".join(parts)
    assert primitives.blake2s_hash(*parts) == hashlib.blake2s(whole).digest()
    assert primitives.mac(key, *parts) == hashlib.blake2s(whole, digest_size=16, key=key).digest()
    expected = stdlib_hmac.new(key, whole, hashlib.blake2s).digest()
    assert primitives.hmac(key, *parts) == expected


@given(key=KEYS, material=st.binary(max_size=64))
def test_kdf_is_hkdf(key: bytes, material: bytes) -> None:
    output = HKDF(BLAKE2s(32), length=96, salt=key, info=b"").derive(material)
    first, second, third = output[:32], output[32:64], output[64:]
    assert primitives.kdf1(key, material) == first
    assert primitives.kdf2(key, material) == (first, second)
    assert primitives.kdf3(key, material) == (first, second, third)


def test_every_function_takes_any_bytes_like_object() -> None:
    key, nonce, text = bytes(range(32)), bytes(range(24)), b"text"
    for kind in (bytearray, memoryview):
        k, n, t = kind(key), kind(nonce), kind(text)
        assert primitives.blake2s_hash(t) == primitives.blake2s_hash(text)
        assert primitives.mac(k, t) == primitives.mac(key, text)
        assert primitives.kdf3(k, t) == primitives.kdf3(key, text)
        sealed = kind(primitives.aead_seal(k, 7, t, t))
        assert primitives.aead_open(k, 7, sealed, t) == text
        sealed = kind(primitives.xaead_seal(k, n, t, t))
        assert primitives.xaead_open(k, n, sealed, t) == text


def test_counter_is_little_endian_after_four_zero_bytes() -> None:
    # RFC 8439, appendix A.5, whose nonce is the one of counter 0x0807060504030201
    key = bytes.fromhex("1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0")
    aad = bytes.fromhex("f33388860000000000004e91")
    sealed = bytes.fromhex(
        "64a0861575861af460f062c79be643bd5e805cfd345cf389f108670ac76c8cb24c6cfc18755d43eea09ee94e"
        "382d26b0bdb7b73c321b0100d4f03b7f355894cf332f830e710b97ce98c8a84abd0b948114ad176e008d33bd"
        "60f982b1ff37c8559797a06ef4f0ef61c186324e2b3506383606907b6a7c02b0f9f6157b53c867e4b9166c76"
        "7b804d46a59b5216cde7a4e99040c5a40433225ee282a1b0a06c523eaf4534d7f83fa1155b0047718cbc546a"
        "0d072b04b3564eea1b422273f548271a0bb2316053fa76991955ebd63159434ecebb4e466dae5a1073a67276"
        "27097a1049e617d91d361094fa68f0ff77987130305beaba2eda04df997b714d6c6f2c29a6ad5cb4022b0270"
        "9beead9d67890cbb22392336fea1851f38"
    )
    plain = primitives.aead_open(key, 0x0807060504030201, sealed, aad)
    assert plain.startswith(
        b"Internet-Drafts are draft documents valid for a maximum of six months"
    )
    assert primitives.aead_seal(key, 0x0807060504030201, plain, aad) == sealed


def test_subkey_of_the_draft() -> None:
    # draft-irtf-cfrg-xchacha, section 2.2.1
    nonce = bytes.fromhex("000000090000004a0000000031415927")
    expected = "82413b4227b27bfed30e42508a877d73a0f9e4d58a74a853c12ec41326d3ecdc"
    assert primitives.XAead(bytes(range(32))).subkey(nonce).hex() == expected


@given(key=KEYS, nonces=st.lists(st.binary(min_size=16, max_size=16), max_size=4))
@settings(max_examples=30)
def test_subkeys_like_the_naive_twin(key: bytes, nonces: list[bytes]) -> None:
    aead = primitives.XAead(key)
    for nonce in nonces:
        assert aead.subkey(nonce) == naive_hchacha20(key, nonce)


def test_subkey_of_the_last_block_counter() -> None:
    aead, nonce = primitives.XAead(b"\xff" * 32), b"\xff" * 16
    for _ in range(2):
        assert aead.subkey(nonce) == naive_hchacha20(b"\xff" * 32, nonce)


def test_xaead_of_the_draft() -> None:
    # draft-irtf-cfrg-xchacha, appendix A.3.1
    plain = (
        b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the "
        b"future, sunscreen would be it."
    )
    aad = bytes.fromhex("50515253c0c1c2c3c4c5c6c7")
    key, nonce = bytes(range(0x80, 0xA0)), bytes(range(0x40, 0x58))
    sealed = bytes.fromhex(
        "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa6440bf3a82f"
        "4eda7e39ae64c6708c54c216cb96b72e1213b4522f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f"
        "76b2383565d3fff921f9664c97637da9768812f615c68b13b52e"
        "c0875924c1c7987947deafd8780acf49"
    )
    assert primitives.xaead_seal(key, nonce, plain, aad) == sealed
    assert primitives.xaead_open(key, nonce, sealed, aad) == plain


@given(data=st.data())
@settings(max_examples=50)
def test_one_flipped_bit_does_not_open(data: st.DataObject) -> None:
    key, nonce, plain, aad = bytes(range(32)), bytes(24), b"sixteen byte msg", b"header"
    sealed = bytearray(primitives.aead_seal(key, 3, plain, aad))
    xsealed = bytearray(primitives.xaead_seal(key, nonce, plain, aad))
    bit = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[bit // 8] ^= 1 << bit % 8
    xsealed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(AuthenticationFailed):
        primitives.aead_open(key, 3, sealed, aad)
    with pytest.raises(AuthenticationFailed):
        primitives.xaead_open(key, nonce, xsealed, aad)


@pytest.mark.parametrize("size", [0, 1, 15])
def test_less_than_a_tag_does_not_open(size: int) -> None:
    with pytest.raises(AuthenticationFailed):
        primitives.aead_open(bytes(32), 0, bytes(size), b"")
    with pytest.raises(AuthenticationFailed):
        primitives.xaead_open(bytes(32), bytes(24), bytes(size), b"")


def test_another_key_counter_or_header_does_not_open() -> None:
    sealed = primitives.aead_seal(bytes(32), 1, b"plain", b"aad")
    assert primitives.aead_open(bytes(32), 1, sealed, b"aad") == b"plain"
    for key, counter, aad in ((b"\1" * 32, 1, b"aad"), (bytes(32), 2, b"aad"), (bytes(32), 1, b"")):
        with pytest.raises(AuthenticationFailed):
            primitives.aead_open(key, counter, sealed, aad)
