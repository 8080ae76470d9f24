"""Cryptokey routing: which peer an inner address belongs to (paper 2).

A prefix is one integer, its bits below a leading 1, so prefixes of all lengths share one dictionary
for each family and no two collide. A look-up asks once for each length in use, longest first; what
it found is kept by exact address until the table changes.
"""

from collections.abc import Hashable, Iterator
from typing import Final, Generic, TypeVar

from wiresnake.values.addresses import Prefix

Peer = TypeVar("Peer", bound=Hashable)

_REMEMBERED: Final = 8192


class _Family(Generic[Peer]):
    """The prefixes of one family, of addresses of ``bits`` bits."""

    __slots__ = ("_counts", "bits", "lengths", "owned", "table")

    def __init__(self, bits: int) -> None:
        self.bits = bits
        self.table: dict[int, Peer] = {}
        self.owned: dict[Peer, int | set[int]] = {}
        """A peer's prefixes: the one itself, or a set of several."""
        self.lengths: tuple[tuple[int, int], ...] = ()
        """For each length in use, longest first: how far to shift an address, and the leading 1."""
        self._counts = [0] * (bits + 1)

    def insert(self, key: int, peer: Peer) -> None:
        before = self.table.get(key)
        if before is not None:
            self._disown(key, before)
        else:
            self._count(key, +1)
        self.table[key] = peer
        has = self.owned.get(peer)
        if has is None:
            self.owned[peer] = key
        elif isinstance(has, int):
            self.owned[peer] = {has, key}
        else:
            has.add(key)

    def remove(self, key: int) -> None:
        self._disown(key, self.table.pop(key))
        self._count(key, -1)

    def keys(self, peer: Peer) -> list[int]:
        has = self.owned.get(peer)
        if has is None:
            return []
        return [has] if isinstance(has, int) else sorted(has)

    def find(self, address: bytes) -> Peer | None:
        number = int.from_bytes(address)
        get = self.table.get
        for shift, lead in self.lengths:
            peer = get(number >> shift | lead)
            if peer is not None:
                return peer
        return None

    def key(self, prefix: Prefix) -> int:
        return int.from_bytes(prefix.network) >> self.bits - prefix.length | 1 << prefix.length

    def prefix(self, key: int) -> Prefix:
        length = key.bit_length() - 1
        number = (key ^ 1 << length) << self.bits - length
        return Prefix(number.to_bytes(self.bits // 8), length)

    def _disown(self, key: int, peer: Peer) -> None:
        has = self.owned[peer]
        if isinstance(has, int):
            del self.owned[peer]
            return
        has.remove(key)
        if not has:
            del self.owned[peer]

    def _count(self, key: int, change: int) -> None:
        length = key.bit_length() - 1
        self._counts[length] += change
        if self._counts[length] == (1 if change > 0 else 0):
            self.lengths = tuple(
                (self.bits - n, 1 << n) for n in range(self.bits, -1, -1) if self._counts[n]
            )


class Routes(Generic[Peer]):
    """The one table of an interface, both families; a prefix belongs to one peer.

    ``Peer`` is any hashable value but None.
    """

    __slots__ = ("_found", "_four", "_six")

    def __init__(self) -> None:
        self._four: _Family[Peer] = _Family(32)
        self._six: _Family[Peer] = _Family(128)
        self._found: dict[bytes, Peer | None] = {}

    def __len__(self) -> int:
        return len(self._four.table) + len(self._six.table)

    def insert(self, prefix: Prefix, peer: Peer) -> None:
        """Give ``prefix`` to ``peer``; if another has it, it moves."""
        family = self._family(prefix)
        family.insert(family.key(prefix), peer)
        self._found.clear()

    def remove(self, prefix: Prefix, peer: Peer) -> bool:
        """Take exactly ``prefix`` from ``peer``. False if it is not this peer's."""
        family = self._family(prefix)
        key = family.key(prefix)
        if family.table.get(key) != peer:
            return False
        family.remove(key)
        self._found.clear()
        return True

    def remove_peer(self, peer: Peer) -> None:
        """Take every prefix from ``peer``."""
        for family in (self._four, self._six):
            for key in family.keys(peer):
                family.remove(key)
        self._found.clear()

    def lookup(self, address: bytes) -> Peer | None:
        """Return the peer of the longest prefix that holds ``address``, or None.

        ``address`` is 4 or 16 bytes, as ``bytes``: a view of a writable buffer has no hash.
        """
        try:
            return self._found[address]
        except KeyError:
            pass
        peer = (self._four if len(address) == 4 else self._six).find(address)
        if len(self._found) >= _REMEMBERED:
            self._found.clear()
        self._found[address] = peer
        return peer

    def prefixes(self, peer: Peer) -> Iterator[Prefix]:
        """Yield the prefixes of ``peer``, IPv4 first, shorter before longer."""
        for family in (self._four, self._six):
            yield from map(family.prefix, family.keys(peer))

    def _family(self, prefix: Prefix) -> _Family[Peer]:
        return self._six if prefix.is_ipv6 else self._four
