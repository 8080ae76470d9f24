"""What of a configuration is carried to a phone: the applications there refuse a file with a key
that they do not know.
"""

from typing import Final, NamedTuple

from wiresnake.config.outline import entries

_CARRIED: Final = {
    "interface": {
        "privatekey": "PrivateKey", "address": "Address", "dns": "DNS", "mtu": "MTU",
        "listenport": "ListenPort", "includedapplications": "IncludedApplications",
        "excludedapplications": "ExcludedApplications",
    },
    "peer": {
        "publickey": "PublicKey", "presharedkey": "PresharedKey", "allowedips": "AllowedIPs",
        "endpoint": "Endpoint", "persistentkeepalive": "PersistentKeepalive",
    },
}  # fmt: skip
_STAY_HOME: Final = {
    "fwmark": "FwMark", "table": "Table", "saveconfig": "SaveConfig", "preup": "PreUp",
    "postup": "PostUp", "predown": "PreDown", "postdown": "PostDown",
}  # fmt: skip


class NotCarried(ValueError):
    """The text is no configuration that could be carried; the message says which line is wrong."""


class Carried(NamedTuple):
    """A configuration as short as it can be written, and the keys that were left behind."""

    text: str
    left_behind: list[str]


def carried(text: str) -> Carried:
    """Leave out comments, blank lines and what only this host understands. Raises NotCarried.

    The text holds the private key.
    """
    lines: list[str] = []
    left_behind: dict[str, None] = {}
    current = -1
    has_key = False
    for entry in entries(text):
        if entry.section != current:
            current = entry.section
            lines.append("[Interface]" if entry.kind == "interface" else "[Peer]")
        name = _CARRIED.get(entry.kind, {}).get(entry.key)
        if name and entry.value:
            has_key |= name == "PrivateKey"
            lines.append(f"{name}={''.join(entry.value.split())}")
        elif entry.kind == "interface" and entry.key in _STAY_HOME:
            left_behind[_STAY_HOME[entry.key]] = None
        elif not (name == "AllowedIPs" and not entry.value):
            raise NotCarried(f"line {entry.line} is no line of a WireGuard configuration")
    if not has_key:
        raise NotCarried("there is no PrivateKey in it")
    return Carried("\n".join(lines) + "\n", list(left_behind))
