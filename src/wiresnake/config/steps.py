"""What `up` does to a host, one step at a time, as plain values that a journal can keep.

A step says what is done and holds what undoing it needs. Steps whose effect ends with the interface
need no undoing of their own. `words` says a step as the command that would do the same.
"""

from typing import Literal, TypeAlias

import msgspec

Backend: TypeAlias = Literal["daemon", "kernel", "either"]


class _Step(msgspec.Struct, frozen=True):
    @property
    def backwards(self) -> str:
        """The command that would undo the step; "" if its effect ends with the interface."""
        return ""


class MakeLink(_Step, frozen=True, tag=True):
    """Make the interface, of the kernel or of the userspace ``program``; or whichever can be.

    ``mark`` is in the environment of that program, by which it is found again.
    """

    interface: str
    backend: Backend
    program: list[str]
    mark: str

    @property
    def words(self) -> str:
        """The step as a command."""
        if self.backend == "daemon":
            return " ".join([self.program[-1].rpartition("/")[2], self.interface])
        return f"ip link add dev {self.interface} type wireguard"

    @property
    def backwards(self) -> str:
        """The command that would undo the step."""
        return f"ip link delete dev {self.interface}"


class RunHook(_Step, frozen=True, tag=True):
    """Run a command of the user's, ``%i`` filled in."""

    command: str

    @property
    def words(self) -> str:
        """The step as a command."""
        return self.command


class Configure(_Step, frozen=True, tag=True):
    """Give the interface its keys and peers, which are secret and stay out of the step."""

    interface: str
    path: str

    @property
    def words(self) -> str:
        """The step as a command."""
        return f"wg addconf {self.interface} <(wg-quick strip {self.path})"


class HandOver(_Step, frozen=True, tag=True):
    """Tell the daemon the names its peers may be found by, in order, by their public keys."""

    interface: str
    endpoints: dict[str, list[str]]

    @property
    def words(self) -> str:
        """The step as a command."""
        return f"wiresnaked {self.interface}: look up again {len(self.endpoints)} peers when lost"


class AddAddress(_Step, frozen=True, tag=True):
    """Give the interface an address."""

    interface: str
    address: str
    ipv6: bool

    @property
    def words(self) -> str:
        """The step as a command."""
        return f"ip {_option(self.ipv6)} address add {self.address} dev {self.interface}"


class SetUp(_Step, frozen=True, tag=True):
    """Set the MTU, in bytes, and the interface up."""

    interface: str
    mtu: int

    @property
    def words(self) -> str:
        """The step as a command."""
        return f"ip link set mtu {self.mtu} up dev {self.interface}"


class SetDns(_Step, frozen=True, tag=True):
    """Let the host ask these name servers; ``alone`` for every name there is."""

    interface: str
    tool: Literal["resolvconf", "resolvectl"]
    record: str
    servers: list[str]
    search: list[str]
    alone: bool

    @property
    def words(self) -> str:
        """The step as a command."""
        if self.tool == "resolvconf":
            return f"resolvconf -a {self.record} -m 0 -x"
        return f"resolvectl dns {self.interface} {' '.join(self.servers)}"

    @property
    def backwards(self) -> str:
        """The command that would undo the step."""
        if self.tool == "resolvconf":
            return f"resolvconf -d {self.record} -f"
        return f"resolvectl revert {self.interface}"


class SetMark(_Step, frozen=True, tag=True):
    """Mark the packets between the ends of the tunnel."""

    interface: str
    mark: int

    @property
    def words(self) -> str:
        """The step as a command."""
        return f"wg set {self.interface} fwmark {self.mark}"


class AddRoutes(_Step, frozen=True, tag=True):
    """Lead these prefixes into the interface. ``table`` 254 is the main one."""

    interface: str
    table: int
    prefixes: list[str]

    @property
    def words(self) -> str:
        """The step as a command."""
        first = self.prefixes[0]
        table = "" if self.table == MAIN else f" table {self.table}"
        more = f" (and {len(self.prefixes) - 1} more)" if len(self.prefixes) > 1 else ""
        return f"ip {_option(':' in first)} route add {first} dev {self.interface}{table}{more}"


class AddLastResort(_Step, frozen=True, tag=True):
    """Let a table lead nowhere, for all that no better route of it takes."""

    ipv6: bool
    table: int

    @property
    def words(self) -> str:
        """The step as a command."""
        where = f"default table {self.table} metric {LAST_METRIC}"
        return f"ip {_option(self.ipv6)} route add unreachable {where}"

    @property
    def backwards(self) -> str:
        """The command that would undo the step."""
        return self.words.replace(" add ", " delete ", 1)


class AddRule(_Step, frozen=True, tag=True):
    """Add a rule: what has not the mark goes by ``table``; or, without a mark, all by the main
    table, as far as that says more than a default route.
    """

    ipv6: bool
    priority: int
    table: int
    mark: int = 0

    @property
    def words(self) -> str:
        """The step as a command."""
        rule = f"ip {_option(self.ipv6)} rule add "
        if self.mark:
            return f"{rule}not fwmark {self.mark} table {self.table}"
        return f"{rule}table main suppress_prefixlength 0"

    @property
    def backwards(self) -> str:
        """The command that would undo the step."""
        return self.words.replace(" add ", " delete ", 1)


class WriteSetting(_Step, frozen=True, tag=True):
    """Set a setting of the kernel that was ``before``."""

    name: str
    value: str
    before: str

    @property
    def words(self) -> str:
        """The step as a command."""
        return f"sysctl -q {self.name}={self.value}"

    @property
    def backwards(self) -> str:
        """The command that would undo the step."""
        return f"sysctl -q {self.name}={self.before}"


class RaiseGuard(_Step, frozen=True, tag=True):
    """Raise the firewall's guard of one family for these addresses of the interface."""

    interface: str
    tool: Literal["nft", "iptables"]
    ipv6: bool
    mark: int
    addresses: list[str]

    @property
    def words(self) -> str:
        """The step as a command."""
        if self.tool == "nft":
            return f"nft add table {'ip6' if self.ipv6 else 'ip'} wg-quick-{self.interface} ..."
        return f"{'ip6' if self.ipv6 else 'ip'}tables-restore -n"

    @property
    def backwards(self) -> str:
        """The command that would undo the step."""
        if self.tool == "nft":
            return f"nft delete table {'ip6' if self.ipv6 else 'ip'} wg-quick-{self.interface}"
        return self.words


Step: TypeAlias = (
    MakeLink | RunHook | Configure | HandOver | AddAddress | SetUp | SetDns | SetMark | AddRoutes
    | AddLastResort | AddRule | WriteSetting | RaiseGuard
)  # fmt: skip

MAIN = 254
"""The number of the main routing table."""
LAST_METRIC = 4_000_000_000
"""The metric of a route of last resort: no other is as high by accident."""


def _option(ipv6: bool) -> str:
    return "-6" if ipv6 else "-4"
