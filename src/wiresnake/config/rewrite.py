"""A configuration file brought up to date with its interface, its words left alone where they hold.

What changed is changed in place: comments, order, spelling and keys that nobody here knows stay. A
name of a host stays too, though the peer has an address, and so do several endpoints of one peer.
"""

import re
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import TypeVar

from wiresnake.config.quick import InterfaceAddress, Line, lines_of
from wiresnake.config.reply import Report, ReportedPeer
from wiresnake.values.addresses import Endpoint, InvalidAddress, Prefix
from wiresnake.values.keys import PresharedKey, PrivateKey, PublicKey

_PARTS = re.compile(r"([^=#]*=[ \t]*)([^#]*?)(\s*(?:#.*)?)", re.DOTALL)
"""The beginning of a line up to its value, the value, and what follows it."""

_Item = TypeVar("_Item", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Current:
    """How an interface is. ``mtu`` in bytes; ``own_mark`` is a mark that nobody asked for, or 0."""

    report: Report
    addresses: list[InterfaceAddress]
    mtu: int
    own_mark: int = 0


def rewrite(text: str, current: Current) -> str:
    """Return the text, saying how the interface is."""
    head, sections = _sections(text)
    interface = [section for section in sections if section.kind == "interface"]
    if not interface:
        interface = [_Section("interface", [], ["[Interface]"])]
        sections.insert(0, interface[0])
    _rewrite_interface(interface, current)
    peers = {peer.public_key: peer for peer in current.report.peers}
    kept = []
    for section in sections:
        key = section.public_key() if section.kind == "peer" else None
        if key is not None and key not in peers:
            continue
        if key is not None:
            _rewrite_peer(section, peers[key])
        kept.append(section)
    known = {section.public_key() for section in kept if section.kind == "peer"}
    for public_key in (key for key in peers if key not in known):
        section = _Section("peer", [""], ["[Peer]", f"PublicKey = {public_key}"])
        _rewrite_peer(section, peers[public_key])
        if kept and kept[-1].lines and not kept[-1].lines[-1].strip():
            section.above = []
        kept.append(section)
    lines = [*head, *(line for section in kept for line in (*section.above, *section.lines))]
    ending = "\r\n" if "\r\n" in text else "\n"
    whole = "".join(f"{line.removesuffix(chr(13))}{ending}" for line in lines)
    return whole if text.endswith("\n") else whole.removesuffix(ending)


@dataclass(slots=True)
class _Section:
    """A heading and the lines below it, and the comments that stand directly above it."""

    kind: str
    above: list[str]
    lines: list[str] = field(default_factory=list)

    def public_key(self) -> PublicKey | None:
        """Return the key of the peer; None if it is missing or none."""
        texts = [line.value for line in self.named("publickey")]
        return _read(PublicKey.from_base64, texts[-1]) if texts else None

    def named(self, key: str) -> list[Line]:
        """Return the lines that say ``key``, the heading aside."""
        listed = lines_of("\n".join(self.lines))
        return [line for line in listed if _plain(line.key) == key]

    def replace(self, old: str, new: str | None) -> None:
        """Put a line in the place of another, or nothing."""
        at = self.lines.index(old)
        self.lines[at : at + 1] = [] if new is None else [new]

    def add(self, line: str) -> None:
        """Add a line after the last one that says something."""
        said = [at for at, text in enumerate(self.lines) if text.partition("#")[0].strip()]
        self.lines.insert(max(said, default=-1) + 1, line)


def _sections(text: str) -> tuple[list[str], list[_Section]]:
    """Return the lines before the first section and the comments above it, and the sections."""
    sections = [_Section("", [])]
    for line in lines_of(text):
        if line.is_heading:
            above = _clinging(sections[-1].lines)
            del sections[-1].lines[len(sections[-1].lines) - len(above) :]
            sections.append(_Section(_plain(line.section), above))
        sections[-1].lines.append(line.raw)
    return sections[0].lines, sections[1:]


def _clinging(lines: list[str]) -> list[str]:
    """Return the comments at the end, if an empty line or nothing is before them."""
    at = len(lines)
    while at and lines[at - 1].strip().startswith("#"):
        at -= 1
    return lines[at:] if not at or not lines[at - 1].strip() else []


def _rewrite_interface(sections: list[_Section], current: Current) -> None:
    report = current.report
    private = report.private_key.to_base64() if report.private_key is not None else None
    _set(sections, "PrivateKey", private, _private_key)
    _set(sections, "ListenPort", str(report.listen_port) if report.listen_port else None, _port)
    asked = any(section.named("fwmark") for section in sections)
    marked = report.fwmark and (asked or report.fwmark != current.own_mark)
    _set(sections, "FwMark", f"0x{report.fwmark:x}" if marked else None, _mark)
    if any(section.named("mtu") for section in sections):
        _set(sections, "MTU", str(current.mtu), int)
    _set_list(sections, "Address", current.addresses, InterfaceAddress.parse)


def _rewrite_peer(section: _Section, peer: ReportedPeer) -> None:
    shared = peer.preshared_key.to_base64() if peer.preshared_key is not None else None
    _set([section], "PresharedKey", shared, PresharedKey.from_base64)
    _set_list([section], "AllowedIPs", peer.allowed_ips, Prefix.parse)
    keepalive = str(peer.persistent_keepalive) if peer.persistent_keepalive else None
    _set([section], "PersistentKeepalive", keepalive, _seconds)
    written = [_read(Endpoint.parse, _plain(line.value)) for line in section.named("endpoint")]
    if peer.endpoint and len(written) <= 1 and None not in written:
        _set([section], "Endpoint", peer.endpoint, Endpoint.parse)


def _set(
    sections: list[_Section], key: str, wanted: str | None, parse: Callable[[str], object]
) -> None:
    """Let the last line that says ``key`` mean ``wanted``; None is what no line means too."""
    said = [(section, line) for section in sections for line in section.named(key.lower())]
    if not said and wanted is not None:
        sections[0].add(f"{key} = {wanted}")
    if not said:
        return
    section, last = said[-1]
    meant = _read(parse, _plain(last.value))
    if meant == (None if wanted is None else parse(wanted)) and (meant or wanted is None):
        return
    if wanted is not None:
        section.replace(last.raw, _with_value(last.raw, wanted))
        return
    for section, line in said:
        section.replace(line.raw, None)


def _set_list(
    sections: list[_Section], key: str, wanted: list[_Item], parse: Callable[[str], _Item]
) -> None:
    """Let the lines that say ``key`` list ``wanted``, each item in the words it has there."""
    missing = dict.fromkeys(wanted)
    said = [(section, line) for section in sections for line in section.named(key.lower())]
    for section, line in said:
        items = [item.strip() for item in line.value.split(",") if item.strip()]
        kept = []
        for item in items:
            meant = _read(parse, _plain(item))
            if meant in missing:
                del missing[meant]
                kept.append(item)
        if kept != items:
            new = _with_value(line.raw, ", ".join(kept)) if kept else None
            section.replace(line.raw, new)
    if not missing:
        return
    more = ", ".join(map(str, missing))
    left = [(section, line) for section in sections for line in section.named(key.lower())]
    if left and left[-1][1].value:
        section, line = left[-1]
        section.replace(line.raw, _with_value(line.raw, f"{line.value}, {more}"))
    else:
        sections[0].add(f"{key} = {more}")


def _with_value(raw: str, value: str) -> str:
    parts = _PARTS.fullmatch(raw)
    assert parts is not None, "a line that says a key has an equals sign"
    return f"{parts[1]}{value}{parts[3]}"


def _read(parse: Callable[[str], _Item], text: str) -> _Item | None:
    try:
        return parse(text)
    except (InvalidAddress, ValueError):
        return None


def _private_key(text: str) -> PrivateKey:
    return PrivateKey.from_base64(text).clamped()


def _port(text: str) -> int | None:
    return int(text) or None


def _mark(text: str) -> int | None:
    if text.lower() == "off":
        return None
    return int(text, 16 if text.startswith("0x") else 10) or None


def _seconds(text: str) -> int | None:
    return None if text.lower() == "off" else int(text) or None


def _plain(text: str) -> str:
    return "".join(text.split())
