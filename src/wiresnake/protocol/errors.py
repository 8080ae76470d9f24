"""What can be wrong with what came from the network, and how it is counted."""

from enum import Enum, auto


class Rejection(Enum):
    """Why a handshake message was refused; one counter each, none leaves this host."""

    NO_PRIVATE_KEY = auto()  # the interface has no identity to answer with
    LOW_ORDER = auto()  # a Diffie-Hellman result of all zeros
    BAD_STATIC = auto()  # the initiator's static key did not open
    UNKNOWN_PEER = auto()  # it opened, and belongs to nobody we know
    BAD_TIMESTAMP = auto()  # the timestamp did not open
    REPLAYED = auto()  # the timestamp is not greater than the greatest seen
    TOO_SOON = auto()  # less than 1/50 s after the last accepted initiation
    NOT_AWAITED = auto()  # an index for which no handshake, or no cookie, is awaited
    BAD_CONFIRMATION = auto()  # the empty payload of a response did not open
    BAD_COOKIE = auto()  # the cookie of a cookie reply did not open


class ProtocolError(Exception):
    """A datagram cannot be used. Drop it and stay silent."""


class MalformedDatagram(ProtocolError):
    """Not a WireGuard message: wrong length, unknown type or reserved bytes that are not zero."""


class AuthenticationFailed(ProtocolError):
    """Sealed bytes did not open under this key, counter and additional data."""

    def __init__(self) -> None:
        super().__init__("authentication failed")


class HandshakeRejected(ProtocolError):
    """A handshake message failed a check; nothing was changed. Drop it and stay silent."""

    def __init__(self, why: Rejection) -> None:
        super().__init__(why.name.lower().replace("_", " "))
        self.why = why
