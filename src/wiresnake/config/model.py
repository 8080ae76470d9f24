"""What was asked for: an interface, its peers, and a change to them.

`Change` is one request, read whole; `InterfaceConfig` is the sum of all requests; an `Edit` is one
thing that a request really altered, which the protocol turns into commands.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from wiresnake.values.addresses import Endpoint, Prefix
from wiresnake.values.keys import PresharedKey, PrivateKey, PublicKey


@dataclass(frozen=True, slots=True)
class PeerConfig:
    """One peer as asked for. ``persistent_keepalive`` in seconds, 0 is off.

    ``allowed_ips`` is a dict for its order and its keys alone. The endpoint is the one last asked
    for; where the peer really is, only the plane knows.
    """

    public_key: PublicKey
    preshared_key: PresharedKey | None = None
    endpoint: Endpoint | None = None
    persistent_keepalive: int = 0
    allowed_ips: dict[Prefix, None] = field(default_factory=dict)


@dataclass(slots=True)
class InterfaceConfig:
    """One interface as asked for. ``listen_port`` 0: any; ``fwmark`` 0: none.

    ``owners`` says which peer has a prefix, since a prefix belongs to one peer.
    """

    private_key: PrivateKey | None = None
    listen_port: int = 0
    fwmark: int = 0
    peers: dict[PublicKey, PeerConfig] = field(default_factory=dict)
    owners: dict[Prefix, PublicKey] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AllowedIpChange:
    """Add a prefix to a peer, or take it away if it is the peer's own."""

    prefix: Prefix
    remove: bool = False


@dataclass(slots=True)
class PeerChange:
    """One peer's block of a request; None means "not named". A zero preshared key removes it."""

    public_key: PublicKey
    remove: bool = False
    update_only: bool = False
    preshared_key: PresharedKey | None = None
    endpoint: Endpoint | None = None
    persistent_keepalive: int | None = None
    replace_allowed_ips: bool = False
    allowed_ips: list[AllowedIpChange] = field(default_factory=list)


@dataclass(slots=True)
class Change:
    """One request, valid as a whole; None means "not named". A zero private key removes it."""

    private_key: PrivateKey | None = None
    listen_port: int | None = None
    fwmark: int | None = None
    replace_peers: bool = False
    peers: list[PeerChange] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class IdentitySet:
    """The interface has another private key, or none."""

    private_key: PrivateKey | None


@dataclass(frozen=True, slots=True)
class PeerAdded:
    """A peer begins to exist."""

    public_key: PublicKey
    preshared_key: PresharedKey | None
    persistent_keepalive: int


@dataclass(frozen=True, slots=True)
class PeerRemoved:
    """A peer ends. If it is added again before `RequestEnded` its greatest timestamp is kept."""

    public_key: PublicKey


@dataclass(frozen=True, slots=True)
class PresharedKeySet:
    """Another preshared key, or none, counts from the next handshake."""

    public_key: PublicKey
    preshared_key: PresharedKey | None


@dataclass(frozen=True, slots=True)
class EndpointSet:
    """The request named an endpoint, equal to the last one or not (the peer may have roamed)."""

    public_key: PublicKey
    endpoint: Endpoint


@dataclass(frozen=True, slots=True)
class KeepaliveSet:
    """Another persistent keepalive interval, in seconds; 0 is off."""

    public_key: PublicKey
    seconds: int


@dataclass(frozen=True, slots=True)
class PrefixesAdded:
    """These prefixes are the peer's now, whoever had them before."""

    public_key: PublicKey
    prefixes: tuple[Prefix, ...]


@dataclass(frozen=True, slots=True)
class PrefixesRemoved:
    """These prefixes, which were the peer's, are nobody's now."""

    public_key: PublicKey
    prefixes: tuple[Prefix, ...]


@dataclass(frozen=True, slots=True)
class BlockEnded:
    """All that a request says of an existing peer was said; its staged packets may go."""

    public_key: PublicKey


@dataclass(frozen=True, slots=True)
class RequestEnded:
    """The request is done: what was kept for peers it might list again may go."""


Edit: TypeAlias = (
    IdentitySet | PeerAdded | PeerRemoved | PresharedKeySet | EndpointSet | KeepaliveSet
    | PrefixesAdded | PrefixesRemoved | BlockEnded | RequestEnded
)  # fmt: skip
Edits: TypeAlias = Iterable[Edit]
