"""Each check finds what it is for, and in a healthy tunnel none finds anything."""

import errno
import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from wiresnake.config.health import CHECKS, findings
from wiresnake.config.health.facts import Echo, Facts, FileFacts, LinkFacts, PeerFacts
from wiresnake.config.model import AllowedIpChange, Change, PeerChange
from wiresnake.config.quick import InterfaceAddress, QuickConfig
from wiresnake.values.addresses import Prefix
from wiresnake.values.keys import PrivateKey, PublicKey

KEY, OTHER = (PrivateKey.generate(os.urandom(32)) for _ in range(2))
THEIRS, THIRD = (PrivateKey.generate(os.urandom(32)).public for _ in range(2))
INNER = Prefix.parse("10.7.0.2/32")
INNER6 = Prefix.parse("fd07::2/128")
ALL4, ALL6 = Prefix.parse("0.0.0.0/0"), Prefix.parse("::/0")
NOW = 1_800_000_000.0

PEER = PeerFacts(
    THEIRS,
    endpoint="192.0.2.2:51820",
    allowed_ips=(INNER, INNER6),
    handshake_age=30.0,
    sent=148,
    received=92,
    echo=Echo("10.7.0.2", answered=True, largest=1420),
)
LINK = LinkFacts(
    KEY.public,
    addresses=(InterfaceAddress.parse("10.7.0.1/24"), InterfaceAddress.parse("fd07::1/64")),
    peers=(PEER,),
    ways={INNER: "wg0", INNER6: "wg0"},
    news={"unknown_peer": 0},
    offloads={"TSO": True, "USO": True},
)
FILE = FileFacts(
    "/etc/wireguard/wg0.conf",
    modified=NOW - 1000,
    config=QuickConfig(dns=["9.9.9.9"]),
    change=Change(
        private_key=KEY,
        listen_port=51820,
        peers=[PeerChange(THEIRS, allowed_ips=[AllowedIpChange(INNER), AllowedIpChange(INNER6)])],
    ),
)
SETTINGS = {
    "net.ipv4.conf.all.src_valid_mark": "0", "net.ipv4.ip_forward": "0",
    "net.ipv6.conf.all.forwarding": "0", "net.ipv4.conf.all.rp_filter": "0",
    "net.ipv4.conf.eth0.rp_filter": "1",
}  # fmt: skip
HEALTHY = Facts(
    "wg0", NOW, LINK, FILE, elsewhere={False: "eth0", True: "eth0"}, settings=SETTINGS,
    outer=("eth0",),
)  # fmt: skip


def peer(**changes: Any) -> Facts:
    return replace(HEALTHY, link=replace(LINK, peers=(replace(PEER, **changes),)))


def link(**changes: Any) -> Facts:
    return replace(HEALTHY, link=replace(LINK, **changes))


def file(**changes: Any) -> Facts:
    return replace(HEALTHY, file=replace(FILE, **changes))


def lost(**changes: Any) -> Facts:
    return peer(handshake_age=None, received=0, echo=Echo("10.7.0.2", answered=False), **changes)


def lost_with(counter: str) -> Facts:
    """Make a peer that is not there, and a counter that tells why; nothing goes out from here."""
    facts = peer(handshake_age=None, asked=False, sent=0, received=0, echo=None)
    assert facts.link is not None
    return replace(facts, link=replace(facts.link, counters={counter: 1}))


def listing(*peers: PeerChange) -> Change:
    return replace(FILE.change, peers=list(peers))


def gateway(**changes: Any) -> Facts:
    forwarding = {"net.ipv4.ip_forward": "1", "net.ipv6.conf.all.forwarding": "1"}
    made = file(for_clients=(ALL4, ALL6))
    return replace(made, settings=SETTINGS | forwarding, masquerades=True, **changes)


def whole(*prefixes: Prefix, **changes: Any) -> Facts:
    """Make a tunnel for everything, to which the ways lead."""
    facts = peer(allowed_ips=prefixes)
    assert facts.link is not None
    ways = dict.fromkeys(prefixes, "wg0")
    made = replace(facts.link, ways=ways, fwmark=51820)
    settings = SETTINGS | {"net.ipv4.conf.all.src_valid_mark": "1"}
    return replace(facts, link=made, **({"settings": settings} | changes))


PLANTED: dict[str, tuple[Facts, str]] = {
    "not_there": (Facts("wg0", NOW), "no WireGuard interface wg0"),
    "no_tun": (replace(HEALTHY, no_tun="/dev/net/tun is missing"), "/dev/net/tun is missing"),
    "dead_socket": (replace(HEALTHY, dead_sockets=("/run/x.sock",)), "/run/x.sock is left"),
    "unreadable_file": (file(error="line 3: MTU"), "/etc/wireguard/wg0.conf: line 3: MTU"),
    "file_of_others": (file(mode=0o644), "others can read"),
    "name_not_found": (file(unresolved={"a.b:7": "not known"}), "a.b:7 is not found: not known"),
    "port_in_use": (
        replace(HEALTHY, link=None, port_taken=True), "ListenPort = 51820 is in use",
    ),
    "dns_cannot_be_set": (replace(HEALTHY, dns_tool=""), "DNS = 9.9.9.9"),
    "clock_behind": (peer(handshake_age=-5.0), "earlier than a handshake"),
    "link_down": (link(up=False), "it is down"),
    "no_private_key": (
        replace(link(public_key=None), file=None), "no private key",
    ),
    "own_key_as_peer": (replace(peer(key=KEY.public), file=None), f"own public key {KEY.public}"),
    "key_of_two_peers": (file(change=listing(PeerChange(THEIRS), PeerChange(THEIRS))), "2 peers"),
    "other_key_than_the_file": (
        file(change=replace(FILE.change, private_key=OTHER)), "not the one in /etc",
    ),
    "peers_not_taken_over": (file(change=listing(PeerChange(THIRD))), str(THIRD)),
    "no_peers": (replace(link(peers=(), ways={}), file=None), "no peers"),
    "prefix_of_two_peers": (
        replace(
            file(change=listing(PeerChange(THEIRS, allowed_ips=[AllowedIpChange(INNER)]),
                                PeerChange(THIRD, allowed_ips=[AllowedIpChange(INNER)]))),
            link=replace(LINK, peers=(PEER, replace(PEER, key=THIRD))),
        ),
        "10.7.0.2/32 is in AllowedIPs of two peers",
    ),
    "no_allowed_ips": (peer(allowed_ips=()), "no AllowedIPs"),
    "own_address_of_a_peer": (
        peer(allowed_ips=(Prefix.parse("10.7.0.1/32"),)), "10.7.0.1/32 is this host's own",
    ),
    "udp_refused": (lost(obstacle=errno.EPERM), "a firewall of this host"),
    "nothing_leaves": (lost(sent=0), "nothing is sent"),
    "never_answered": (lost(), "are not answered"),
    "called_by_strangers": (lost_with("unknown_peer"), "not among the peers"),
    "called_by_another_name": (lost_with("dropped_bad_mac1"), "expects another public key"),
    "another_preshared_key": (lost_with("bad_confirmation"), "preshared keys differ"),
    "called_from_the_past": (lost_with("replayed"), "clock was set back"),
    "never_called": (
        peer(handshake_age=None, endpoint="", echo=None, asked=False), "not yet called",
    ),
    "one_way": (
        peer(received=0, echo=Echo("10.7.0.2", answered=False)), "is not answered",
    ),
    "nobody_inside": (
        peer(echo=Echo("10.7.0.2", answered=False)), "10.7.0.2 behind it does not answer",
    ),
    "wrong_source": (link(news={"dropped_wrong_source": 1}), "AllowedIPs here do not hold"),
    "no_address": (link(addresses=()), "no address"),
    "missing_route": (link(ways={INNER: "eth0", INNER6: "wg0"}), "10.7.0.2/32 go out by eth0"),
    "leak_of_the_other_family": (whole(ALL4), "IPv6 leaves beside it by eth0"),
    "strict_reverse_path": (whole(ALL4, ALL6, settings=SETTINGS), "rp_filter of eth0 is strict"),
    "black_hole": (
        peer(echo=Echo("10.7.0.2", answered=True, largest=1200)), "more than 1200 bytes",
    ),
    "too_small_for_ipv6": (
        replace(
            link(mtu=1200, peers=(replace(PEER, echo=Echo("10.7.0.2", answered=True, largest=1200)),
        ))),
        "IPv6 needs 1280",
    ),
    "not_forwarding": (
        replace(gateway(), settings=SETTINGS | {"net.ipv6.conf.all.forwarding": "1"}),
        "IPv4 through this host",
    ),
    "not_masquerading": (replace(gateway(), masquerades=False), "nothing here masquerades"),
    "old_tun": (link(offloads={"TSO": True, "USO": False}), "no USO"),
}  # fmt: skip
NOTES = {"never_called", "nobody_inside", "wrong_source", "old_tun"}
ALONG: dict[str, set[str]] = {"no_tun": set(), "peers_not_taken_over": set()}
"""Checks that must find something of another's fault too."""


def names_of(facts: Facts) -> set[str]:
    return {check.__name__ for check in CHECKS if list(check(facts))}


def test_a_healthy_tunnel_has_nothing() -> None:
    assert findings(HEALTHY) == []
    assert findings(gateway()) == []
    assert findings(whole(ALL4, ALL6)) == []


def test_a_file_alone_and_a_link_alone_have_nothing() -> None:
    assert findings(replace(HEALTHY, link=None)) == []
    assert findings(replace(HEALTHY, file=None)) == []


def test_every_check_has_a_planted_fault() -> None:
    assert PLANTED.keys() == {check.__name__ for check in CHECKS}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_is_found_by_its_check_and_no_other(name: str) -> None:
    facts, words = PLANTED[name]
    assert names_of(facts) == {name} | ALONG.get(name, set())
    found = findings(facts)
    assert any(words in each.what for each in found), found
    for each in found:
        assert each.note == (name in NOTES)
        assert each.remedy
        assert "\n" not in each.what + each.remedy


@pytest.mark.parametrize("name", PLANTED)
def test_no_finding_holds_a_secret(name: str) -> None:
    for each in findings(PLANTED[name][0]):
        for secret in (KEY, OTHER):
            assert secret.to_base64() not in each.what + each.remedy


WELL: dict[str, Callable[[], Facts]] = {
    "a /0 of both families": lambda: whole(ALL4, ALL6),
    "both halves of both": lambda: whole(*(
        Prefix.parse(each) for each in ("0.0.0.0/1", "128.0.0.0/1", "::/1", "8000::/1")
    )),
    "a /0 where the other family leads nowhere": lambda: whole(
        ALL4, elsewhere={False: "eth0", True: ""}
    ),
    "loose rp_filter": lambda: whole(
        ALL4, ALL6, settings=SETTINGS | {"net.ipv4.conf.all.rp_filter": "2"}
    ),
    "routes of the user's own": lambda: replace(
        link(ways={INNER: "eth0"}), file=replace(FILE, config=QuickConfig(table="off"))
    ),
    "a file that only its group reads, where others may not go": lambda: file(
        mode=0o640, directory_mode=0o700
    ),
    "an old counter, and all peers are there": lambda: link(counters={"unknown_peer": 9}),
    "a handshake in the second to come": lambda: peer(handshake_age=-0.5),
    "peers that are not asked": lambda: peer(
        handshake_age=None, asked=False, sent=0, received=0, echo=None
    ),
    "a gateway of IPv4 alone": lambda: replace(
        gateway(),
        link=replace(LINK, addresses=LINK.addresses[:1]),
        settings=SETTINGS | {"net.ipv4.ip_forward": "1"},
    ),
    "a firewall that could not be asked": lambda: replace(gateway(), masquerades=None),
}  # fmt: skip


@pytest.mark.parametrize("name", WELL)
def test_what_looks_like_a_fault_and_is_none(name: str) -> None:
    assert findings(WELL[name]()) == []


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ECONNREFUSED, "nothing listens at 192.0.2.2:51820"),
        (errno.ENETUNREACH, "no way to 192.0.2.2:51820"),
        (errno.EHOSTUNREACH, "no way to 192.0.2.2:51820"),
        (errno.EACCES, "a firewall of this host"),
    ],
)
def test_each_refusal_has_its_own_words(number: int, words: str) -> None:
    [found] = findings(lost(obstacle=number))
    assert words in found.what


@pytest.mark.parametrize(
    "changes",
    [{"mode": 0o620}, {"directory_mode": 0o777}, {"directory_mode": 0o775}, {"others": True}],
)
def test_who_can_write_a_file_can_run_commands(changes: dict[str, Any]) -> None:
    [found] = findings(file(**changes))
    assert "others than root can write" in found.what


@pytest.mark.parametrize(
    "facts",
    [
        lost(calls_us=True),
        lost(calls_us=True, obstacle=errno.ECONNREFUSED),
        peer(received=0, echo=Echo("10.7.0.2", answered=False), calls_us=True),
    ],
    ids=["silent", "refused", "one way"],
)
def test_who_only_calls_may_be_away(facts: Facts) -> None:
    [found] = findings(facts)
    assert found.note


def test_a_clock_behind_a_file() -> None:
    [found] = findings(file(modified=NOW + 3600))
    assert "the last change of" in found.what


def test_a_counter_that_grows_counts_at_once() -> None:
    [found] = findings(link(news={"replayed": 1}))
    assert "clock was set back" in found.what


def test_a_peer_is_called_by_its_name() -> None:
    [found] = findings(lost(name="office"))
    assert "handshakes to office at" in found.what
    assert str(THEIRS) in found.remedy


def test_many_faults_of_one_kind_are_not_all_told() -> None:
    prefixes = [Prefix.of(bytes([10, number, 0, 0]), 24) for number in range(100)]
    assert len(findings(link(ways=dict.fromkeys(prefixes, "")))) == 3
    peers = [PeerChange(PublicKey(os.urandom(32))) for _ in range(100)]
    [found] = findings(file(change=listing(*peers)))
    assert "and 99 more" in found.what
