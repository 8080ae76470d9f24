"""The interfaces of the kernel's own WireGuard, asked and told through generic netlink."""

import os
import socket
from collections.abc import Callable
from errno import ENODEV, EPROTO
from struct import Struct
from typing import Final, TypeVar

from wiresnake.config.model import Change
from wiresnake.config.reply import Report
from wiresnake.host.genetlink import Conversation, nested
from wiresnake.host.netlink import attribute, attributes
from wiresnake.host.wireguard_attributes import change_parts, question, read_report

_NETLINK_GENERIC: Final = 16
_FAMILY: Final = "wireguard"
_ATTEMPTS: Final = 32
"""How often something is asked again that changes while it is told."""

_RTM_GETLINK: Final = 18
_LINK: Final = Struct("=BxHiII")  # ifinfomsg: family, type, index, flags, change
_UNSIGNED: Final = Struct("=I")
_IFLA_IFNAME: Final = 3
_IFLA_LINKINFO: Final = 18
_IFLA_INFO_KIND: Final = 1
_IFLA_EXT_MASK: Final = 29
_RTEXT_FILTER_SKIP_STATS: Final = 8

_Answer = TypeVar("_Answer")


def names(kind: str = _FAMILY) -> list[str]:
    """Return the interfaces of the kernel that are of a kind. Raises OSError."""
    conversation = Conversation.open(socket.NETLINK_ROUTE)
    if conversation is None:
        return []
    body = _LINK.pack(0, 0, 0, 0, 0)
    body += attribute(_IFLA_EXT_MASK, _UNSIGNED.pack(_RTEXT_FILTER_SKIP_STATS))
    body += nested(_IFLA_LINKINFO, attribute(_IFLA_INFO_KIND, kind.encode() + b"\0"))
    with conversation:
        links = _steady(lambda: list(map(_name_and_kind, conversation.ask(_RTM_GETLINK, body))))
    return [name for name, found in links if found == kind]  # an older kernel tells of all


def ask(name: str) -> Report:
    """Return how the interface ``name`` stands. Raises OSError; ENODEV if there is none."""
    with _conversation() as conversation:
        family = _family(conversation)
        return _steady(lambda: _report(conversation, family, name))


def apply(name: str, change: Change) -> None:
    """Change the interface ``name``. Raises OSError; ENODEV if there is none.

    A change of more than about 100 peers takes several messages: an error in a later one leaves
    in force what earlier ones said.
    """
    with _conversation() as conversation:
        family = _family(conversation)
        for part in change_parts(name, change):
            conversation.tell(family, part)


def _conversation() -> Conversation:
    conversation = Conversation.open(_NETLINK_GENERIC)
    if conversation is None:
        raise _error(ENODEV)
    return conversation


def _family(conversation: Conversation) -> int:
    try:
        return conversation.family(_FAMILY)
    except FileNotFoundError:
        raise _error(ENODEV) from None  # a kernel without WireGuard has no interface of it


def _report(conversation: Conversation, family: int, name: str) -> Report:
    try:
        return read_report(conversation.ask(family, question(name)))
    except ValueError as bad:
        raise _error(EPROTO) from bad


def _steady(look: Callable[[], _Answer]) -> _Answer:
    """Look until nothing changes while we look."""
    for _ in range(_ATTEMPTS):
        try:
            return look()
        except InterruptedError:
            continue
    return look()


def _name_and_kind(body: memoryview) -> tuple[str, str]:
    name = kind = ""
    for what, value in attributes(body, _LINK.size):
        if what == _IFLA_IFNAME:
            name = _text(value)
        elif what == _IFLA_LINKINFO:
            kind = next(
                (_text(each) for of, each in attributes(value, 0) if of == _IFLA_INFO_KIND), ""
            )
    return name, kind


def _text(value: memoryview) -> str:
    return bytes(value).partition(b"\0")[0].decode(errors="surrogateescape")


def _error(number: int) -> OSError:
    return OSError(number, os.strerror(number))
