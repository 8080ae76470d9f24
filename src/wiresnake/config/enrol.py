"""A server's file and its clients' files, which match: each client is a further peer of the server.

What a server tells its clients stays in its file, in comments that begin with ``Clients:``, so that
the next one can be enrolled without being told again.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from wiresnake.config.allotment import free_address
from wiresnake.config.names import friendly_names
from wiresnake.config.outline import Entry, comments, entries
from wiresnake.values.addresses import InvalidAddress, Prefix, format_address
from wiresnake.values.keys import InvalidKey, PresharedKey, PrivateKey, PublicKey

EVERYTHING: Final = (Prefix(bytes(4), 0), Prefix(bytes(16), 0))
"""Both families, also where the tunnel has one: the other would leave beside it."""

_KEEPALIVE: Final = 25
_HINT: Final = re.compile(r"clients:\s*(\w+)\s*=\s*(.*)", re.IGNORECASE)
_GATEWAY: Final = re.compile(r"masquerade|ip_forward", re.IGNORECASE)
_FORWARD: Final = {4: "net.ipv4.ip_forward=1", 6: "net.ipv6.conf.all.forwarding=1"}
# A host that forwards hears no router advertisements, by which it may have its own default route.
_HEAR_ROUTERS: Final = (
    "for each in /proc/sys/net/ipv6/conf/*/accept_ra; do "
    'read -r how <"$each"; [ "$how" != 1 ] || echo 2 >"$each"; done'
)


class NotAServer(ValueError):
    """The text is no configuration to which a client could be added; the message says why."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a server tells its clients: where it is (``host:port``), what they are to send to it,
    whom they ask for names.
    """

    endpoint: str
    allowed_ips: tuple[Prefix, ...]
    dns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Client:
    """One client: what it is called, its keys, its addresses inside (4 or 16 bytes each)."""

    name: str
    key: PrivateKey
    addresses: tuple[bytes, ...]
    preshared_key: PresharedKey | None = None


@dataclass(frozen=True, slots=True)
class Server:
    """What a server's file says that matters to a new client.

    ``networks`` has one network of a family at most; ``taken`` is what belongs to somebody;
    ``hints`` are the comments for clients, by key in lower case.
    """

    public_key: PublicKey
    networks: tuple[Prefix, ...]
    taken: tuple[Prefix, ...]
    names: frozenset[str]
    hints: Mapping[str, str]

    def addresses(self) -> tuple[bytes, ...]:
        """Return the addresses that the next client gets. Raises NetworkFull."""
        return tuple(free_address(network, self.taken) for network in self.networks)

    def terms(
        self, endpoint: str | None, allowed_ips: tuple[Prefix, ...] | None, dns: tuple[str, ...]
    ) -> Terms:
        """Return what the next client is told: what is given here, else what the file has.

        Raises NotAServer if no endpoint is known.
        """
        endpoint = endpoint or self.hints.get("endpoint")
        if endpoint is None:
            raise NotAServer("it does not say where clients reach the server")
        if allowed_ips is None and (hint := self.hints.get("allowedips")):
            allowed_ips = tuple(_prefixes(hint, "the comment for clients"))
        return Terms(
            endpoint, allowed_ips or self.networks, dns or tuple(_items(self.hints.get("dns", "")))
        )


def server_text(
    key: PrivateKey, networks: Iterable[Prefix], port: int, terms: Terms, *, gateway: bool
) -> str:
    """Return the file of a server without clients, which has the first address of each network.

    ``gateway`` adds hooks that let clients leave by it. The text holds the private key.
    """
    networks = list(networks)
    addresses = [
        f"{format_address(free_address(network, ()))}/{network.length}" for network in networks
    ]
    hints = [f"# Clients: Endpoint = {terms.endpoint}",
             f"# Clients: AllowedIPs = {', '.join(map(str, terms.allowed_ips))}"]  # fmt: skip
    if terms.dns:
        hints.append(f"# Clients: DNS = {', '.join(terms.dns)}")
    lines = ["[Interface]", *hints, f"Address = {', '.join(addresses)}", f"ListenPort = {port}",
             f"PrivateKey = {key.to_base64()}"]  # fmt: skip
    if gateway:
        lines += _gateway_hooks(networks)
    return "\n".join(lines) + "\n"


def with_client(text: str, client: Client) -> str:
    """Return the file of a server with one more peer at its end, all else untouched.

    The text holds the secrets.
    """
    lines = ["[Peer]", f"# friendly_name = {client.name}", f"PublicKey = {client.key.public}"]
    if client.preshared_key is not None:
        lines.append(f"PresharedKey = {client.preshared_key.to_base64()}")
    lines.append(f"AllowedIPs = {_addresses(client)}")
    between = "" if text.endswith("\n\n") else "\n" if text.endswith("\n") else "\n\n"
    return text + between + "\n".join(lines) + "\n"


def client_text(client: Client, server: PublicKey, terms: Terms) -> str:
    """Return the file of a client. It holds the private key."""
    lines = ["[Interface]", f"PrivateKey = {client.key.to_base64()}",
             f"Address = {_addresses(client)}"]  # fmt: skip
    if terms.dns:
        lines.append(f"DNS = {', '.join(terms.dns)}")
    lines += ["", "[Peer]", f"PublicKey = {server}"]
    if client.preshared_key is not None:
        lines.append(f"PresharedKey = {client.preshared_key.to_base64()}")
    lines += [
        f"AllowedIPs = {', '.join(map(str, terms.allowed_ips))}",
        f"Endpoint = {terms.endpoint}",
        f"PersistentKeepalive = {_KEEPALIVE}",
    ]
    return "\n".join(lines) + "\n"


def read_server(text: str) -> Server:
    """Read what a new client must fit to. Raises NotAServer."""
    public_key = None
    networks: dict[bool, Prefix] = {}
    taken: list[Prefix] = []
    for entry in entries(text):
        if (entry.kind, entry.key) == ("interface", "privatekey"):
            public_key = _public_key(entry)
        elif (entry.kind, entry.key) == ("interface", "address"):
            for network, own in _own_addresses(entry):
                networks.setdefault(network.is_ipv6, network)
                taken.append(own)
        elif (entry.kind, entry.key) == ("peer", "allowedips"):
            taken += _prefixes(entry.value, f"line {entry.line}")
    if public_key is None:
        raise NotAServer("it has no PrivateKey")
    if not networks:
        raise NotAServer("it has no Address to allot others from")
    names = frozenset(friendly_names(text).values())
    return Server(public_key, tuple(networks.values()), tuple(taken), names, _hints(text))


def _hints(text: str) -> dict[str, str]:
    said = (_HINT.fullmatch(words) for words in comments(text))
    return {match[1].lower(): match[2].strip() for match in said if match}


def sent_by_clients(text: str) -> tuple[Prefix, ...]:
    """Return what clients send to this host, as far as its file tells; nothing if it does not.

    Either its comments for clients say so, or hooks that make a host a gateway. Raises NotAServer
    for a comment that cannot be read.
    """
    hint = _hints(text).get("allowedips")
    if hint:
        return tuple(_prefixes(hint, "the comment for clients"))
    hooks = [entry.value for entry in entries(text) if entry.key in {"preup", "postup"}]
    return EVERYTHING[:1] if any(map(_GATEWAY.search, hooks)) else ()


def _gateway_hooks(networks: list[Prefix]) -> Iterator[str]:
    """Let packets of the clients leave by this host, under its own address."""
    families = [6 if network.is_ipv6 else 4 for network in networks]
    rules = "; ".join(
        f'{"ip6" if network.is_ipv6 else "ip"} saddr {network} oifname != "%i" masquerade'
        for network in networks
    )
    if 6 in families:
        yield f"PostUp = {_HEAR_ROUTERS}"
    yield f"PostUp = sysctl -q -w {' '.join(_FORWARD[family] for family in families)}"
    chain = f"chain gate {{ type nat hook postrouting priority 100; {rules}; }}"
    yield f"PostUp = nft 'table inet wiresnake-%i {{ {chain}; }}'"
    yield "PostDown = nft delete table inet wiresnake-%i"


def _addresses(client: Client) -> str:
    return ", ".join(f"{format_address(each)}/{len(each) * 8}" for each in client.addresses)


def _items(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]


def _public_key(entry: Entry) -> PublicKey:
    try:
        return PrivateKey.from_base64(entry.value).public
    except InvalidKey as bad:
        raise NotAServer(f"line {entry.line}: {bad}") from None


def _own_addresses(entry: Entry) -> Iterator[tuple[Prefix, Prefix]]:
    """Yield the network of each address, and the address alone."""
    for item in _items(entry.value):
        try:
            yield Prefix.parse(item), Prefix.parse(item.partition("/")[0])
        except InvalidAddress as bad:
            raise NotAServer(f"line {entry.line}: {bad}") from None


def _prefixes(text: str, where: str) -> list[Prefix]:
    try:
        return [Prefix.parse(item.lstrip("+")) for item in _items(text)]
    except InvalidAddress as bad:
        raise NotAServer(f"{where}: {bad}") from None
