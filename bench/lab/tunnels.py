"""A tunnel between two hosts, configured by the real `wg` as an administrator would.

left   10.77.0.1, fd77::1      ===== tunnel =====   10.77.0.2, fd77::2      right
       192.0.2.1, 2001:db8::1  ----- cable ------   192.0.2.2, 2001:db8::2
"""

import base64
import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field

from bench.lab.hosts import Host, cable
from bench.lab.programs import Daemon, Program
from wiresnake.values.keys import PrivateKey

PORT = 51820
OUTER = {4: ("192.0.2.1", "192.0.2.2"), 6: ("2001:db8::1", "2001:db8::2")}
SECOND_OUTER = {4: ("192.0.2.71", "192.0.2.72"), 6: ("2001:db8::71", "2001:db8::72")}
LENGTH = {4: 24, 6: 64}
INNER = {
    4: ("10.77.0.1", "10.77.0.2", "10.77.0.3"),
    6: ("fd77::1", "fd77::2", "fd77::3"),
}
"""The left end's, the right end's, and those of a third that may come along."""


def new_key() -> PrivateKey:
    """Return a fresh private key."""
    return PrivateKey.generate(os.urandom(32))


def new_preshared_key() -> str:
    """Return a fresh preshared key in base64."""
    return base64.b64encode(os.urandom(32)).decode()


def endpoint(address: str, port: int = PORT) -> str:
    """Write an endpoint as `wg` reads it."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def peer(public_key: str, number: int) -> str:
    """Write a peer with one IPv4 and one IPv6 address, which ``number``, below 2^23, chooses."""
    high, low = number >> 16, number & 65535
    v4 = f"10.{128 + high}.{low >> 8}.{low & 255}"
    return f"[Peer]\nPublicKey = {public_key}\nAllowedIPs = {v4}/32, fd99::{high:x}:{low:x}/128\n"


def peers(count: int) -> str:
    """Write ``count`` peers that nobody is."""
    return "".join(
        peer(base64.b64encode(os.urandom(32)).decode(), number) for number in range(count)
    )


@dataclass(slots=True)
class End:
    """One end of a tunnel. ``endpoint`` is where the other end finds this one."""

    host: Host
    program: Program
    side: int
    endpoint: str
    port: int = PORT
    key: PrivateKey = field(default_factory=new_key)
    interface: str = "wg0"
    daemon: Daemon | None = None

    def inner(self, family: int) -> str:
        """Return its address inside the tunnel, of family 4 or 6."""
        return INNER[family][self.side]

    @property
    def public_key(self) -> str:
        """Its public key in base64."""
        return str(self.key.public)

    @property
    def running(self) -> Daemon:
        """The daemon, which has been started."""
        assert self.daemon is not None
        return self.daemon

    def bring_up(self, config: str, mtu: int = 1420) -> None:
        """Start the program, give it ``config`` by `wg setconf`, and set the link up."""
        self.daemon = self.program.start(self.host, self.interface)
        self.setconf(config)
        for family, length in LENGTH.items():
            self.host.add_address(self.interface, f"{self.inner(family)}/{length}")
        self.set_mtu(mtu)
        self.host.ip("link", "set", self.interface, "up")

    def set_mtu(self, mtu: int) -> None:
        """Change the MTU of the interface."""
        self.host.ip("link", "set", self.interface, "mtu", str(mtu))

    def setconf(self, config: str, verb: str = "setconf") -> None:
        """Give ``config`` to `wg setconf`, or to `wg addconf` or `syncconf`."""
        self.host.call("wg", verb, self.interface, "/dev/stdin", text=config)

    def set(self, *words: str, text: str = "") -> None:
        """Run `wg set`; a file ``/dev/stdin`` among the words reads ``text``."""
        self.host.call("wg", "set", self.interface, *words, text=text)

    def show(self, what: str) -> str:
        """Run `wg show INTERFACE WHAT`."""
        return self.host.call("wg", "show", self.interface, what)

    def last_handshake(self) -> int:
        """Return the Unix time of the newest handshake of any peer, 0 for none."""
        lines = self.show("latest-handshakes").split("\n")
        return max((int(line.split("\t")[1]) for line in lines if line), default=0)

    def transfer(self) -> tuple[int, int]:
        """Return bytes received and sent, of all peers."""
        rows = [line.split("\t") for line in self.show("transfer").split("\n") if line]
        return sum(int(row[1]) for row in rows), sum(int(row[2]) for row in rows)


@dataclass(slots=True)
class Tunnel:
    """Two ends that know each other."""

    left: End
    right: End
    preshared: str = ""
    keepalive: int = 0

    def config(self, end: End, *, knows_endpoint: bool = True) -> str:
        """Write the configuration of one of the two ends."""
        interface = f"PrivateKey = {end.key.to_base64()}\nListenPort = {end.port}\n"
        return f"[Interface]\n{interface}" + self.peer_of(end, knows_endpoint=knows_endpoint)

    def peer_of(self, end: End, *, knows_endpoint: bool = True) -> str:
        """Write that part of its configuration which is about the other end."""
        other = self.right if end is self.left else self.left
        lines = ["[Peer]", f"PublicKey = {other.public_key}"]
        lines += [f"AllowedIPs = {other.inner(4)}/32, {other.inner(6)}/128"]
        if self.preshared:
            lines.append(f"PresharedKey = {self.preshared}")
        if self.keepalive:
            lines.append(f"PersistentKeepalive = {self.keepalive}")
        if knows_endpoint:
            lines.append(f"Endpoint = {other.endpoint}")
        return "\n".join(lines) + "\n"

    def bring_up(self, *, right_knows_left: bool = False, mtu: int = 1420) -> None:
        """Bring both ends up. The left one initiates unless the right one is made to."""
        self.right.bring_up(self.config(self.right, knows_endpoint=right_knows_left), mtu)
        self.left.bring_up(self.config(self.left), mtu)


@contextlib.contextmanager
def two_hosts(*, second_addresses: bool = False) -> Iterator[tuple[Host, Host]]:
    """Make two hosts joined by a cable that carries both families, with one address of each.

    With ``second_addresses`` they have those of SECOND_OUTER too, which the host itself prefers
    in neither family.
    """
    with Host("left") as left, Host("right") as right:
        # Linux prefers the IPv4 address that it was given first, the IPv6 address given last.
        ranges = {4: (OUTER, SECOND_OUTER), 6: (SECOND_OUTER, OUTER)}
        addresses = [
            [
                f"{outer[family][side]}/{LENGTH[family]}"
                for family in (4, 6)
                for outer in ranges[family]
                if second_addresses or outer is OUTER
            ]
            for side in (0, 1)
        ]
        cable(left, right, addresses[0], addresses[1])
        yield left, right


@contextlib.contextmanager
def tunnel(
    left: Program,
    right: Program,
    *,
    family: int = 4,
    preshared: str = "",
    keepalive: int = 0,
    right_knows_left: bool = False,
    mtu: int = 1420,
    second_addresses: bool = False,
) -> Iterator[Tunnel]:
    """Make two hosts with a tunnel between them, over the outer ``family``, both ends up."""
    with two_hosts(second_addresses=second_addresses) as hosts:
        ends = [
            End(hosts[side], program, side, endpoint(OUTER[family][side]))
            for side, program in enumerate((left, right))
        ]
        made = Tunnel(ends[0], ends[1], preshared, keepalive)
        made.bring_up(right_knows_left=right_knows_left, mtu=mtu)
        yield made
