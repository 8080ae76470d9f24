from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiresnake.protocol.errors import MalformedDatagram
from wiresnake.protocol.messages import (
    COOKIE_REPLY_SIZE,
    INITIATION_SIZE,
    RESPONSE_SIZE,
    TRANSPORT_HEADER,
    TRANSPORT_OVERHEAD,
    CookieReply,
    Initiation,
    MessageType,
    Response,
    decode_handshake_untrusted,
    message_type_untrusted,
    sender_index,
)

INDEX = st.integers(0, 2**32 - 1)


def sized(size: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=size, max_size=size)


INITIATIONS = st.builds(
    Initiation, INDEX, sized(32), sized(48), sized(28), mac1=sized(16), mac2=sized(16)
)
RESPONSES = st.builds(Response, INDEX, INDEX, sized(32), sized(16), mac1=sized(16), mac2=sized(16))
COOKIE_REPLIES = st.builds(CookieReply, INDEX, sized(24), sized(32))
MESSAGES = st.one_of(INITIATIONS, RESPONSES, COOKIE_REPLIES)
KINDS = [
    pytest.param(Initiation, MessageType.INITIATION, INITIATION_SIZE, id="initiation"),
    pytest.param(Response, MessageType.RESPONSE, RESPONSE_SIZE, id="response"),
    pytest.param(CookieReply, MessageType.COOKIE_REPLY, COOKIE_REPLY_SIZE, id="cookie-reply"),
]


def datagram_of(number: int, size: int) -> bytes:
    return number.to_bytes(4, "little") + bytes(size - 4)


def test_recorded_messages_decode_to_their_fields(recorded):
    initiation = Initiation.decode_untrusted(recorded.initiation)
    assert initiation.sender == recorded.initiator_index
    assert initiation.ephemeral == recorded.initiator_ephemeral.public.raw
    assert initiation.mac1 == recorded.initiation[116:132]
    assert initiation.mac2 == bytes(16)
    response = Response.decode_untrusted(recorded.response)
    assert response.sender == recorded.responder_index
    assert response.receiver == recorded.initiator_index
    assert response.ephemeral == recorded.responder_ephemeral.public.raw
    reply = CookieReply.decode_untrusted(recorded.cookie_reply)
    assert reply.receiver == recorded.initiator_index
    assert reply.nonce == recorded.cookie_nonce


@given(message=MESSAGES)
def test_what_is_encoded_decodes_to_the_same(message):
    datagram = message.encode()
    assert type(message).decode_untrusted(datagram) == message
    assert type(message).decode_untrusted(memoryview(datagram)) == message
    assert decode_handshake_untrusted(datagram) == message


def test_macs_are_zero_until_they_are_sealed():
    message = Initiation(1, bytes(32), bytes(48), bytes(28))
    assert message.encode()[-32:] == bytes(32)
    assert replace(message, mac2=b"\xff" * 16).encode()[-32:] == bytes(16) + b"\xff" * 16


@pytest.mark.parametrize(("kind", "number", "size"), KINDS)
def test_sizes_are_exact(kind, number, size):
    assert kind.LAYOUT.size == size
    assert isinstance(kind.decode_untrusted(datagram_of(number, size)), kind)
    assert message_type_untrusted(datagram_of(number, size)) is number
    for wrong in (*range(4, 200), 1500, 65535):
        if wrong == size:
            continue
        with pytest.raises(MalformedDatagram):
            kind.decode_untrusted(datagram_of(number, wrong))
        with pytest.raises(MalformedDatagram):
            message_type_untrusted(datagram_of(number, wrong))


@pytest.mark.parametrize(("kind", "number", "size"), KINDS)
def test_type_and_reserved_bytes_are_checked(kind, number, size):
    for wrong in range(256):
        if wrong != number:
            with pytest.raises(MalformedDatagram):
                kind.decode_untrusted(datagram_of(wrong, size))
    for reserved in (1, 2, 3):
        datagram = bytearray(datagram_of(number, size))
        datagram[reserved] = 1
        with pytest.raises(MalformedDatagram):
            kind.decode_untrusted(datagram)
        with pytest.raises(MalformedDatagram):
            message_type_untrusted(datagram)


@pytest.mark.parametrize("size", range(4))
def test_less_than_a_type_is_malformed(size):
    with pytest.raises(MalformedDatagram):
        message_type_untrusted(bytes([4, 0, 0, 0][:size]))
    with pytest.raises(MalformedDatagram):
        Initiation.decode_untrusted(bytes([1, 0, 0, 0][:size]))


def test_transport_has_any_size_from_a_keepalive_on():
    for size in (TRANSPORT_OVERHEAD, 33, 64, 92, 148, 1452, 65535):
        assert message_type_untrusted(datagram_of(4, size)) is MessageType.TRANSPORT
    for size in (4, 16, TRANSPORT_OVERHEAD - 1):
        with pytest.raises(MalformedDatagram):
            message_type_untrusted(datagram_of(4, size))
    for reserved in (1, 2, 3):
        datagram = bytearray(datagram_of(4, 64))
        datagram[reserved] = 128
        with pytest.raises(MalformedDatagram):
            message_type_untrusted(datagram)


def test_transport_is_no_handshake():
    with pytest.raises(MalformedDatagram):
        decode_handshake_untrusted(datagram_of(4, 32))


def test_transport_header_of_recorded_packets(recorded):
    for transport in recorded.transport:
        number, receiver, counter = TRANSPORT_HEADER.unpack_from(transport.packet)
        assert number == MessageType.TRANSPORT
        expected = (
            recorded.responder_index if transport.from_initiator else recorded.initiator_index
        )
        assert (receiver, counter) == (expected, transport.counter)
        assert len(transport.packet) == len(transport.plaintext) + TRANSPORT_OVERHEAD


@given(message=st.one_of(INITIATIONS, RESPONSES))
def test_sender_index_is_read_from_the_bytes(message):
    assert sender_index(message.encode()) == message.sender


@given(junk=st.one_of(st.binary(max_size=200), sized(148), sized(92), sized(64)), number=INDEX)
def test_junk_is_malformed_or_decodes_whole(junk, number):
    datagram = (number % 6).to_bytes(4, "little") + junk[4:]
    try:
        message = decode_handshake_untrusted(datagram)
    except MalformedDatagram:
        return
    assert message.encode() == datagram
