"""The configuration file of ``wg-quick``: that of ``wg``, and what becomes of the host around it.

The keys that are `wg-quick`'s own stand in ``[Interface]``; all other lines are passed on as they
are, and judged by `ini`.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Self

from wiresnake.values.addresses import InvalidAddress, format_address, pack_address

NAME: Final = re.compile(r"[a-zA-Z0-9_=+.-]{1,15}")
"""What an interface, and so a configuration file, may be called."""

_SERVER: Final = re.compile(r"[0-9.]+|.*:.*")
_LEAST_MTU: Final = 68
_GREATEST_MTU: Final = 65535


class QuickError(ValueError):
    """The file is no configuration; the message is one line that says what and where."""


class InterfaceAddress(NamedTuple):
    """An address of 4 or 16 bytes for the interface, and the length of its network's prefix."""

    address: bytes
    length: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``address/length``; no length means one address. Raises InvalidAddress."""
        address, slash, digits = text.partition("/")
        packed = pack_address(address)
        bits = len(packed) * 8
        if not slash:
            return cls(packed, bits)
        if not re.fullmatch(r"[0-9]{1,3}", digits) or int(digits) > bits:
            raise InvalidAddress(f"not an address and a prefix length: `{text}'")
        return cls(packed, int(digits))

    @property
    def is_ipv6(self) -> bool:
        """Whether this is an IPv6 address."""
        return len(self.address) == 16

    def __str__(self) -> str:
        return f"{format_address(self.address)}/{self.length}"


@dataclass(slots=True)
class QuickConfig:
    """What a file asks of the host. ``mtu`` None means automatic, as ``table`` "auto" does.

    Hooks are shell commands with ``%i`` still in them, by the key they stood under (lower case).
    ``stripped`` is the text for `wg`.
    """

    addresses: list[InterfaceAddress] = field(default_factory=list)
    dns: list[str] = field(default_factory=list)
    search: list[str] = field(default_factory=list)
    mtu: int | None = None
    table: str = "auto"
    save: bool = False
    hooks: dict[str, list[str]] = field(default_factory=dict)
    stripped: str = ""


class Line(NamedTuple):
    """One line of a file, as `wg-quick` sees it.

    ``key`` is in lower case and "" where there is none; ``section`` is the heading it stands under,
    in lower case without its brackets, or itself is.
    """

    raw: str
    section: str
    key: str
    value: str

    @property
    def is_heading(self) -> bool:
        """Whether the line begins a section."""
        return self.key.startswith("[")


def lines_of(text: str) -> Iterator[Line]:
    """Yield the lines of a file. What follows ``#`` counts in hooks alone."""
    section = ""
    lines = text.split("\n")
    if not lines[-1].strip(" \t"):
        lines.pop()  # blanks that no newline follows are no line
    for raw in lines:
        meant, _, comment = raw.partition("#")
        key, _, value = meant.partition("=")
        key = key.strip().lower()
        if key.startswith("["):
            section = key[1:-1] if key.endswith("]") else key
        elif key in HOOKS and comment:
            value = raw.partition("=")[2]
        yield Line(raw, section, key, value.strip())


def read(text: str) -> QuickConfig:
    """Read a file. Raises QuickError at the first line of `wg-quick`'s own that has no meaning."""
    config = QuickConfig()
    for number, line in enumerate(lines_of(text), 1):
        take = _KEYS.get(line.key) if line.section == "interface" else None
        if take is None:
            config.stripped += line.raw.strip(" \t") + "\n"
            continue
        try:
            take(config, line.value)
        except ValueError as bad:
            raise QuickError(f"line {number}: {bad}") from None
    return config


def strip(text: str) -> str:
    """Return the lines that are for `wg`, without judging the others. Raises QuickError.

    But SaveConfig must be true or false.
    """
    kept = []
    for line in lines_of(text):
        if line.section != "interface" or line.key not in _KEYS:
            kept.append(line.raw.strip(" \t"))
        elif line.key == "saveconfig":
            _take_save(QuickConfig(), line.value)
    return "".join(f"{line}\n" for line in kept)


class PeerEndpoints(NamedTuple):
    """The ``Endpoint`` lines of one peer, in their order, and its key as it stands in the file."""

    public_key: str
    endpoints: list[str]


def endpoints(text: str) -> list[PeerEndpoints]:
    """Return what each peer's section says of its endpoints; several are to be tried in order."""
    found: list[PeerEndpoints] = []
    for line in filter(_is_of_peer, lines_of(text)):
        key = _plain(line.key)
        if line.is_heading:
            found.append(PeerEndpoints("", []))
        elif key == "publickey":
            found[-1] = found[-1]._replace(public_key=_plain(line.value))
        elif key == "endpoint":
            found[-1].endpoints.append(_plain(line.value))
    return found


def choosing(text: str, chosen: list[int]) -> str:
    """Return the text with one ``Endpoint`` line a peer: ``chosen`` counts from 0 in each."""
    kept = []
    peer, at = -1, 0
    for line in lines_of(text):
        if _is_of_peer(line) and line.is_heading:
            peer, at = peer + 1, 0
        elif _is_of_peer(line) and _plain(line.key) == "endpoint":
            at += 1
            if at - 1 != chosen[peer]:
                continue
        kept.append(line.raw)
    return "".join(f"{line}\n" for line in kept)


def _is_of_peer(line: Line) -> bool:
    return _plain(line.section) == "peer"


def _plain(text: str) -> str:
    """Return the text without white space, which means nothing to `wg`."""
    return "".join(text.split())


def _take_address(config: QuickConfig, value: str) -> None:
    config.addresses += [InterfaceAddress.parse(item) for item in _items(value)]


def _take_mtu(config: QuickConfig, value: str) -> None:
    if not re.fullmatch(r"[0-9]{1,6}", value) or not _LEAST_MTU <= int(value) <= _GREATEST_MTU:
        raise ValueError(f"MTU is not {_LEAST_MTU} to {_GREATEST_MTU}: `{value}'")
    config.mtu = int(value)


def _take_dns(config: QuickConfig, value: str) -> None:
    for item in _items(value):
        if not _SERVER.fullmatch(item):
            if not re.fullmatch(r"[^\s/]+", item) or item.startswith("-"):
                raise ValueError(f"not a domain to search: `{item}'")
            config.search.append(item)
            continue
        pack_address(item.partition("%")[0])
        config.dns.append(item)


def _take_table(config: QuickConfig, value: str) -> None:
    if not value:
        raise ValueError("Table is empty: auto, off, or a routing table")
    config.table = value


def _take_save(config: QuickConfig, value: str) -> None:
    if value not in {"true", "false"}:
        raise QuickError(f"`{value}' is neither true nor false")
    config.save = value == "true"


def _taking_hook(key: str) -> Callable[[QuickConfig, str], None]:
    def take(config: QuickConfig, value: str) -> None:
        if value:
            config.hooks.setdefault(key, []).append(value)

    return take


def _items(value: str) -> list[str]:
    return [item for item in (item.strip() for item in value.split(",")) if item]


HOOKS: Final = ("preup", "postup", "predown", "postdown")
_KEYS: Final[dict[str, Callable[[QuickConfig, str], None]]] = {
    "address": _take_address,
    "mtu": _take_mtu,
    "dns": _take_dns,
    "table": _take_table,
    "saveconfig": _take_save,
    **{key: _taking_hook(key) for key in HOOKS},
}
