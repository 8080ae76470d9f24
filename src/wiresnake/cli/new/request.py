"""What is to be made: read from the words of the command, or asked for on a terminal."""

import os
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wiresnake.cli import configs
from wiresnake.cli.grammar import Words
from wiresnake.cli.new.questions import ask, yes_or_no
from wiresnake.values.addresses import InvalidAddress, Prefix, format_address, pack_address

_PORT: Final = 51820
_HOST: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}")
_INTERFACE: Final = "wg0"
_OF_A_NEW_SERVER: Final = ("--network", "--network6", "--interface")


class Refused(ValueError):
    """What was asked for cannot be made; the text is one line that says why."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where clients reach the server; ``host`` is a name or an address, IPv6 in brackets."""

    host: str
    port: int

    @property
    def text(self) -> str:
        """The value of ``Endpoint``."""
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be made; without ``networks`` it is clients for a server that exists, and then
    the ``endpoint`` may be known already.
    """

    clients: tuple[str, ...]
    endpoint: Place | None
    networks: tuple[Prefix, ...] = ()
    dns: tuple[str, ...] = ()
    route_all: bool = False
    preshared: bool = False
    show_codes: bool = False
    directory: Path = Path()
    interface: str = _INTERFACE

    def __post_init__(self) -> None:
        files = Counter([*self.clients, *([self.interface] if self.networks else [])])
        for name, count in files.items():
            if count > 1:
                raise Refused(f"two files would be called {name}.conf")


def asked_for(words: Words) -> Request:
    """Read the options of ``wiresnake new``. Raises ValueError."""
    endpoint = words.one("--endpoint")
    adding = words.has("--add")
    if adding and (idle := [each for each in _OF_A_NEW_SERVER if words.has(each)]):
        raise Refused(f"--add leaves the server as it is, so {idle[0]} has no meaning")
    if not adding and endpoint is None:
        raise Refused("--endpoint HOST[:PORT] is needed: where clients reach the server")
    if not words.has("--client"):
        raise Refused("--client NAME is needed: what the client is called")
    networks: tuple[Prefix, ...] = ()
    if not adding:
        drawn, drawn6 = drawn_networks()
        networks = _networks(
            network4(words.one("--network") or drawn), network6(words.one("--network6") or drawn6)
        )
    return Request(
        tuple(_name(each) for each in words.all("--client")),
        None if endpoint is None else place(endpoint),
        networks,
        tuple(item for each in words.all("--dns") for item in dns(each)),
        words.has("--route-all"),
        words.has("--psk"),
        words.has("--qr"),
        Path(words.one("--output") or ""),
        _name(words.one("--interface") or _INTERFACE),
    )


def asked() -> Request:
    """Ask for a server and its clients. Raises Refused, NobodyAnswers."""
    drawn, drawn6 = drawn_networks()
    endpoint = ask("Where do clients reach the server, HOST or HOST:PORT", place)
    clients = ask("What are the clients called, a word each", _names, "client")
    networks = _networks(
        ask("Which IPv4 network is inside, or none", network4, drawn),
        ask("Which IPv6 network is inside, or none", network6, drawn6),
    )
    return Request(
        clients,
        endpoint,
        networks,
        route_all=ask("Do clients send everything through the server", yes_or_no, "no"),
        dns=ask("Whom do clients ask for names, addresses or none", dns, "none"),
        preshared=ask("Does each share a preshared key with the server", yes_or_no, "no"),
        show_codes=ask("Shall their QR codes be shown here", yes_or_no, "no"),
    )


def drawn_networks() -> tuple[str, str]:
    """Draw a private IPv4 network and a unique local one (RFC 4193) that few others will have."""
    one, two = os.urandom(2)
    unique = bytes([0xFD]) + os.urandom(5)
    return f"10.{one}.{two}.0/24", str(Prefix.of(unique + bytes(10), 64))


def place(text: str) -> Place:
    """Read ``HOST[:PORT]``; an IPv6 address before a port is in brackets. Raises Refused."""
    if text.count(":") > 1 and not text.startswith("["):
        return Place(f"[{_address(text)}]", _PORT)
    if text.startswith("["):
        host, bracket, port = text[1:].partition("]")
        host, known = f"[{_address(host)}]", bracket and (port[:1] in {"", ":"})
        port = port[1:]
    else:
        host, _, port = text.partition(":")
        known = bool(_HOST.fullmatch(host))
    if not known or not (port == "" or re.fullmatch(r"[0-9]{1,5}", port)):
        raise Refused(f"`{text}' is not HOST or HOST:PORT")
    if port and not 0 < int(port) <= 0xFFFF:
        raise Refused(f"port {port} is not in 1 to 65535")
    return Place(host, int(port or _PORT))


def network4(text: str) -> Prefix | None:
    """Read an IPv4 network, or `none`. Raises ValueError."""
    return _network(text, is_ipv6=False)


def network6(text: str) -> Prefix | None:
    """Read an IPv6 network, or `none`. Raises ValueError."""
    return _network(text, is_ipv6=True)


def dns(text: str) -> tuple[str, ...]:
    """Read addresses and search domains, with commas or blanks between, or `none`.

    Raises Refused.
    """
    items = () if text.lower() == "none" else tuple(text.replace(",", " ").split())
    for item in items:
        if ":" in item:
            _address(item)
        elif not _HOST.fullmatch(item):
            raise Refused(f"`{item}' is no address and no domain")
    return items


def _network(text: str, *, is_ipv6: bool) -> Prefix | None:
    if text.lower() == "none":
        return None
    network = Prefix.parse(text)
    if network.is_ipv6 != is_ipv6 or "/" not in text:
        raise Refused(f"`{text}' is no IPv{6 if is_ipv6 else 4} network, ADDRESS/LENGTH")
    return network


def _networks(*found: Prefix | None) -> tuple[Prefix, ...]:
    networks = tuple(each for each in found if each is not None)
    if not networks:
        raise Refused("a tunnel needs a network of one family at least")
    return networks


def _address(text: str) -> str:
    try:
        return format_address(pack_address(text))
    except InvalidAddress as bad:
        raise Refused(str(bad)) from None


def _names(text: str) -> tuple[str, ...]:
    return tuple(_name(each) for each in text.replace(",", " ").split())


def _name(text: str) -> str:
    if not configs.is_interface_name(text):
        raise Refused(f"`{text}' is no name for an interface: 1 to 15 of a-z A-Z 0-9 _ = + . -")
    return text
