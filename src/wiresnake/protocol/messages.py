"""The four messages on the wire (paper 5.4). All integers are little-endian.

The type is one byte and three reserved zero bytes, read here as one 32-bit number, so that an
unknown type and a reserved byte that is not zero fail the same check.
"""

from dataclasses import dataclass
from enum import IntEnum
from struct import Struct
from typing import ClassVar, Final, Self, TypeAlias

from wiresnake.door.commands import SessionIndex
from wiresnake.protocol.errors import MalformedDatagram
from wiresnake.protocol.primitives import MAC_SIZE, TAG_SIZE, Bytes


class MessageType(IntEnum):
    """The first four bytes of a message."""

    INITIATION = 1
    RESPONSE = 2
    COOKIE_REPLY = 3
    TRANSPORT = 4


INITIATION_SIZE: Final = 148
RESPONSE_SIZE: Final = 92
COOKIE_REPLY_SIZE: Final = 64
MACS_SIZE: Final = 2 * MAC_SIZE
"""mac1 and mac2, at the end of an initiation and of a response."""

TRANSPORT_HEADER: Final = Struct("<IIQ")
"""Type, the receiver's index, the counter; the sealed packet follows (paper 5.4.6)."""
TRANSPORT_HEADER_SIZE: Final = TRANSPORT_HEADER.size
TRANSPORT_OVERHEAD: Final = TRANSPORT_HEADER_SIZE + TAG_SIZE
"""What a transport message adds to its packet; alone, it is a keepalive of 32 bytes."""

NO_MAC: Final = bytes(MAC_SIZE)
_TYPE: Final = Struct("<I")
_SENDER: Final = Struct("<4xI")


@dataclass(frozen=True, slots=True)
class Initiation:
    """First handshake message, initiator to responder: 148 bytes (paper 5.4.2).

        0       4        8           40       88          116    132    148
        | 1 000 | sender | ephemeral | static | timestamp | mac1 | mac2 |

    ``static`` and ``timestamp`` are sealed, so each carries a 16-byte tag.
    """

    LAYOUT: ClassVar[Struct] = Struct("<II32s48s28s16s16s")

    sender: SessionIndex
    ephemeral: bytes
    static: bytes
    timestamp: bytes
    mac1: bytes = NO_MAC
    mac2: bytes = NO_MAC

    def encode(self) -> bytes:
        """Return the 148 bytes, macs as they stand; `cookies.seal_macs` fills them in."""
        return self.LAYOUT.pack(
            MessageType.INITIATION,
            self.sender,
            self.ephemeral,
            self.static,
            self.timestamp,
            self.mac1,
            self.mac2,
        )

    @classmethod
    def decode_untrusted(cls, datagram: Bytes) -> Self:
        """Read 148 bytes; nothing in them is authentic yet. Raises MalformedDatagram."""
        _check_untrusted(datagram, MessageType.INITIATION, INITIATION_SIZE)
        _, *fields = cls.LAYOUT.unpack(datagram)
        return cls(*fields)


@dataclass(frozen=True, slots=True)
class Response:
    """Second handshake message, responder to initiator: 92 bytes (paper 5.4.3).

        0       4        8          12          44      60     76     92
        | 2 000 | sender | receiver | ephemeral | empty | mac1 | mac2 |

    ``empty`` is nothing, sealed: a 16-byte tag.
    """

    LAYOUT: ClassVar[Struct] = Struct("<III32s16s16s16s")

    sender: SessionIndex
    receiver: SessionIndex
    ephemeral: bytes
    empty: bytes
    mac1: bytes = NO_MAC
    mac2: bytes = NO_MAC

    def encode(self) -> bytes:
        """Return the 92 bytes, macs as they stand; `cookies.seal_macs` fills them in."""
        return self.LAYOUT.pack(
            MessageType.RESPONSE,
            self.sender,
            self.receiver,
            self.ephemeral,
            self.empty,
            self.mac1,
            self.mac2,
        )

    @classmethod
    def decode_untrusted(cls, datagram: Bytes) -> Self:
        """Read 92 bytes; nothing in them is authentic yet. Raises MalformedDatagram."""
        _check_untrusted(datagram, MessageType.RESPONSE, RESPONSE_SIZE)
        _, *fields = cls.LAYOUT.unpack(datagram)
        return cls(*fields)


@dataclass(frozen=True, slots=True)
class CookieReply:
    """Answer of an end under load, instead of a handshake: 64 bytes (paper 5.4.7).

        0       4          8       32       64
        | 3 000 | receiver | nonce | cookie |

    ``receiver`` is the sender index of the message it answers; ``cookie`` is sealed.
    """

    LAYOUT: ClassVar[Struct] = Struct("<II24s32s")

    receiver: SessionIndex
    nonce: bytes
    cookie: bytes

    def encode(self) -> bytes:
        """Return the 64 bytes."""
        return self.LAYOUT.pack(MessageType.COOKIE_REPLY, self.receiver, self.nonce, self.cookie)

    @classmethod
    def decode_untrusted(cls, datagram: Bytes) -> Self:
        """Read 64 bytes; nothing in them is authentic yet. Raises MalformedDatagram."""
        _check_untrusted(datagram, MessageType.COOKIE_REPLY, COOKIE_REPLY_SIZE)
        _, *fields = cls.LAYOUT.unpack(datagram)
        return cls(*fields)


HandshakeMessage: TypeAlias = Initiation | Response | CookieReply

_SIZES: Final = {
    MessageType.INITIATION: INITIATION_SIZE,
    MessageType.RESPONSE: RESPONSE_SIZE,
    MessageType.COOKIE_REPLY: COOKIE_REPLY_SIZE,
}


def message_type_untrusted(datagram: Bytes) -> MessageType:
    """Return the type that the first four bytes and the length agree on.

    Types 1 to 3 have one length each; type 4 has any of at least 32 bytes. Raises
    MalformedDatagram.
    """
    size = len(datagram)
    if size < TRANSPORT_OVERHEAD:
        raise MalformedDatagram(f"{size} bytes")
    (number,) = _TYPE.unpack_from(datagram)
    if number == MessageType.TRANSPORT:
        return MessageType.TRANSPORT
    if size != _SIZES.get(number):
        raise MalformedDatagram(f"{size} bytes of type {number:#x}")
    return MessageType(number)


def decode_handshake_untrusted(datagram: Bytes) -> HandshakeMessage:
    """Read a message of type 1, 2 or 3, whichever it is. Raises MalformedDatagram."""
    match message_type_untrusted(datagram):
        case MessageType.INITIATION:
            return Initiation.decode_untrusted(datagram)
        case MessageType.RESPONSE:
            return Response.decode_untrusted(datagram)
        case MessageType.COOKIE_REPLY:
            return CookieReply.decode_untrusted(datagram)
        case _:
            raise MalformedDatagram("a transport message among handshakes")


def sender_index(message: Bytes) -> SessionIndex:
    """Return the sender index of an encoded initiation or response, whose size was checked."""
    index: SessionIndex = _SENDER.unpack_from(message)[0]
    return index


def _check_untrusted(datagram: Bytes, expected: MessageType, size: int) -> None:
    if len(datagram) != size or _TYPE.unpack_from(datagram)[0] != expected:
        raise MalformedDatagram(f"{len(datagram)} bytes are not an {expected.name.lower()}")
