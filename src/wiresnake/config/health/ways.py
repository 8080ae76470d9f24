"""Where packets go, and how large they may be."""

from collections.abc import Iterator

from wiresnake.config.health.facts import Facts, Finding
from wiresnake.config.plan import IPV6_LEAST_MTU, SRC_VALID_MARK, takes_all
from wiresnake.values.addresses import Prefix
from wiresnake.values.keys import PublicKey

_FAMILIES = {False: ("IPv4", "0.0.0.0/0"), True: ("IPv6", "::/0")}


def no_address(facts: Facts) -> Iterator[Finding]:
    """Find an interface that is up and has no address to send from."""
    if facts.link is not None and facts.link.up and not facts.link.addresses:
        yield Finding("it has no address", f"ip address add ADDRESS/LENGTH dev {facts.interface}")


def missing_route(facts: Facts) -> Iterator[Finding]:
    """Find allowed IPs for which packets go elsewhere, or nowhere."""
    if facts.link is None or not facts.link.up or _routes_itself(facts):
        return
    astray = [(prefix, by) for prefix, by in facts.link.ways.items() if by != facts.interface]
    for prefix, by in astray[:3]:
        where = f"go out by {by}" if by else "go nowhere"
        yield Finding(
            f"packets to {prefix} {where}, and a peer has them in its AllowedIPs",
            f"ip route add {prefix} dev {facts.interface}"
            if prefix.length
            else f"bring it up by `wiresnake up {facts.interface}', which makes rules for a /0",
        )


def prefix_of_two_peers(facts: Facts) -> Iterator[Finding]:
    """Find a prefix that two peers of a file claim: the last one has it."""
    if facts.file is None:
        return
    owners: dict[Prefix, PublicKey] = {}
    for peer in facts.file.change.peers:
        for each in peer.allowed_ips:
            other = owners.setdefault(each.prefix, peer.public_key)
            if other != peer.public_key:
                yield Finding(
                    f"{each.prefix} is in AllowedIPs of two peers, {other} and {peer.public_key}",
                    "a prefix belongs to one peer, the last in the file: take it from the other",
                )


def own_address_of_a_peer(facts: Facts) -> Iterator[Finding]:
    """Find a peer with exactly our address: what is meant for it never leaves."""
    if facts.link is None:
        return
    own = {Prefix.of(each.address, len(each.address) * 8) for each in facts.link.addresses}
    for peer in facts.peers:
        for prefix in own.intersection(peer.allowed_ips):
            yield Finding(
                f"{prefix} is this host's own address, and in AllowedIPs of {peer}",
                "give the peer the address that it has itself",
            )


def leak_of_the_other_family(facts: Facts) -> Iterator[Finding]:
    """Find a tunnel for all of one family, beside which the other leaves."""
    if facts.link is None or not facts.link.up:
        return
    prefixes = {each for peer in facts.peers for each in peer.allowed_ips}
    whole = [ipv6 for ipv6 in _FAMILIES if takes_all(prefixes, ipv6=ipv6)]
    if len(whole) != 1:
        return
    (taken, _), (other, missing) = _FAMILIES[whole[0]], _FAMILIES[not whole[0]]
    by = facts.elsewhere.get(not whole[0], "")
    if by and by != facts.interface:
        yield Finding(
            f"all {taken} goes into the tunnel, and {other} leaves beside it by {by}",
            f"add {missing} to the AllowedIPs of the same peer",
        )


def black_hole(facts: Facts) -> Iterator[Finding]:
    """Find packets that the MTU lets in and the way swallows."""
    if facts.link is None:
        return
    for peer in facts.peers:
        echo = peer.echo
        if echo is not None and echo.answered and 0 < echo.largest < facts.link.mtu:
            yield Finding(
                f"packets of more than {echo.largest} bytes to {peer} vanish,"
                f" and the MTU is {facts.link.mtu}",
                f"ip link set {facts.interface} mtu {echo.largest}; and MTU = {echo.largest}"
                " in its file",
            )


def too_small_for_ipv6(facts: Facts) -> Iterator[Finding]:
    """Find IPv6 in a tunnel with a smaller MTU than it needs (RFC 8200, 5)."""
    if facts.link is None or facts.link.mtu >= IPV6_LEAST_MTU:
        return
    if any(prefix.is_ipv6 for peer in facts.peers for prefix in peer.allowed_ips):
        yield Finding(
            f"the MTU is {facts.link.mtu}, and IPv6 needs {IPV6_LEAST_MTU}",
            f"ip link set {facts.interface} mtu {IPV6_LEAST_MTU}, or leave IPv6 out of AllowedIPs",
        )


def not_forwarding(facts: Facts) -> Iterator[Finding]:
    """Find a gateway that does not forward."""
    for ipv6, setting in ((False, "net.ipv4.ip_forward"), (True, "net.ipv6.conf.all.forwarding")):
        if _leads_on(facts, ipv6=ipv6) and facts.settings.get(setting) == "0":
            yield Finding(
                f"clients send {_FAMILIES[ipv6][0]} through this host, and it does not forward",
                f"sysctl -w {setting}=1; and in /etc/sysctl.d to keep it",
            )


def not_masquerading(facts: Facts) -> Iterator[Finding]:
    """Find a gateway whose clients leave under addresses that nobody outside answers."""
    leading = [ipv6 for ipv6 in _FAMILIES if _leads_on(facts, ipv6=ipv6)]
    if leading and facts.masquerades is False:
        networks = [
            str(Prefix.of(each.address, each.length))
            for each in (facts.link.addresses if facts.link is not None else ())
            if each.is_ipv6 == leading[0]
        ]
        yield Finding(
            "clients send everything through this host, and nothing here masquerades",
            f"nft add rule in a nat postrouting chain: {'ip6' if leading[0] else 'ip'} saddr"
            f" {networks[0] if networks else 'NETWORK'} oifname != {facts.interface} masquerade",
        )


def strict_reverse_path(facts: Facts) -> Iterator[Finding]:
    """Find strict rp_filter where answers to marked packets look like coming the wrong way."""
    if facts.link is None or not facts.link.fwmark or facts.settings.get(SRC_VALID_MARK) != "0":
        return
    prefixes = {each for peer in facts.peers for each in peer.allowed_ips}
    if not takes_all(prefixes, ipv6=False):
        return
    for outer in facts.outer:
        # The kernel takes the greater of the two.
        values = [facts.settings.get(f"net.ipv4.conf.{name}.rp_filter") for name in ("all", outer)]
        if max((int(value) for value in values if value), default=0) == 1:
            yield Finding(
                f"rp_filter of {outer} is strict: it drops what peers answer to marked packets",
                f"sysctl -w {SRC_VALID_MARK}=1",
            )


def _routes_itself(facts: Facts) -> bool:
    """Whether the file says that routes are the user's own affair."""
    return facts.file is not None and facts.file.config.table not in {"auto", "main", "254"}


def _leads_on(facts: Facts, *, ipv6: bool) -> bool:
    """Whether clients are told to send everything of a family here, and have an address for it."""
    if facts.link is None or facts.file is None:
        return False
    whole = takes_all(set(facts.file.for_clients), ipv6=ipv6)
    return whole and any(each.is_ipv6 == ipv6 for each in facts.link.addresses)
