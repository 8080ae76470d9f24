"""What happens to the interface, and to the ways out of this host, told by rtnetlink.

A move of the interface to another network namespace looks like its deletion (RTM_DELLINK) to the
namespace it leaves. So a deletion is believed only when the TUN descriptor says so too; else the
interface is looked for, and followed.
"""

import errno
import select
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct
from typing import Final, TypeAlias

from wiresnake.host import netlink
from wiresnake.host.clock import BoottimeTimer, boottime
from wiresnake.host.tun import Tun
from wiresnake.host.whereabouts import Whereabouts
from wiresnake.values.instants import NEVER

UNKNOWN_MTU: Final = 1420
"""Bytes: what is assumed where no interface can be asked, WireGuard's default."""

_LOOK_INTERVAL: Final = 0.5
_QUIET_TIME: Final = 0.2
_BUFFER_SIZE: Final = 1 << 20
_MESSAGE_SIZE: Final = 65536
_BATCH: Final = 256
_NAMESPACE_ID: Final = Struct("=i")
_CARRIER: Final = netlink.IFF_UP | netlink.IFF_RUNNING
_PATH_GROUPS: Final = (
    netlink.GROUP_IPV4_ADDRESS
    | netlink.GROUP_IPV4_ROUTE
    | netlink.GROUP_IPV6_ADDRESS
    | netlink.GROUP_IPV6_ROUTE
)


@dataclass(frozen=True, slots=True)
class LinkState:
    """The interface is up or down, and carries packets of up to ``mtu`` bytes."""

    up: bool
    mtu: int


@dataclass(frozen=True, slots=True)
class LinkGone:
    """The interface was deleted; nothing follows."""


@dataclass(frozen=True, slots=True)
class PathsChanged:
    """Addresses, routes or carriers changed where the UDP sockets live."""


LinkEvent: TypeAlias = LinkState | LinkGone | PathsChanged


class LinkWatch:
    """Watches the interface of ``tun`` wherever it goes, and the paths of the caller's namespace.

    Make it before rights are dropped: with CAP_NET_BROADCAST at that moment it hears at once of
    changes in every namespace; without, it looks twice a second while the interface is away.
    A descriptor that is no TUN, or whose interface cannot be seen, is up with `UNKNOWN_MTU`.
    Raises OSError; FileNotFoundError if the interface has gone already.
    """

    def __init__(self, tun: Tun) -> None:
        self._where = Whereabouts(tun.fd)
        self._links = netlink.open_listener(netlink.GROUP_LINK | netlink.GROUP_NSID, _BUFFER_SIZE)
        self._paths = netlink.open_listener(_PATH_GROUPS, _BUFFER_SIZE)
        self._hears_all = netlink.listen_everywhere(self._links)
        self._timer = BoottimeTimer()
        self._epoll = select.epoll()
        for part in (self._links, self._paths, self._timer):
            self._epoll.register(part.fileno(), select.EPOLLIN)
        self._state = LinkState(up=True, mtu=UNKNOWN_MTU)
        self._gone = False
        self._missed = False
        self._look_at = NEVER
        self._carriers: dict[int, int] = {}
        self._carriers_changed = False
        self._quiet_until = 0.0
        if tun.name:
            self._look([])
            self._arm()
        if self._gone:
            self.close()
            raise FileNotFoundError(errno.ENOENT, f"the interface {tun.name} is gone")

    def fileno(self) -> int:
        """Return a descriptor that is readable when there is something to `read`."""
        return self._epoll.fileno()

    def state(self) -> LinkState:
        """Return the state of the interface as of the last `read`."""
        return self._state

    def read(self) -> list[LinkEvent]:
        """Return what happened since the last call, never blocking.

        Every change of state is told, in order; PathsChanged at most once, and at most every
        fifth of a second; LinkGone last and once.
        """
        events: list[LinkEvent] = []
        if self._gone:
            return events
        self._timer.clear()
        self._read_links(events)
        if not self._gone:
            self._read_paths(events)
            if self._look_at <= boottime():
                self._look(events)
            self._arm()
        return events

    def close(self) -> None:
        """Close every descriptor but the TUN; idempotent."""
        for part in (self._epoll, self._timer, self._links, self._paths, self._where):
            part.close()

    def _read_links(self, events: list[LinkEvent]) -> None:
        for nsid, kind, body in self._heard():
            if kind in {netlink.RTM_NEWLINK, netlink.RTM_DELLINK}:
                link = netlink.parse_link(body)
                if link is not None:
                    self._take_link(events, nsid, link, deleted=kind == netlink.RTM_DELLINK)
            elif kind == netlink.RTM_DELNSID and nsid is None:
                # A namespace that ends is no longer heard from, so its links end in silence.
                ended = netlink.parse_namespace_id(body)
                if ended is not None and ended == self._where.nsid:
                    self._look_at = 0.0
            if self._gone:
                return
        if self._missed:
            self._look_at = 0.0

    def _heard(self) -> Iterator[tuple[int | None, int, memoryview]]:
        """Yield the namespace (None: our own), type and body of the link messages that wait."""
        for _ in range(_BATCH):
            try:
                received, ancillary, flags, sender = self._links.recvmsg(_MESSAGE_SIZE, 64)
            except BlockingIOError:
                self._missed = False
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                self._miss()
                continue
            if flags & socket.MSG_TRUNC:
                self._miss()
            elif sender[0] == 0:  # the kernel itself
                nsid = _sending_namespace(ancillary)
                for kind, _, body in netlink.messages(memoryview(received)):
                    yield nsid, kind, body

    def _miss(self) -> None:
        """Messages were lost: what still waits is old, and the state must be looked up anew."""
        self._missed = True
        self._look_at = 0.0
        self._carriers.clear()
        self._carriers_changed = True

    def _take_link(
        self, events: list[LinkEvent], nsid: int | None, link: netlink.Link, *, deleted: bool
    ) -> None:
        if (nsid, link.index) == (self._where.nsid, self._where.index):
            if deleted:
                # At once: what follows under this index here would be another interface.
                self._look(events)
            elif not self._missed:
                self._tell(events, link)
        elif nsid is None:
            # IPv4 routes vanish without a message when a link goes down, hence the carriers. Other
            # link messages (a radio's signal, say) change no path.
            carrier = 0 if deleted else link.flags & _CARRIER
            self._carriers_changed |= self._carriers.pop(link.index, None) != carrier
            if not deleted:
                self._carriers[link.index] = carrier

    def _read_paths(self, events: list[LinkEvent]) -> None:
        if boottime() < self._quiet_until:
            return
        changed, self._carriers_changed = self._carriers_changed, False
        for _ in range(_BATCH):
            try:
                self._paths.recv(1)
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
            changed = True
        # After each report the socket goes unheard for a while, so that the thousands of routes
        # of a routing daemon wake nobody; the timer ends the pause.
        self._epoll.modify(self._paths.fileno(), 0 if changed else select.EPOLLIN)
        self._quiet_until = boottime() + _QUIET_TIME if changed else 0.0
        if changed:
            events.append(PathsChanged())

    def _look(self, events: list[LinkEvent]) -> None:
        self._look_at = NEVER
        try:
            link = self._where.look()
        except OSError:
            self._look_at = boottime() + _LOOK_INTERVAL  # it exists, out of sight
            return
        if link is None:
            self._gone = True
            for part in (self._links, self._paths, self._timer):
                self._epoll.unregister(part.fileno())
            events.append(LinkGone())
            return
        self._tell(events, link)
        if self._where.nsid is not None and not self._hears_all:
            self._look_at = boottime() + _LOOK_INTERVAL

    def _tell(self, events: list[LinkEvent], link: netlink.Link) -> None:
        state = LinkState(bool(link.flags & netlink.IFF_UP), link.mtu or self._state.mtu)
        if state != self._state:
            self._state = state
            events.append(state)

    def _arm(self) -> None:
        self._timer.set(min(self._look_at, self._quiet_until or NEVER))


def _sending_namespace(ancillary: list[tuple[int, int, bytes]]) -> int | None:
    """Return the id of the namespace a message came from; those of our own carry none."""
    for level, kind, value in ancillary:
        if (level, kind) == (netlink.SOL_NETLINK, netlink.NETLINK_LISTEN_ALL_NSID):
            return int(_NAMESPACE_ID.unpack(value)[0])
    return None
