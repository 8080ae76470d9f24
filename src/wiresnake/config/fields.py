"""The values of a configuration as people write them, in a file and after ``wg set``.

The words of errors are upstream's, for scripts and people that know them, except that no secret is
in them.
"""

import re
from collections.abc import Callable
from typing import Final

from wiresnake.config.model import AllowedIpChange
from wiresnake.values.addresses import Endpoint, InvalidAddress, Prefix, pack_address
from wiresnake.values.keys import InvalidKey, PublicKey

Resolve = Callable[[str, str], Endpoint]
"""Looks up host and service; a host of "" asks for the port alone. Raises Unresolved."""
Warn = Callable[[str], None]
"""Is given one line for each thing that is odd but has a meaning."""

_KEY_LIKE: Final = re.compile(r"[A-Za-z0-9+/]{20,}={0,2}")
"""Longer than any word of the grammar: what may be a key, or much of one."""
_NO_SERVICE: Final = "Servname not supported for ai_socktype"


class InvalidField(ValueError):
    """The text is no such value; the message is one line for people, without secrets."""


class Unresolved(ValueError):
    """A host or service has no address; the message says why, without naming it."""


def numeric_only(host: str, _service: str) -> Endpoint:
    """Look nothing up: names of hosts and services are errors. Raises Unresolved."""
    raise Unresolved("Name or service not known" if host else _NO_SERVICE)


def read_public_key(text: str) -> PublicKey:
    """Read 44 characters. Raises InvalidField."""
    try:
        return PublicKey.from_base64(text)
    except InvalidKey as bad:
        # It could be the private key, in the wrong place and cut short.
        raise InvalidField(f"{bad}: `{without_secrets(text)}'") from None


def read_port(text: str, resolve: Resolve) -> int:
    """Read a number, or ask ``resolve`` for a service. Raises InvalidField."""
    if not text:
        raise InvalidField("Unable to parse empty port")
    if text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= 0xFFFF:
        return int(text)
    return _resolved(resolve, "", text, text).port


def read_fwmark(text: str) -> int:
    """Read ``off``, a decimal number, or a hexadecimal one after ``0x``. Raises InvalidField."""
    mark = _number(text[2:], 16) if text.startswith("0x") else _number_or_off(text)
    if mark is None or mark > 0xFFFF_FFFF:
        raise InvalidField(f"Fwmark is neither 0/off nor 0-0xffffffff: `{without_secrets(text)}'")
    return mark


def read_keepalive(text: str) -> int:
    """Read ``off`` or seconds. Raises InvalidField."""
    seconds = _number_or_off(text)
    if seconds is None or seconds > 0xFFFF:
        why = "Persistent keepalive interval is neither 0/off nor 1-65535"
        raise InvalidField(f"{why}: `{without_secrets(text)}'")
    return seconds


def read_endpoint(text: str, resolve: Resolve) -> Endpoint:
    """Read ``host:port``, split at the last colon, or ``[v6]:port``.

    ``resolve`` is asked for everything that is not numeric. Raises InvalidField.
    """
    shown = without_secrets(text)
    if not text:
        raise InvalidField("Unable to parse empty endpoint")
    if text.startswith("["):
        host, brace, port = text[1:].partition("]")
        if not brace:
            raise InvalidField(f"Unable to find matching brace of endpoint: `{shown}'")
        colon, port = port[:1], port[1:]
    else:
        host, colon, port = text.rpartition(":")
    if colon != ":" or not port:
        raise InvalidField(f"Unable to find port of endpoint: `{shown}'")
    if not host:
        raise InvalidField(f"Name or service not known: `{shown}'")
    bracketed = f"[{host}]" if ":" in host else host
    try:
        return Endpoint.parse(f"{bracketed}:{port}")
    except InvalidAddress:
        return _resolved(resolve, host, port, text)


def read_allowed_ips(text: str, warn: Warn) -> tuple[list[AllowedIpChange], bool]:
    """Read prefixes with commas between them; no text is no prefix.

    Each may begin with ``+`` (add) or ``-`` (take away). Returns also whether any does: then what
    the peer has stays, else it is replaced. Raises InvalidField.
    """
    changes = []
    signed = False
    for item in text.split(",") if text else []:
        sign = item[:1] if item[:1] in {"+", "-"} else ""
        signed = signed or bool(sign)
        changes.append(AllowedIpChange(_prefix(item.removeprefix(sign), warn), remove=sign == "-"))
    return changes, signed


def _prefix(text: str, warn: Warn) -> Prefix:
    shown = without_secrets(text)
    address, slash, length = text.partition("/")
    try:
        packed = pack_address(address)
    except InvalidAddress:
        raise InvalidField(f"Unable to parse IP address: `{without_secrets(address)}'") from None
    bits = _number(length, 10) if slash else len(packed) * 8
    if bits is None or bits > len(packed) * 8:
        raise InvalidField(f"AllowedIP is not in the correct format: `{shown}'")
    prefix = Prefix.of(packed, bits)
    if prefix.network != packed:
        warn(f"Warning: AllowedIP has nonzero host part: {text}")
    return prefix


def _resolved(resolve: Resolve, host: str, service: str, text: str) -> Endpoint:
    try:
        return resolve(host, service)
    except Unresolved as why:
        raise InvalidField(f"{why}: `{without_secrets(text)}'") from None


def _number_or_off(text: str) -> int | None:
    return 0 if text.lower() == "off" else _number(text, 10)


def _number(digits: str, base: int) -> int | None:
    if not re.fullmatch(r"[0-9a-fA-F]{1,20}" if base == 16 else r"[0-9]{1,20}", digits):
        return None
    return int(digits, base)


def without_secrets(text: str) -> str:
    """Return a piece of a configuration with whatever may be a secret key hidden."""
    key, _, value = text.partition("=")
    if value and key.lower() in {"privatekey", "presharedkey"}:
        return f"{key}=(hidden)"
    return _KEY_LIKE.sub("(hidden)", text)
