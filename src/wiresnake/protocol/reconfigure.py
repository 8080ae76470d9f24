"""Edits of a live interface, as commands (PROTOCOL: UAPI)."""

from collections.abc import Sequence

from wiresnake.config.model import (
    BlockEnded,
    Edit,
    EndpointSet,
    IdentitySet,
    KeepaliveSet,
    PeerAdded,
    PeerRemoved,
    PrefixesAdded,
    PrefixesRemoved,
    PresharedKeySet,
    RequestEnded,
)
from wiresnake.door.commands import (
    Add,
    AnyCommand,
    Flush,
    Forget,
    Identity,
    Route,
    SetEndpoint,
    StopSending,
    Unroute,
)
from wiresnake.protocol.constants import MAX_PEERS
from wiresnake.protocol.exchange import Exchange
from wiresnake.protocol.peer import Peer
from wiresnake.protocol.roster import Roster
from wiresnake.protocol.schedule import Schedule
from wiresnake.values.instants import Now
from wiresnake.values.keys import PrivateKey, PublicKey


class ImpossibleEdit(ValueError):
    """The edits do not fit the peers there are, or would make too many; none had an effect."""


class Reconfiguration:
    """Alters identity and peers while the tunnel runs, keeping every session that can be kept."""

    __slots__ = ("_exchange", "_roster", "_schedule")

    def __init__(self, roster: Roster, exchange: Exchange, schedule: Schedule) -> None:
        self._roster = roster
        self._exchange = exchange
        self._schedule = schedule

    def apply(self, edits: Sequence[Edit], now: Now) -> list[AnyCommand]:
        """Carry out edits in their order. Raises ImpossibleEdit before the first effect."""
        self._check(edits)
        commands: list[AnyCommand] = []
        for edit in edits:
            match edit:
                case IdentitySet(private_key):
                    commands += self._set_identity(private_key)
                case PeerAdded(public_key, preshared_key, seconds):
                    peer = self._roster.add(public_key, preshared_key)
                    commands.append(Add(peer.number))
                    self._set_keepalive(peer, seconds, now)
                case RequestEnded():
                    self._roster.forget_departed()
                case _:
                    commands += self._edit_peer(self._named(edit.public_key), edit, now)
        return commands

    def _edit_peer(self, peer: Peer, edit: Edit, now: Now) -> list[AnyCommand]:
        match edit:
            case PeerRemoved():
                return self._remove(peer)
            case PresharedKeySet(_, preshared_key):
                peer.remote.preshared = preshared_key
            case EndpointSet(_, endpoint):
                peer.activity.reachable = True
                self._schedule.arm(peer)
                return [SetEndpoint(peer.number, endpoint)]
            case KeepaliveSet(_, seconds):
                self._set_keepalive(peer, seconds, now)
            case PrefixesAdded(_, prefixes):
                return [Route(peer.number, prefixes)]
            case PrefixesRemoved(_, prefixes):
                return [Unroute(peer.number, prefixes)]
            case BlockEnded() if self._schedule.up:
                return [Flush(peer.number)]
        return []

    def _set_identity(self, private_key: PrivateKey | None) -> list[AnyCommand]:
        """Take another key, or none.

        Sessions made under the old one may still be received on until they die, so that what is
        under way arrives; nothing more is sent under a name that is ours no longer.
        """
        before = self._exchange.private_key
        if private_key == before:
            return []
        self._exchange.private_key = private_key
        commands: list[AnyCommand] = []
        for peer in self._roster:
            commands += self._exchange.clear_handshake(peer)
            peer.remote.forget_static_static()
            peer.activity.limit_lifted()
            if private_key is None:
                peer.activity.handshake_ended()
            self._schedule.arm(peer)
            if peer.slots is not None:
                commands.append(StopSending(peer.number))
        commands.append(Identity(None if private_key is None else private_key.public.raw))
        if before is None and self._schedule.up:
            commands += [Flush(peer.number) for peer in self._roster]
        return commands

    def _set_keepalive(self, peer: Peer, seconds: int, now: Now) -> None:
        peer.activity.keepalive_set(seconds, now.boottime, up=self._schedule.up)
        self._schedule.arm(peer)

    def _remove(self, peer: Peer) -> list[AnyCommand]:
        commands = self._exchange.clear_handshake(peer)
        self._exchange.release_sessions(peer)
        self._schedule.drop(peer)
        self._roster.remove(peer)
        peer.remote.forget_static_static()
        return [*commands, Forget(peer.number)]

    def _named(self, public_key: PublicKey) -> Peer:
        peer = self._roster.named(public_key)
        assert peer is not None  # `_check` saw it
        return peer

    def _check(self, edits: Sequence[Edit]) -> None:
        altered: dict[PublicKey, bool] = {}
        count = len(self._roster)
        for edit in edits:
            if isinstance(edit, IdentitySet | RequestEnded):
                continue
            public_key = edit.public_key
            there = altered.get(public_key)
            if there is None:
                there = self._roster.named(public_key) is not None
            if there is isinstance(edit, PeerAdded):
                raise ImpossibleEdit(f"{type(edit).__name__} of peer {public_key}")
            if isinstance(edit, PeerAdded | PeerRemoved):
                altered[public_key] = not there
                count += -1 if there else 1
                if count > MAX_PEERS:
                    raise ImpossibleEdit(f"more than {MAX_PEERS} peers")
