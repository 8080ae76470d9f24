"""What is known of an interface and its host, collected before anything is judged.

Everything has a value that means "not known" or "not asked", by which a check finds nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from wiresnake.config.model import Change
from wiresnake.config.quick import InterfaceAddress, QuickConfig
from wiresnake.values.addresses import Prefix
from wiresnake.values.keys import PublicKey

SESSION_LIFE: Final = 180.0
"""Seconds after which a handshake no longer says that a peer is there (REJECT_AFTER_TIME)."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line that says what is wrong, one that says what to do; a ``note`` is wrong for some."""

    what: str
    remedy: str
    note: bool = False


@dataclass(frozen=True, slots=True)
class Echo:
    """What came of pings through the tunnel to ``address``.

    ``largest`` is the size in bytes of the largest packet that came back whole, up to the MTU; 0 if
    no size was tried.
    """

    address: str
    answered: bool
    largest: int = 0


@dataclass(frozen=True, slots=True)
class PeerFacts:
    """One peer, after it was given reason to shake hands.

    ``handshake_age`` is seconds, negative if it is still to come by our clock, None if there was
    none. ``asked`` tells that it was given reason to; ``sent`` and ``received`` are bytes while we
    looked. ``obstacle`` is the errno with which the host or the network refused a datagram to the
    endpoint, 0 if it was not. ``calls_us``: its file gives it no endpoint, so it comes and goes.
    """

    key: PublicKey
    name: str = ""
    endpoint: str = ""
    allowed_ips: tuple[Prefix, ...] = ()
    handshake_age: float | None = None
    asked: bool = True
    sent: int = 0
    received: int = 0
    obstacle: int = 0
    calls_us: bool = False
    echo: Echo | None = None

    @property
    def is_live(self) -> bool:
        """Whether it shook hands so lately that a session must be there."""
        return self.handshake_age is not None and self.handshake_age < SESSION_LIFE

    def __str__(self) -> str:
        return self.name or str(self.key)


@dataclass(frozen=True, slots=True)
class FileFacts:
    """A configuration file. ``mode`` and ``directory_mode`` are permission bits, ``others`` tells
    that somebody but root and us owns one of them; ``modified`` is Unix time.

    ``config`` is None, and ``error`` says why, if the file cannot be read as one; ``change`` is
    what it says to `wg`. ``unresolved`` maps endpoints whose names were not found to the reason.
    ``for_clients`` is what its comments say that clients send to it.
    """

    path: str
    mode: int = 0o600
    directory_mode: int = 0o755
    others: bool = False
    modified: float = 0.0
    error: str = ""
    config: QuickConfig = field(default_factory=QuickConfig)
    change: Change = field(default_factory=Change)
    unresolved: Mapping[str, str] = field(default_factory=dict)
    for_clients: tuple[Prefix, ...] = ()


@dataclass(frozen=True, slots=True)
class LinkFacts:
    """An interface that there is. ``fwmark`` 0: none; ``mtu`` in bytes.

    ``ways`` tells by which interface packets leave that are meant for a prefix, "" for none.
    ``counters`` are of our own daemon, since its start; ``news`` how much they grew meanwhile.
    ``offloads`` are those that it uses or might, and whether it does.
    """

    public_key: PublicKey | None
    up: bool = True
    mtu: int = 1420
    listen_port: int = 0
    fwmark: int = 0
    addresses: tuple[InterfaceAddress, ...] = ()
    peers: tuple[PeerFacts, ...] = ()
    ways: Mapping[Prefix, str] = field(default_factory=dict)
    counters: Mapping[str, int] = field(default_factory=dict)
    news: Mapping[str, int] = field(default_factory=dict)
    offloads: Mapping[str, bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Facts:
    """One interface, its file and its host. ``link`` is None if it is not there.

    ``now`` is Unix time. ``elsewhere`` tells of each family (True: IPv6) by which interface packets
    to the world leave. ``dns_tool`` is what sets name servers. ``port_taken``: somebody else has
    the port that the file asks for. ``settings`` are of the kernel, ``outer`` the interfaces by
    which endpoints are reached. ``masquerades`` is None if the firewall could not be asked.
    ``no_tun`` says why no TUN device can be made; ``kernel`` whether it has WireGuard itself.
    At ``dead_sockets`` nobody listens.
    """

    interface: str
    now: float
    link: LinkFacts | None = None
    file: FileFacts | None = None
    elsewhere: Mapping[bool, str] = field(default_factory=dict)
    dns_tool: str = "resolvconf"
    port_taken: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)
    outer: tuple[str, ...] = ()
    masquerades: bool | None = None
    no_tun: str = ""
    kernel: bool = False
    dead_sockets: tuple[str, ...] = ()

    @property
    def peers(self) -> tuple[PeerFacts, ...]:
        """The peers of the interface; none if it is not there."""
        return self.link.peers if self.link is not None else ()
