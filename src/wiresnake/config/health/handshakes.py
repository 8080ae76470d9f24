"""Peers that do not answer, or do so in one direction."""

from collections.abc import Iterator
from errno import EACCES, ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, EPERM

from wiresnake.config.health.facts import Facts, Finding, PeerFacts

_HERE = {EPERM, EACCES}
_NO_WAY = {ENETUNREACH, EHOSTUNREACH}


def link_down(facts: Facts) -> Iterator[Finding]:
    """Find an interface that was made and never set up."""
    if facts.link is not None and not facts.link.up:
        yield Finding("it is down", f"ip link set {facts.interface} up")


def udp_refused(facts: Facts) -> Iterator[Finding]:
    """Find endpoints to which no datagram gets, by what the host or the network says."""
    for peer in facts.peers:
        if peer.obstacle in _HERE:
            yield Finding(
                f"a firewall of this host lets no UDP out to {peer.endpoint} ({peer})",
                f"allow UDP to {peer.endpoint}: `nft list ruleset' or `iptables-save' has the rule",
                note=peer.calls_us,
            )
        elif peer.obstacle in _NO_WAY:
            yield Finding(
                f"this host has no way to {peer.endpoint} ({peer})",
                f"ip route get {_host(peer.endpoint)}; is the network up?",
                note=peer.calls_us,
            )
        elif peer.obstacle == ECONNREFUSED:
            yield Finding(
                f"nothing listens at {peer.endpoint} ({peer})",
                "start WireGuard there; its ListenPort and the Endpoint here must be the same",
                note=peer.calls_us,
            )


def never_answered(facts: Facts) -> Iterator[Finding]:
    """Find handshakes that leave and are not answered; from outside, the causes look alike."""
    if facts.link is None or not facts.link.up:
        return
    for peer in _lost(facts):
        if peer.sent and not peer.obstacle:
            yield Finding(
                f"handshakes to {peer} at {peer.endpoint} are not answered",
                f"over there: is UDP let in to that port, has its peer the key"
                f" {facts.link.public_key}, and is its own key {peer.key}?",
                note=peer.calls_us,
            )


def nothing_leaves(facts: Facts) -> Iterator[Finding]:
    """Find peers to which nothing goes although there is reason to."""
    if facts.link is None or not facts.link.up or facts.link.public_key is None:
        return
    for peer in _lost(facts):
        if peer.asked and not peer.sent and not peer.obstacle and peer.allowed_ips:
            yield Finding(
                f"nothing is sent to {peer} at {peer.endpoint}",
                "look into the daemon's log; a firewall may drop what it sends",
            )


def never_called(facts: Facts) -> Iterator[Finding]:
    """Note peers that only they can call, and have not lately."""
    waiting = [peer for peer in facts.peers if not peer.endpoint and not peer.is_live]
    if waiting:
        names = ", ".join(str(peer) for peer in waiting[:3])
        more = f" and {len(waiting) - 3} more" if len(waiting) > 3 else ""
        yield Finding(
            f"not yet called: {names}{more}",
            "they have no Endpoint here, so they must call; run `wiresnake doctor' there",
            note=True,
        )


def one_way(facts: Facts) -> Iterator[Finding]:
    """Find sessions in which we send and hear nothing: even an idle peer would say that it lives
    after ten seconds.
    """
    for peer in facts.peers:
        silent = peer.sent and not peer.received and not _answered(peer)
        if peer.is_live and silent and not peer.obstacle:
            yield Finding(
                f"a session with {peer} is there, but what we send is not answered",
                f"something between drops what comes back from {peer.endpoint or 'it'}: a firewall,"
                " or a NAT that forgets (PersistentKeepalive = 25)",
                note=peer.calls_us,
            )


def nobody_inside(facts: Facts) -> Iterator[Finding]:
    """Note peers that are there, while the address behind them is silent."""
    for peer in facts.peers:
        if peer.is_live and peer.received and peer.echo is not None and not peer.echo.answered:
            yield Finding(
                f"{peer} is there, but {peer.echo.address} behind it does not answer pings",
                f"its AllowedIPs for this host must hold {_own(facts)}; or it answers no pings",
                note=True,
            )


def wrong_source(facts: Facts) -> Iterator[Finding]:
    """Note packets that come from addresses their sender may not have (our daemon counts them).

    Hosts that send everything here also send what is of their own link alone.
    """
    if facts.link is not None and facts.link.news.get("dropped_wrong_source"):
        yield Finding(
            "a peer sends packets from addresses that its AllowedIPs here do not hold",
            "add them to that peer's AllowedIPs, or let it send from its address in the tunnel",
            note=True,
        )


def no_allowed_ips(facts: Facts) -> Iterator[Finding]:
    """Find peers to which nothing can be sent."""
    for peer in facts.peers:
        if not peer.allowed_ips:
            yield Finding(
                f"{peer} has no AllowedIPs, so nothing goes to it or comes from it",
                f"wg set {facts.interface} peer {peer.key} allowed-ips PREFIX"
                " (did another peer take them?)",
            )


def clock_behind(facts: Facts) -> Iterator[Finding]:
    """Find a clock that is earlier than what has happened: peers refuse calls from the past."""
    what = ""
    if any(peer.handshake_age is not None and peer.handshake_age < -1 for peer in facts.peers):
        what = "a handshake that took place"
    elif facts.file is not None and facts.file.modified > facts.now + 60:
        what = f"the last change of {facts.file.path}"
    if what:
        yield Finding(
            f"the clock of this host is earlier than {what}",
            "set it (timedatectl set-ntp true): peers refuse handshakes from the past",
        )


def _lost(facts: Facts) -> Iterator[PeerFacts]:
    return (peer for peer in facts.peers if peer.endpoint and not peer.is_live)


def _answered(peer: PeerFacts) -> bool:
    return peer.echo is not None and peer.echo.answered


def _own(facts: Facts) -> str:
    assert facts.link is not None
    own = [str(each).partition("/")[0] for each in facts.link.addresses]
    return ", ".join(own) or "its address in the tunnel"


def _host(endpoint: str) -> str:
    return endpoint.rpartition(":")[0].strip("[]")
