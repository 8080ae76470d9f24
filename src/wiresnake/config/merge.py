"""The merge: one change into the configuration, and the edits it really makes.

Edits come in the order of the request, and only for what is altered; an endpoint that is named
counts as altered, since the peer may have roamed away from the one last asked for.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Final

from wiresnake.config.model import (
    AllowedIpChange,
    BlockEnded,
    Change,
    Edit,
    EndpointSet,
    IdentitySet,
    InterfaceConfig,
    KeepaliveSet,
    PeerAdded,
    PeerChange,
    PeerConfig,
    PeerRemoved,
    PrefixesAdded,
    PrefixesRemoved,
    PresharedKeySet,
    RequestEnded,
)
from wiresnake.values.addresses import Prefix
from wiresnake.values.keys import PresharedKey, PrivateKey, PublicKey

MAX_PEERS: Final = 1 << 20

_PORTION: Final = 500
"""Prefixes merged between two looks at how much work a step has done."""


class TooManyPeers(ValueError):
    """The change would leave the interface with more than MAX_PEERS peers; nothing was altered."""


class Merge:
    """Merges one request into a draft of ``config``, which itself stays as it is.

    Call `device` first, then `peers` or `steps` with the request's blocks in their order, as often
    as the caller likes, then `finish`, and keep `config`. A draft thrown away leaves no trace.
    """

    def __init__(self, config: InterfaceConfig) -> None:
        self._draft = replace(config, peers=config.peers.copy(), owners=config.owners.copy())
        # Peers whose allowed_ips belong to this draft alone. The others' are shared with the
        # configuration in force, and copied before the first prefix leaves them.
        self._unshared: set[PublicKey] = set()
        self._edits: list[Edit] = []
        self._room = 0

    @property
    def config(self) -> InterfaceConfig:
        """The draft: the configuration with all that was merged so far."""
        return self._draft

    def device(self, change: Change) -> list[Edit]:
        """Merge what the request says of the interface.

        Port and mark are only recorded: the caller opened the sockets for them before.
        Raises TooManyPeers if the request's blocks would make too many.
        """
        self._check_count(change)
        if change.listen_port is not None:
            self._draft.listen_port = change.listen_port
        if change.fwmark is not None:
            self._draft.fwmark = change.fwmark
        if change.replace_peers:
            self._edits += [PeerRemoved(public_key) for public_key in self._draft.peers]
            self._draft.peers.clear()
            self._draft.owners.clear()
        if change.private_key is not None:
            self._set_identity(change.private_key)
        return self._take_edits()

    def peers(self, blocks: Iterable[PeerChange]) -> list[Edit]:
        """Merge the next blocks of the request, all at once."""
        return [edit for edits in self.steps(blocks) for edit in edits]

    def steps(self, blocks: Iterable[PeerChange], weight: int = 1000) -> Iterator[list[Edit]]:
        """Merge the next blocks of the request, and stop after every few milliseconds of work.

        Yields the edits since the last stop. A step looks at about ``weight`` peers and prefixes;
        one peer with many prefixes takes several steps.
        """
        self._room = weight
        for block in blocks:
            for _pause in self._merge_block(block):
                yield self._take_edits()
                self._room = weight
        if self._edits:
            yield self._take_edits()

    def finish(self) -> list[Edit]:
        """Return what tells the protocol that the request is done."""
        return [RequestEnded()]

    def _take_edits(self) -> list[Edit]:
        edits, self._edits = self._edits, []
        return edits

    def _check_count(self, change: Change) -> None:
        existing = {} if change.replace_peers else self._draft.peers
        if len(existing) + len(change.peers) <= MAX_PEERS:
            return
        keys = set(existing)
        for block in change.peers:
            if block.remove:
                keys.discard(block.public_key)
            elif not block.update_only:
                keys.add(block.public_key)
            if len(keys) > MAX_PEERS:
                raise TooManyPeers(f"more than {MAX_PEERS} peers")

    def _set_identity(self, asked: PrivateKey) -> None:
        private_key = None if asked.is_zero else asked
        if private_key == self._draft.private_key:
            return
        ourselves = self._draft.peers.get(private_key.public) if private_key is not None else None
        if ourselves is not None:
            self._remove(ourselves)
        self._draft.private_key = private_key
        self._edits.append(IdentitySet(private_key))

    def _merge_block(self, block: PeerChange) -> Iterator[None]:
        """Merge one peer; yield whenever the step's work is done."""
        own = self._draft.private_key
        peer = self._draft.peers.get(block.public_key)
        if own is not None and own.public == block.public_key:
            pass
        elif block.remove:
            if peer is not None:
                self._remove(peer)
        elif peer is not None:
            yield from self._update(peer, block)
        elif not block.update_only:
            yield from self._add(block)
        self._room -= 1
        if self._room <= 0:
            yield

    def _remove(self, peer: PeerConfig) -> None:
        del self._draft.peers[peer.public_key]
        for prefix in peer.allowed_ips:
            del self._draft.owners[prefix]
        self._edits.append(PeerRemoved(peer.public_key))

    def _add(self, block: PeerChange) -> Iterator[None]:
        key = block.public_key
        preshared_key = _key_or_none(block.preshared_key)
        keepalive = block.persistent_keepalive or 0
        peer = PeerConfig(key, preshared_key, block.endpoint, keepalive)
        self._draft.peers[key] = peer
        self._unshared.add(key)
        self._edits.append(PeerAdded(key, preshared_key, keepalive))
        if peer.endpoint is not None:
            self._edits.append(EndpointSet(key, peer.endpoint))
        yield from self._merge_prefixes(key, block.allowed_ips, peer.allowed_ips, {})
        self._edits.append(BlockEnded(key))

    def _update(self, peer: PeerConfig, block: PeerChange) -> Iterator[None]:
        key, preshared_key, endpoint = peer.public_key, peer.preshared_key, peer.endpoint
        keepalive, prefixes = peer.persistent_keepalive, peer.allowed_ips
        if block.preshared_key is not None:
            preshared_key = _key_or_none(block.preshared_key)
            if preshared_key != peer.preshared_key:
                self._edits.append(PresharedKeySet(key, preshared_key))
        if block.endpoint is not None:
            endpoint = block.endpoint
            self._edits.append(EndpointSet(key, endpoint))
        if block.replace_allowed_ips or block.allowed_ips:
            before = prefixes if block.replace_allowed_ips else {}
            prefixes = {} if block.replace_allowed_ips else self._unshared_prefixes(peer)
            yield from self._merge_prefixes(key, block.allowed_ips, prefixes, before)
            self._unshared.add(key)
        if block.persistent_keepalive is not None:
            keepalive = block.persistent_keepalive
            if keepalive != peer.persistent_keepalive:
                self._edits.append(KeepaliveSet(key, keepalive))
        self._draft.peers[key] = PeerConfig(key, preshared_key, endpoint, keepalive, prefixes)
        self._edits.append(BlockEnded(key))

    def _unshared_prefixes(self, peer: PeerConfig) -> dict[Prefix, None]:
        if peer.public_key in self._unshared:
            return peer.allowed_ips
        return peer.allowed_ips.copy()

    def _merge_prefixes(
        self,
        key: PublicKey,
        changes: Sequence[AllowedIpChange],
        mine: dict[Prefix, None],
        before: dict[Prefix, None],
    ) -> Iterator[None]:
        """Add to ``mine`` and take from it, in portions; yield whenever the step's work is done.

        ``before`` are the prefixes that the block replaces. They stay the peer's until all changes
        are seen, and only those not named again leave it, so that no route blinks.
        """
        for start in range(0, len(changes), _PORTION):
            portion = changes[start : start + _PORTION]
            self._merge_portion(key, portion, mine, before)
            self._room -= len(portion)
            if self._room <= 0:
                yield
        replaced = iter(before)
        while looked_at := tuple(islice(replaced, _PORTION)):
            gone = tuple(prefix for prefix in looked_at if prefix not in mine)
            for prefix in gone:
                del self._draft.owners[prefix]
            if gone:
                self._edits.append(PrefixesRemoved(key, gone))
            self._room -= len(looked_at)
            if self._room <= 0:
                yield

    def _merge_portion(
        self,
        key: PublicKey,
        portion: Sequence[AllowedIpChange],
        mine: dict[Prefix, None],
        before: dict[Prefix, None],
    ) -> None:
        owners = self._draft.owners
        added: list[Prefix] = []
        removed: list[Prefix] = []
        for change in portion:
            prefix = change.prefix
            if change.remove:
                if prefix in mine:
                    del mine[prefix]
                    if prefix not in before:
                        del owners[prefix]
                        self._flush(key, added, [])
                        removed.append(prefix)
            elif prefix not in mine:
                mine[prefix] = None
                owner = owners.get(prefix)
                if owner != key:
                    if owner is not None:
                        self._take(prefix, owner)
                    owners[prefix] = key
                    self._flush(key, [], removed)
                    added.append(prefix)
        self._flush(key, added, removed)

    def _flush(self, key: PublicKey, added: list[Prefix], removed: list[Prefix]) -> None:
        """Turn a run of prefixes that went one way into an edit, and begin anew."""
        if added:
            self._edits.append(PrefixesAdded(key, tuple(added)))
            added.clear()
        if removed:
            self._edits.append(PrefixesRemoved(key, tuple(removed)))
            removed.clear()

    def _take(self, prefix: Prefix, loser: PublicKey) -> None:
        peers = self._draft.peers
        if loser not in self._unshared:
            peers[loser] = replace(peers[loser], allowed_ips=peers[loser].allowed_ips.copy())
            self._unshared.add(loser)
        del peers[loser].allowed_ips[prefix]


def _key_or_none(key: PresharedKey | None) -> PresharedKey | None:
    return None if key is None or key.is_zero else key
