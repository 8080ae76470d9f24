"""The words of `set` that no `wg` of 2021 knows, and that no error shows a secret."""

import base64
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiresnake.config import words
from wiresnake.config.fields import InvalidField, numeric_only
from wiresnake.config.model import AllowedIpChange, Change
from wiresnake.values.addresses import Prefix
from wiresnake.values.keys import PublicKey

KEY = base64.b64encode(bytes([1]) * 32).decode()
SECRET = "QGh0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0U="


def parse(*said: str) -> Change:
    return words.parse(
        said, read_key=lambda name: name.encode().ljust(32), resolve=numeric_only, warn=print
    )


def allowed(*said: str) -> tuple[bool, list[AllowedIpChange]]:
    rest = [word for each in said for word in ("allowed-ips", each)]
    (peer,) = parse("peer", KEY, *rest).peers
    return peer.replace_allowed_ips, peer.allowed_ips


def plus(prefix: str) -> AllowedIpChange:
    return AllowedIpChange(Prefix.parse(prefix))


def minus(prefix: str) -> AllowedIpChange:
    return AllowedIpChange(Prefix.parse(prefix), remove=True)


def test_allowed_ips_are_replaced_unless_one_has_a_sign() -> None:
    assert allowed("10.0.0.0/8,::/0") == (True, [plus("10.0.0.0/8"), plus("::/0")])
    assert allowed("") == (True, [])
    assert allowed("+10.0.0.0/8") == (False, [plus("10.0.0.0/8")])
    assert allowed("-10.0.0.0/8, +::/0") == (False, [minus("10.0.0.0/8"), plus("::/0")])
    assert allowed("10.0.0.0/8,-::/0") == (False, [plus("10.0.0.0/8"), minus("::/0")])
    assert allowed("-10.0.0.1", "::/0") == (False, [minus("10.0.0.1/32"), plus("::/0")])
    assert allowed("::/0", "-10.0.0.1") == (False, [plus("::/0"), minus("10.0.0.1/32")])


def test_a_sign_is_of_one_peer() -> None:
    first, second = parse("peer", KEY, "allowed-ips", "+::/0", "peer", KEY, "allowed-ips", "").peers
    assert (first.replace_allowed_ips, second.replace_allowed_ips) == (False, True)


@pytest.mark.parametrize("prefix", ["+", "-", "++::/0", "+-::/0", "+,::/0", "+10.0.0.0/33"])
def test_a_sign_needs_its_prefix(prefix: str) -> None:
    with pytest.raises(InvalidField):
        allowed(prefix)


def test_keys_come_from_their_files() -> None:
    change = parse("private-key", "one", "peer", KEY, "preshared-key", "two")
    assert change.private_key is not None
    assert change.private_key.reveal()[1:31] == b"ne".ljust(30)
    (peer,) = change.peers
    assert peer.preshared_key is not None
    assert peer.preshared_key.reveal() == b"two".ljust(32)


@pytest.mark.parametrize(
    "said",
    [
        (SECRET,), ("listen-port", SECRET), ("fwmark", SECRET), ("peer", SECRET[:-1]),
        ("peer", f"x{SECRET}"), ("peer", KEY, SECRET), ("peer", KEY, "endpoint", SECRET),
        ("peer", KEY, "endpoint", f"[{SECRET}"), ("peer", KEY, "allowed-ips", SECRET),
        ("peer", KEY, "persistent-keepalive", SECRET), ("peer", KEY, "endpoint", f"{SECRET}:1"),
    ],
)  # fmt: skip
def test_no_error_shows_a_secret(said: tuple[str, ...]) -> None:
    with pytest.raises(InvalidField) as bad:
        parse(*said)
    assert not any(SECRET[start : start + 8] in repr(bad.value) for start in range(36))


WORDS = ["peer", KEY, "remove", "endpoint", "192.0.2.1:5", "allowed-ips", "::/0", "fwmark", "off",
         "listen-port", "5", "persistent-keepalive", "preshared-key", "private-key"]  # fmt: skip


@given(st.lists(st.sampled_from(WORDS) | st.text(max_size=12), max_size=12))
def test_any_words_are_read_or_refused(said: list[str]) -> None:
    with contextlib.suppress(InvalidField):
        for peer in parse(*said).peers:
            assert peer.public_key == PublicKey.from_base64(KEY)
