"""Names for people, which a configuration file has in comments: ``# friendly_name = laptop``.

The grammar of `ini` drops comments, and a public key tells nobody whose it is. Tools agree on a
comment ``friendly_name = X`` or ``Name = X`` in or above the ``[Peer]`` block it speaks of.
"""

import re
from typing import Final

from wiresnake.values.keys import InvalidKey, PublicKey

LONGEST: Final = 64
"""Characters that are kept of a name."""

_NAME: Final = re.compile(r"#*\s*(?:friendly_name|name)\s*=(.*)", re.IGNORECASE)
_HEADER: Final = re.compile(r"#*\s*\[.*\]\s*")


def friendly_names(text: str) -> dict[PublicKey, str]:
    """Return the names that the comments of a configuration give to its peers.

    A comment between two blocks belongs to the one below it, unless it clings to the one above (no
    empty line between them) and that has no name yet. The first name of a block counts; one inside
    ``[Interface]``, or clinging to it with an empty line below, names no peer, nor does one in a
    block that is itself a comment. Only printable characters are kept. Any text will do: what is
    not understood is passed over.
    """
    reader = _Reader()
    for line in text.split("\n"):
        reader.feed(line)
    reader.end_block(next_is_peer=False)
    return reader.names


class _Reader:
    def __init__(self) -> None:
        self.names: dict[PublicKey, str] = {}
        self.is_peer = self.is_other = False
        self.key: PublicKey | None = None
        self.name = ""
        # Names since the last line with a meaning, and whether an empty line was before each.
        self.waiting: list[tuple[str, bool]] = []
        self.apart = False
        self.in_dead_block = False

    def feed(self, line: str) -> None:
        content, _, comment = line.partition("#")
        words = "".join(content.split()).lower()
        if not words and not comment:
            self.apart = True
            self.in_dead_block = False
            return
        if words:
            self._read(words, content)
        if _HEADER.fullmatch(comment):
            self.in_dead_block = True
        elif not self.in_dead_block and (match := _NAME.match(comment)):
            name = _printable(match[1])
            if name:
                self.waiting.append((name, self.apart))

    def _read(self, words: str, content: str) -> None:
        self.in_dead_block = False
        if words.startswith("["):
            self.end_block(next_is_peer=words == "[peer]")
        else:
            self._take_waiting()
            if self.is_peer and words.startswith("publickey="):
                self.key = _public_key(content.partition("=")[2])
        self.apart = False

    def end_block(self, *, next_is_peer: bool) -> None:
        """Settle what the block was called, and begin the next."""
        below = ""
        for name, apart in self.waiting:
            if self.is_peer and not self.name and not apart:
                self.name = name
            elif not (self.is_other and self.apart and not apart):
                below = name
        self.waiting.clear()
        if self.key is not None and self.name:
            self.names[self.key] = self.name
        self.is_peer, self.is_other = next_is_peer, not next_is_peer
        self.key = None
        self.name = below if next_is_peer else ""

    def _take_waiting(self) -> None:
        for name, _ in self.waiting:
            self.name = self.name or name
        self.waiting.clear()


def _public_key(text: str) -> PublicKey | None:
    try:
        return PublicKey.from_base64("".join(text.split()))
    except InvalidKey:
        return None


def _printable(text: str) -> str:
    kept = "".join(each if each.isprintable() else " " for each in text)
    return " ".join(kept.split())[:LONGEST].rstrip()
