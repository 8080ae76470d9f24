"""The configuration file of ``wg``: its grammar, and the text of ``showconf``.

From ``#`` to the end of a line is comment, white space means nothing, case only in values.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from wiresnake.config import fields
from wiresnake.config.fields import InvalidField, Resolve, Unresolved, Warn, numeric_only
from wiresnake.config.model import Change, InterfaceConfig, PeerChange, PeerConfig
from wiresnake.config.reply import Report, ReportedPeer
from wiresnake.values.keys import InvalidKey, PresharedKey, PrivateKey, PublicKey

__all__ = ["IniError", "Unresolved", "format_config", "numeric_only", "parse", "replacing"]

_BLANKS: Final = str.maketrans("", "", " \t\n\v\f\r")


class IniError(ValueError):
    """The text is no configuration. ``lines`` are for people, the cause first."""

    def __init__(self, *lines: str) -> None:
        super().__init__(": ".join(lines))
        self.lines = lines


def parse(text: str, *, resolve: Resolve = numeric_only, warn: Warn = lambda _: None) -> Change:
    """Read a configuration as ``addconf`` does: what it names is set, the rest stays.

    Each peer's allowed IPs are replaced. ``resolve`` is asked for names of hosts and services and
    everything else that is not a numeric address. ``warn`` is given one line for each thing that
    is odd but has a meaning. Raises IniError at the first error.
    """
    return _Reader(resolve, warn).read(text)


def replacing(change: Change) -> Change:
    """Return what ``setconf`` makes of a file: all that the file does not name goes."""
    return replace(
        change,
        private_key=change.private_key or PrivateKey(bytes(32)),
        listen_port=change.listen_port or 0,
        fwmark=change.fwmark or 0,
        replace_peers=True,
    )


def format_config(config: InterfaceConfig | Report) -> str:
    """Return the text of ``showconf``, which `parse` reads back. It holds the secrets."""
    peers = config.peers if isinstance(config, Report) else config.peers.values()
    blocks = ["\n".join(_peer_lines(peer)) + "\n" for peer in peers]
    return "\n".join([*_interface_lines(config), "", "\n".join(blocks)])


def _interface_lines(config: InterfaceConfig | Report) -> list[str]:
    lines = ["[Interface]"]
    if config.listen_port:
        lines.append(f"ListenPort = {config.listen_port}")
    if config.fwmark:
        lines.append(f"FwMark = 0x{config.fwmark:x}")
    if config.private_key is not None:
        lines.append(f"PrivateKey = {config.private_key.to_base64()}")
    return lines


def _peer_lines(peer: PeerConfig | ReportedPeer) -> list[str]:
    lines = ["[Peer]", f"PublicKey = {peer.public_key}"]
    if peer.preshared_key is not None:
        lines.append(f"PresharedKey = {peer.preshared_key.to_base64()}")
    if peer.allowed_ips:
        lines.append(f"AllowedIPs = {', '.join(map(str, peer.allowed_ips))}")
    if peer.endpoint:
        lines.append(f"Endpoint = {peer.endpoint}")
    if peer.persistent_keepalive:
        lines.append(f"PersistentKeepalive = {peer.persistent_keepalive}")
    return lines


class _Reader:
    def __init__(self, resolve: Resolve, warn: Warn) -> None:
        self.resolve = resolve
        self.warn = warn
        self.change = Change()
        # A peer's lines come in any order, so its key may be the last.
        self.public_key: PublicKey | None = None
        self.peer: PeerChange | None = None
        self.nameless = False

    def read(self, text: str) -> Change:
        keys: Mapping[str, Callable[[_Reader, str], None]] = {}
        for raw in text.split("\n"):
            line = raw.partition("#")[0].translate(_BLANKS)
            if not line:
                continue
            if line.lower() == "[interface]":
                self._end_peer()
                keys = _INTERFACE_KEYS
            elif line.lower() == "[peer]":
                self._end_peer()
                self.peer = PeerChange(_NOBODY, replace_allowed_ips=True)
                keys = _PEER_KEYS
            else:
                self._read_line(line, keys)
        self._end_peer()
        if self.nameless:
            raise IniError("A peer is missing a public key", "Invalid configuration")
        return self.change

    def _read_line(self, line: str, keys: Mapping[str, Callable[["_Reader", str], None]]) -> None:
        key, equals, value = line.partition("=")
        read = keys.get(key.lower())
        if read is None or not equals or (not value and read is not _allowed_ips):
            why = f"Line unrecognized: `{fields.without_secrets(line)}'"
            raise IniError(why, "Configuration parsing error")
        try:
            read(self, value)
        except InvalidField as bad:
            raise IniError(str(bad), "Configuration parsing error") from None

    def _end_peer(self) -> None:
        if self.peer is None:
            return
        if self.public_key is None:
            self.nameless = True
        else:
            self.change.peers.append(replace(self.peer, public_key=self.public_key))
        self.peer = self.public_key = None


_NOBODY: Final = PublicKey(bytes(32))


def _private_key(reader: _Reader, value: str) -> None:
    try:
        reader.change.private_key = PrivateKey.from_base64(value).clamped()
    except InvalidKey as bad:
        raise InvalidField(str(bad)) from None


def _listen_port(reader: _Reader, value: str) -> None:
    reader.change.listen_port = fields.read_port(value, reader.resolve)


def _fwmark(reader: _Reader, value: str) -> None:
    reader.change.fwmark = fields.read_fwmark(value)


def _public_key(reader: _Reader, value: str) -> None:
    reader.public_key = fields.read_public_key(value)


def _preshared_key(reader: _Reader, value: str) -> None:
    try:
        _peer(reader).preshared_key = PresharedKey.from_base64(value)
    except InvalidKey as bad:
        raise InvalidField(str(bad)) from None


def _endpoint(reader: _Reader, value: str) -> None:
    _peer(reader).endpoint = fields.read_endpoint(value, reader.resolve)


def _keepalive(reader: _Reader, value: str) -> None:
    _peer(reader).persistent_keepalive = fields.read_keepalive(value)


def _allowed_ips(reader: _Reader, value: str) -> None:
    peer = _peer(reader)
    changes, signed = fields.read_allowed_ips(value, reader.warn)
    peer.allowed_ips += changes
    if signed:
        peer.replace_allowed_ips = False


_INTERFACE_KEYS: Final[Mapping[str, Callable[[_Reader, str], None]]] = {
    "listenport": _listen_port,
    "fwmark": _fwmark,
    "privatekey": _private_key,
}
_PEER_KEYS: Final[Mapping[str, Callable[[_Reader, str], None]]] = {
    "publickey": _public_key,
    "presharedkey": _preshared_key,
    "allowedips": _allowed_ips,
    "endpoint": _endpoint,
    "persistentkeepalive": _keepalive,
}


def _peer(reader: _Reader) -> PeerChange:
    assert reader.peer is not None, "the keys of a peer are read inside [Peer] alone"
    return reader.peer
