from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wiresnake.protocol import cookies
from wiresnake.protocol.constants import COOKIE_LATENCY, COOKIE_SECRET_MAX_AGE
from wiresnake.protocol.cookies import CookieJar, CookieMaker
from wiresnake.protocol.errors import HandshakeRejected, Rejection
from wiresnake.protocol.messages import COOKIE_REPLY_SIZE, CookieReply, Initiation, Response
from wiresnake.protocol.primitives import mac
from wiresnake.values.addresses import Endpoint

OURS = bytes(range(32))
KEY = cookies.mac1_key(OURS)
HERE = Endpoint.parse("192.0.2.7:51820")
INITIATION = cookies.seal_macs(Initiation(7, b"e" * 32, b"s" * 48, b"t" * 28).encode(), KEY, None)
RESPONSE = cookies.seal_macs(Response(7, 8, b"e" * 32, b"n" * 16).encode(), KEY, None)


class Counting:
    """Random bytes for a test: each draw differs from all others."""

    def __init__(self) -> None:
        self.drawn = 0

    def __call__(self, size: int) -> bytes:
        self.drawn += 1
        return self.drawn.to_bytes(size)


@pytest.fixture
def maker() -> CookieMaker:
    return CookieMaker(OURS, Counting())


def cookie_from(maker: CookieMaker, source: Endpoint, now: float) -> bytes:
    jar = CookieJar(OURS)
    jar.remember(cookies.mac1_of(INITIATION))
    jar.consume_reply(CookieReply.decode_untrusted(maker.reply(INITIATION, source, now)), now)
    cookie = jar.cookie(now)
    assert cookie is not None
    return cookie


def test_recorded_mac1_both_ways(recorded):
    toward_responder = cookies.mac1_key(recorded.responder.public.raw)
    toward_initiator = cookies.mac1_key(recorded.initiator.public.raw)
    assert cookies.has_valid_mac1(toward_responder, recorded.initiation)
    assert cookies.has_valid_mac1(toward_initiator, recorded.response)
    assert cookies.has_valid_mac1(toward_responder, memoryview(recorded.initiation))
    assert not cookies.has_valid_mac1(toward_initiator, recorded.initiation)
    assert not cookies.has_valid_mac1(toward_responder, recorded.response)
    bare = recorded.initiation[:-32] + bytes(32)
    assert cookies.seal_macs(bare, toward_responder, None) == recorded.initiation


def test_recorded_cookie_exchange(recorded):
    draws = iter([recorded.cookie_nonce, recorded.cookie_secret])
    maker = CookieMaker(recorded.responder.public.raw, lambda size: next(draws))
    reply = maker.reply(recorded.initiation, recorded.cookie_source, 10.0)
    assert reply == recorded.cookie_reply

    jar = CookieJar(recorded.responder.public.raw)
    jar.remember(cookies.mac1_of(recorded.initiation))
    jar.consume_reply(CookieReply.decode_untrusted(reply), 10.0)
    assert jar.cookie(10.0) == recorded.cookie

    key = cookies.mac1_key(recorded.responder.public.raw)
    with_mac2 = cookies.seal_macs(recorded.initiation, key, jar.cookie(10.0))
    assert with_mac2 == recorded.initiation_with_mac2
    assert maker.has_valid_mac2(with_mac2, recorded.cookie_source, 10.0)
    assert not maker.has_valid_mac2(recorded.initiation, recorded.cookie_source, 10.0)


@given(bit=st.integers(0, len(INITIATION[:-16]) * 8 - 1))
@settings(max_examples=50)
def test_mac1_covers_every_bit_before_mac2(bit):
    flipped = bytearray(INITIATION)
    flipped[bit // 8] ^= 1 << bit % 8
    assert cookies.has_valid_mac1(KEY, INITIATION)
    assert not cookies.has_valid_mac1(KEY, flipped)


@given(bit=st.integers(0, len(INITIATION) * 8 - 1))
@settings(max_examples=50)
def test_mac2_covers_every_bit_and_mac1(bit):
    maker = CookieMaker(OURS, Counting())
    sealed = cookies.seal_macs(INITIATION, KEY, cookie_from(maker, HERE, 1.0))
    flipped = bytearray(sealed)
    flipped[bit // 8] ^= 1 << bit % 8
    assert maker.has_valid_mac2(sealed, HERE, 1.0)
    assert not maker.has_valid_mac2(flipped, HERE, 1.0)


@pytest.mark.parametrize("short", [b"", b"\1", bytes(16), bytes(31)])
def test_a_short_datagram_has_no_valid_mac1(short):
    assert not cookies.has_valid_mac1(KEY, short)


@pytest.mark.parametrize("message", [INITIATION, RESPONSE])
def test_a_reply_names_the_sender_and_is_never_larger(maker, message):
    reply = maker.reply(message, HERE, 1.0)
    assert CookieReply.decode_untrusted(reply).receiver == 7
    assert len(reply) == COOKIE_REPLY_SIZE < len(message)


def test_every_reply_has_a_nonce_of_its_own(maker):
    nonces = {
        CookieReply.decode_untrusted(maker.reply(INITIATION, HERE, 1.0)).nonce for _ in range(20)
    }
    assert len(nonces) == 20


@pytest.mark.parametrize(
    "elsewhere",
    [
        Endpoint.parse("192.0.2.7:51821"),
        Endpoint.parse("192.0.2.8:51820"),
        Endpoint.parse("[::ffff:192.0.2.7]:51820"),
    ],
)
def test_a_cookie_is_bound_to_address_and_port(maker, elsewhere):
    sealed = cookies.seal_macs(INITIATION, KEY, cookie_from(maker, HERE, 1.0))
    assert maker.has_valid_mac2(sealed, HERE, 1.0)
    assert not maker.has_valid_mac2(sealed, elsewhere, 1.0)


def test_a_cookie_serves_ipv6_and_forgets_the_scope(maker):
    source = Endpoint.parse("[fe80::1]:51820")
    sealed = cookies.seal_macs(RESPONSE, KEY, cookie_from(maker, source, 1.0))
    assert maker.has_valid_mac2(sealed, source, 1.0)
    assert maker.has_valid_mac2(sealed, replace(source, scope=3), 1.0)
    assert not maker.has_valid_mac2(sealed, Endpoint.parse("[fe80::2]:51820"), 1.0)


def test_the_secret_turns_after_its_age_and_the_old_one_counts_no_more(maker):
    sealed = cookies.seal_macs(INITIATION, KEY, cookie_from(maker, HERE, 1.0))
    assert maker.has_valid_mac2(sealed, HERE, 1.0 + COOKIE_SECRET_MAX_AGE - 0.001)
    assert not maker.has_valid_mac2(sealed, HERE, 1.0 + COOKIE_SECRET_MAX_AGE)
    anew = cookie_from(maker, HERE, 1.0 + COOKIE_SECRET_MAX_AGE)
    sealed = cookies.seal_macs(INITIATION, KEY, anew)
    assert maker.has_valid_mac2(sealed, HERE, 1.0 + 2 * COOKIE_SECRET_MAX_AGE - 0.001)


def test_a_wiped_maker_honours_nothing_it_gave(maker):
    sealed = cookies.seal_macs(INITIATION, KEY, cookie_from(maker, HERE, 1.0))
    secret = maker._secret
    maker.wipe()
    assert secret == bytes(32)
    assert not maker.has_valid_mac2(sealed, HERE, 1.0)


def test_a_wiped_maker_does_not_go_on_with_a_secret_of_zeros(maker):
    cookie_from(maker, HERE, 1.0)
    maker.wipe()
    guessed = mac(bytes(32), HERE.host, HERE.port.to_bytes(2))
    assert not maker.has_valid_mac2(cookies.seal_macs(INITIATION, KEY, guessed), HERE, 1.0)


def test_before_any_cookie_was_given_none_is_valid(maker):
    assert not maker.has_valid_mac2(INITIATION, HERE, 1.0)
    forged = cookies.seal_macs(INITIATION, KEY, bytes(16))
    assert not maker.has_valid_mac2(forged, HERE, 1.0)


class TestJar:
    @pytest.fixture
    def jar(self) -> CookieJar:
        return CookieJar(OURS)

    @pytest.fixture
    def reply(self, maker: CookieMaker) -> CookieReply:
        return CookieReply.decode_untrusted(maker.reply(INITIATION, HERE, 1.0))

    def test_is_empty_at_first(self, jar):
        assert jar.cookie(1.0) is None

    def test_takes_no_reply_before_anything_was_sent(self, jar, reply):
        with pytest.raises(HandshakeRejected) as rejected:
            jar.consume_reply(reply, 1.0)
        assert rejected.value.why is Rejection.NOT_AWAITED
        assert jar.cookie(1.0) is None

    def test_takes_one_reply_for_each_mac1_sent(self, jar, maker, reply):
        jar.remember(cookies.mac1_of(INITIATION))
        jar.consume_reply(reply, 1.0)
        again = CookieReply.decode_untrusted(maker.reply(INITIATION, HERE, 200.0))
        with pytest.raises(HandshakeRejected) as rejected:
            jar.consume_reply(again, 2.0)
        assert rejected.value.why is Rejection.NOT_AWAITED
        first = jar.cookie(2.0)
        jar.remember(cookies.mac1_of(INITIATION))
        jar.consume_reply(again, 2.0)
        assert jar.cookie(2.0) not in (None, first)

    def test_a_forged_reply_changes_nothing_and_the_true_one_still_counts(self, jar, reply):
        jar.remember(cookies.mac1_of(INITIATION))
        forged = replace(reply, cookie=bytes(32))
        with pytest.raises(HandshakeRejected) as rejected:
            jar.consume_reply(forged, 1.0)
        assert rejected.value.why is Rejection.BAD_COOKIE
        assert jar.cookie(1.0) is None
        jar.consume_reply(reply, 1.0)
        assert jar.cookie(1.0) is not None

    def test_a_reply_to_an_earlier_message_is_refused(self, jar, reply):
        jar.remember(cookies.mac1_of(INITIATION))
        jar.remember(cookies.mac1_of(RESPONSE))
        with pytest.raises(HandshakeRejected):
            jar.consume_reply(reply, 1.0)

    def test_a_reply_of_another_peer_is_refused(self, reply):
        jar = CookieJar(bytes(32))
        jar.remember(cookies.mac1_of(INITIATION))
        with pytest.raises(HandshakeRejected):
            jar.consume_reply(reply, 1.0)

    def test_a_cookie_is_used_for_a_little_less_than_its_maker_honours_it(self, jar, reply):
        jar.remember(cookies.mac1_of(INITIATION))
        jar.consume_reply(reply, 1.0)
        usable = COOKIE_SECRET_MAX_AGE - COOKIE_LATENCY
        assert jar.cookie(1.0 + usable - 0.001) is not None
        assert jar.cookie(1.0 + usable) is None

    def test_neither_shows_what_it_holds(self, jar, maker, reply):
        jar.remember(cookies.mac1_of(INITIATION))
        jar.consume_reply(reply, 1.0)
        cookie = jar.cookie(1.0)
        assert cookie is not None
        for shown in (repr(jar), str(jar), repr(maker), str(maker)):
            assert "hidden" in shown
            assert cookie.hex() not in shown
            assert repr(cookie) not in shown
