"""Names of hosts and services into endpoints, with patience for a network that is not up yet."""

import os
import re
import socket
import sys
import time
from typing import Final

from wiresnake.config.fields import InvalidField, Unresolved, without_secrets
from wiresnake.values.addresses import Endpoint

_RETRIES: Final = "WG_ENDPOINT_RESOLUTION_RETRIES"
_DEFAULT_RETRIES: Final = 15
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 20.0
_GROWTH: Final = 1.2
_FINAL: Final = {
    socket.EAI_NONAME, socket.EAI_FAIL, socket.EAI_NODATA, socket.EAI_SERVICE,
}  # fmt: skip
"""Answers that another attempt does not change. All others may be of the moment."""


def resolve(host: str, service: str) -> Endpoint:
    """Look up ``host`` and ``service``; a host of "" asks for the port alone.

    Attempts follow each other after 1 s, then always 1.2 times as much up to 20 s, as often as
    WG_ENDPOINT_RESOLUTION_RETRIES says (a number, 15 without it, or ``infinity``), each announced
    on standard error. Raises Unresolved, InvalidField.
    """
    number = re.fullmatch(r"\s*\+?0*([0-9]+)", service)
    if number is not None and (len(number[1]) > 5 or int(number[1]) > 0xFFFF):
        raise Unresolved("Port is not in 0 to 65535")  # the resolver would cut it to 16 bits
    if not host:
        return _first("", service)
    retries = _allowed_retries()
    pause = _FIRST_PAUSE
    while True:
        try:
            return _first(host, service)
        except _Transient as why:
            if retries == 0:
                raise Unresolved(str(why)) from None
            shown = f"[{host}]:{service}" if ":" in host else f"{host}:{service}"
            again = f"Trying again in {pause:.2f} seconds..."
            print(f"{why}: `{without_secrets(shown)}'. {again}", file=sys.stderr, flush=True)
        retries -= 1
        time.sleep(pause)
        pause = min(_LONGEST_PAUSE, pause * _GROWTH)


class _Transient(Exception):
    """The name may be found later; the message is the resolver's."""


def _first(host: str, service: str) -> Endpoint:
    # As bytes a name is passed on as it is, and the tables for other alphabets are not loaded.
    name = (host.encode() if host.isascii() else host) or None
    flags = 0 if host else socket.AI_PASSIVE
    kind, protocol = socket.SOCK_DGRAM, socket.IPPROTO_UDP
    try:
        found = socket.getaddrinfo(name, service, type=kind, proto=protocol, flags=flags)
    except socket.gaierror as bad:
        if bad.errno in _FINAL or not host:
            raise Unresolved(bad.strerror or str(bad)) from None
        raise _Transient(bad.strerror or str(bad)) from None
    except OSError as bad:  # the resolver's EAI_SYSTEM: it lacked something
        raise _Transient(bad.strerror or str(bad)) from None
    except (UnicodeError, ValueError):  # not even a name: an empty label, or a zero byte
        raise Unresolved("Name or service not known") from None
    for family, _, _, _, address in found:
        if family in {socket.AF_INET, socket.AF_INET6}:
            scope = address[3] if len(address) == 4 else 0
            return Endpoint(_packed(family, str(address[0])), int(address[1]), int(scope))
    raise Unresolved("Neither IPv4 nor IPv6 address found")


def _packed(family: int, text: str) -> bytes:
    return socket.inet_pton(family, text.partition("%")[0])  # the scope is told apart


def _allowed_retries() -> int:
    """Return how many attempts may follow the first; -1 for any number."""
    text = os.environ.get(_RETRIES)
    if text is None:
        return _DEFAULT_RETRIES
    if text == "infinity":
        return -1
    # What C reads as a number, without a sign that would make it a large one.
    if not re.fullmatch(r"\s*\+?[0-9]{1,10}|", text) or int(text or 0) > 0x7FFF_FFFF:
        raise InvalidField(f"Unable to parse {_RETRIES}: `{text}'")
    return int(text or 0)
