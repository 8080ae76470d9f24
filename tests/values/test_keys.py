"""Keys: strict text, hidden secrets, refused exchanges."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiresnake.values.keys import (
    InvalidKey,
    PresharedKey,
    PrivateKey,
    PublicKey,
    UselessExchange,
)

RAW = st.binary(min_size=32, max_size=32)


@given(RAW)
def test_both_texts_of_a_key_read_back(raw: bytes) -> None:
    key = PublicKey(raw)
    assert PublicKey.from_base64(str(key)) == key
    assert PublicKey.from_hex(key.hex()) == key
    assert PublicKey.from_hex(key.hex().upper()) == key
    assert PresharedKey.from_base64(PresharedKey(raw).to_base64()).reveal() == raw


@pytest.mark.parametrize(
    "text",
    [
        "",
        "A" * 44,  # no padding
        "A" * 42 + "B=",  # unused bits set: a second text for the same bytes
        "A" * 43 + "==",
        " " + "A" * 42 + "=",
        "A" * 20 + "\n" + "A" * 22 + "=",
        "é" * 44,
    ],
)
def test_base64_has_one_text_for_each_key(text: str) -> None:
    with pytest.raises(InvalidKey):
        PublicKey.from_base64(text)


@pytest.mark.parametrize("text", ["", "0" * 63, "0" * 65, "0x" + "0" * 62, "g" * 64, " " * 64])
def test_hex_is_64_digits(text: str) -> None:
    with pytest.raises(InvalidKey):
        PublicKey.from_hex(text)


@given(RAW)
def test_no_secret_is_shown(raw: bytes) -> None:
    texts = {base64.b64encode(raw).decode(), raw.hex(), repr(raw)}
    for secret in (PrivateKey(raw), PresharedKey(raw)):
        shown = f"{secret!r} {secret!s} {secret}"
        assert not any(text in shown for text in texts)
    with pytest.raises(InvalidKey) as caught:
        PrivateKey.from_base64(base64.b64encode(raw).decode() + "A")
    assert base64.b64encode(raw).decode() not in str(caught.value)


@given(RAW)
def test_a_generated_key_is_clamped(random: bytes) -> None:
    raw = PrivateKey.generate(random).reveal()
    assert raw[0] & 7 == 0
    assert raw[31] & 0b1100_0000 == 0b0100_0000
    assert raw[1:31] == random[1:31]


def test_both_ends_share_one_secret() -> None:
    alice, bob = PrivateKey.generate(bytes(range(32))), PrivateKey.generate(bytes(range(32, 64)))
    assert alice.exchange(bob.public) == bob.exchange(alice.public)


LOW_ORDER = [
    bytes(32),
    (1).to_bytes(32, "little"),
    bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
    (2**255 - 20).to_bytes(32, "little"),
    (2**255 - 19).to_bytes(32, "little"),
    (2**255 - 18).to_bytes(32, "little"),
]


@pytest.mark.parametrize("point", LOW_ORDER, ids=lambda point: point.hex()[:8])
def test_a_point_of_low_order_is_refused(point: bytes) -> None:
    with pytest.raises(UselessExchange):
        PrivateKey.generate(bytes(range(32))).exchange(PublicKey(point))


def test_a_wiped_secret_reads_as_no_key() -> None:
    secret = PresharedKey(bytes(range(32)))
    assert not secret.is_zero
    secret.wipe()
    assert secret.is_zero
    assert secret.reveal() == bytes(32)


@pytest.mark.parametrize("kind", [PresharedKey, PrivateKey])
def test_a_secret_that_nobody_holds_any_more_is_overwritten(
    kind: type[PresharedKey | PrivateKey],
) -> None:
    secret = kind(bytes(range(32)))
    raw = secret._raw
    del secret
    assert raw == bytes(32)


def test_a_wiped_private_key_agrees_on_no_secret() -> None:
    key, other = PrivateKey(bytes(range(32))), PrivateKey(bytes(range(32, 64)))
    key.wipe()
    with pytest.raises(AssertionError):
        key.exchange(other.public)


def test_a_public_key_that_was_asked_for_outlives_the_private_one() -> None:
    key = PrivateKey(bytes(range(32)))
    public = key.public
    key.wipe()
    assert key.public is public
    other = PrivateKey(bytes(range(32)))
    other.wipe()
    with pytest.raises(AssertionError):
        _ = other.public


def test_a_key_of_the_wrong_size_leaves_nothing_behind() -> None:
    with pytest.raises(InvalidKey):
        PrivateKey(bytes(31))


def test_secrets_compare_by_kind_and_content() -> None:
    raw = bytes(range(32))
    assert PresharedKey(raw) == PresharedKey(raw)
    assert PresharedKey(raw) != PresharedKey(bytes(32))
    assert PresharedKey(raw) != PrivateKey(raw)
    with pytest.raises(TypeError):
        hash(PresharedKey(raw))
