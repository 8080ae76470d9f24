"""The configuration file of ``wg``: its grammar, and the text of ``showconf``.

From ``#`` to the end of a line is comment, white space means nothing, case only in values. The
words of errors are upstream's, for scripts and people that know them, except that no secret is in
them.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from wiresnake.config.model import AllowedIpChange, Change, InterfaceConfig, PeerChange, PeerConfig
from wiresnake.values.addresses import Endpoint, InvalidAddress, Prefix, pack_address
from wiresnake.values.keys import InvalidKey, PresharedKey, PrivateKey, PublicKey

Resolve = Callable[[str, str], Endpoint]
"""Looks up host and service; a host of "" asks for the port alone. Raises Unresolved."""
Warn = Callable[[str], None]

_BLANKS: Final = str.maketrans("", "", " \t\n\v\f\r")
_KEY_LIKE: Final = re.compile(r"[A-Za-z0-9+/]{20,}={0,2}")
"""Longer than any word of the grammar: what may be a key, or much of one."""
_NO_SERVICE: Final = "Servname not supported for ai_socktype"


class IniError(ValueError):
    """The text is no configuration. ``lines`` are for people, the cause first."""

    def __init__(self, *lines: str) -> None:
        super().__init__(": ".join(lines))
        self.lines = lines


class Unresolved(ValueError):
    """A host or service has no address; the message says why, without naming it."""


def numeric_only(host: str, _service: str) -> Endpoint:
    """Look nothing up: names of hosts and services are errors. Raises Unresolved."""
    raise Unresolved("Name or service not known" if host else _NO_SERVICE)


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


def format_config(config: InterfaceConfig) -> str:
    """Return the text of ``showconf``, which `parse` reads back. It holds the secrets."""
    peers = ["\n".join(_peer_lines(peer)) + "\n" for peer in config.peers.values()]
    return "\n".join([*_interface_lines(config), "", "\n".join(peers)])


def _interface_lines(config: InterfaceConfig) -> list[str]:
    lines = ["[Interface]"]
    if config.listen_port:
        lines.append(f"ListenPort = {config.listen_port}")
    if config.fwmark:
        lines.append(f"FwMark = 0x{config.fwmark:x}")
    if config.private_key is not None:
        lines.append(f"PrivateKey = {config.private_key.to_base64()}")
    return lines


def _peer_lines(peer: PeerConfig) -> list[str]:
    lines = ["[Peer]", f"PublicKey = {peer.public_key}"]
    if peer.preshared_key is not None:
        lines.append(f"PresharedKey = {peer.preshared_key.to_base64()}")
    if peer.allowed_ips:
        lines.append(f"AllowedIPs = {', '.join(map(str, peer.allowed_ips))}")
    if peer.endpoint is not None:
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
            why = f"Line unrecognized: `{_without_secrets(line)}'"
            raise IniError(why, "Configuration parsing error")
        try:
            read(self, value)
        except IniError as bad:
            raise IniError(*bad.lines, "Configuration parsing error") from None

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
        raise IniError(str(bad)) from None


def _listen_port(reader: _Reader, value: str) -> None:
    if value.isascii() and value.isdigit() and len(value) < 20 and int(value) <= 0xFFFF:
        reader.change.listen_port = int(value)
    else:
        reader.change.listen_port = _resolved(reader, "", value, value).port


def _fwmark(reader: _Reader, value: str) -> None:
    mark = _number(value[2:], 16) if value.startswith("0x") else _number_or_off(value)
    if mark is None or mark > 0xFFFF_FFFF:
        raise IniError(f"Fwmark is neither 0/off nor 0-0xffffffff: `{_without_secrets(value)}'")
    reader.change.fwmark = mark


def _public_key(reader: _Reader, value: str) -> None:
    try:
        reader.public_key = PublicKey.from_base64(value)
    except InvalidKey as bad:
        # It could be the private key, in the wrong place and cut short.
        raise IniError(f"{bad}: `{_without_secrets(value)}'") from None


def _preshared_key(reader: _Reader, value: str) -> None:
    try:
        _peer(reader).preshared_key = PresharedKey.from_base64(value)
    except InvalidKey as bad:
        raise IniError(str(bad)) from None


def _endpoint(reader: _Reader, value: str) -> None:
    shown = _without_secrets(value)
    if value.startswith("["):
        host, brace, port = value[1:].partition("]")
        if not brace:
            raise IniError(f"Unable to find matching brace of endpoint: `{shown}'")
        colon, port = port[:1], port[1:]
    else:
        host, colon, port = value.rpartition(":")
    if colon != ":" or not port:
        raise IniError(f"Unable to find port of endpoint: `{shown}'")
    if not host:
        raise IniError(f"Name or service not known: `{shown}'")
    bracketed = f"[{host}]" if ":" in host else host
    try:
        _peer(reader).endpoint = Endpoint.parse(f"{bracketed}:{port}")
    except InvalidAddress:
        _peer(reader).endpoint = _resolved(reader, host, port, value)


def _keepalive(reader: _Reader, value: str) -> None:
    seconds = _number_or_off(value)
    if seconds is None or seconds > 0xFFFF:
        why = "Persistent keepalive interval is neither 0/off nor 1-65535"
        raise IniError(f"{why}: `{_without_secrets(value)}'")
    _peer(reader).persistent_keepalive = seconds


def _allowed_ips(reader: _Reader, value: str) -> None:
    peer = _peer(reader)
    for item in value.split(",") if value else []:
        if item[:1] in {"+", "-"}:
            peer.replace_allowed_ips = False
            prefix = _prefix(item[1:], reader.warn)
        else:
            prefix = _prefix(item, reader.warn)
        peer.allowed_ips.append(AllowedIpChange(prefix, remove=item.startswith("-")))


def _prefix(text: str, warn: Warn) -> Prefix:
    shown = _without_secrets(text)
    address, slash, length = text.partition("/")
    try:
        packed = pack_address(address)
    except InvalidAddress:
        raise IniError(f"Unable to parse IP address: `{_without_secrets(address)}'") from None
    bits = _number(length, 10) if slash else len(packed) * 8
    if bits is None or bits > len(packed) * 8:
        raise IniError(f"AllowedIP is not in the correct format: `{shown}'")
    prefix = Prefix.of(packed, bits)
    if prefix.network != packed:
        warn(f"Warning: AllowedIP has nonzero host part: {text}")
    return prefix


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


def _resolved(reader: _Reader, host: str, service: str, value: str) -> Endpoint:
    try:
        return reader.resolve(host, service)
    except Unresolved as why:
        raise IniError(f"{why}: `{_without_secrets(value)}'") from None


def _number_or_off(value: str) -> int | None:
    return 0 if value.lower() == "off" else _number(value, 10)


def _number(digits: str, base: int) -> int | None:
    if not re.fullmatch(r"[0-9a-fA-F]{1,20}" if base == 16 else r"[0-9]{1,20}", digits):
        return None
    return int(digits, base)


def _without_secrets(text: str) -> str:
    key, _, value = text.partition("=")
    if value and key.lower() in {"privatekey", "presharedkey"}:
        return f"{key}=(hidden)"
    return _KEY_LIKE.sub("(hidden)", text)
