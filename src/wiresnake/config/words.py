"""The words after ``wg set INTERFACE``: one change, in the order in which it is said."""

from collections.abc import Callable, Sequence
from typing import Final

from wiresnake.config import fields
from wiresnake.config.fields import InvalidField, Resolve, Warn
from wiresnake.config.model import Change, PeerChange
from wiresnake.values.keys import PresharedKey, PrivateKey

ReadKey = Callable[[str], bytes]
"""Returns the 32 bytes in the key file of that name; zeros for an empty one. Raises InvalidField.
"""


def parse(words: Sequence[str], *, read_key: ReadKey, resolve: Resolve, warn: Warn) -> Change:
    """Read the words up to the first error.

    What is said before the first ``peer`` is of the interface, what comes after of the last peer
    named. Raises InvalidField.
    """
    reader = _Reader(read_key, resolve, warn)
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "remove" and reader.peer is not None:
            reader.peer.remove = True
            continue
        read = (_INTERFACE_WORDS if reader.peer is None else _PEER_WORDS).get(word)
        if read is None or not rest:
            raise InvalidField(f"Invalid argument: {fields.without_secrets(word)}")
        read(reader, rest.pop(0))
    return reader.change


class _Reader:
    def __init__(self, read_key: ReadKey, resolve: Resolve, warn: Warn) -> None:
        self.read_key = read_key
        self.resolve = resolve
        self.warn = warn
        self.change = Change()
        self.peer: PeerChange | None = None
        self.signed = False


def _listen_port(reader: _Reader, value: str) -> None:
    reader.change.listen_port = fields.read_port(value, reader.resolve)


def _fwmark(reader: _Reader, value: str) -> None:
    reader.change.fwmark = fields.read_fwmark(value)


def _private_key(reader: _Reader, value: str) -> None:
    reader.change.private_key = PrivateKey(reader.read_key(value)).clamped()


def _peer(reader: _Reader, value: str) -> None:
    reader.peer = PeerChange(fields.read_public_key(value))
    reader.signed = False
    reader.change.peers.append(reader.peer)


def _preshared_key(reader: _Reader, value: str) -> None:
    _last(reader).preshared_key = PresharedKey(reader.read_key(value))


def _endpoint(reader: _Reader, value: str) -> None:
    _last(reader).endpoint = fields.read_endpoint(value, reader.resolve)


def _keepalive(reader: _Reader, value: str) -> None:
    _last(reader).persistent_keepalive = fields.read_keepalive(value)


def _allowed_ips(reader: _Reader, value: str) -> None:
    peer = _last(reader)
    changes, signed = fields.read_allowed_ips("".join(value.split()), reader.warn)
    peer.allowed_ips += changes
    reader.signed = reader.signed or signed
    peer.replace_allowed_ips = not reader.signed


def _last(reader: _Reader) -> PeerChange:
    assert reader.peer is not None, "these words are looked for after a peer alone"
    return reader.peer


_Read = Callable[[_Reader, str], None]
_INTERFACE_WORDS: Final[dict[str, _Read]] = {
    "listen-port": _listen_port,
    "fwmark": _fwmark,
    "private-key": _private_key,
    "peer": _peer,
}
_PEER_WORDS: Final[dict[str, _Read]] = {
    "peer": _peer,
    "preshared-key": _preshared_key,
    "endpoint": _endpoint,
    "persistent-keepalive": _keepalive,
    "allowed-ips": _allowed_ips,
}
