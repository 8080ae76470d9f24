"""Keys that do not fit, and peers that are one another's."""

from collections import Counter
from collections.abc import Iterator

from wiresnake.config.health.facts import Facts, Finding
from wiresnake.values.keys import PublicKey


def no_private_key(facts: Facts) -> Iterator[Finding]:
    """Find an interface without a key: it can neither call nor answer."""
    if facts.link is not None and facts.link.public_key is None:
        yield Finding("it has no private key", f"wg set {facts.interface} private-key FILE")


def own_key_as_peer(facts: Facts) -> Iterator[Finding]:
    """Find our own public key among the peers: somebody took the wrong one of a pair."""
    listed = [peer.key for peer in facts.peers]
    own = {facts.link.public_key} if facts.link is not None else set()
    if facts.file is not None and facts.file.change.private_key is not None:
        own.add(facts.file.change.private_key.public)
        listed += [peer.public_key for peer in facts.file.change.peers]
    for key in dict.fromkeys(listed):
        if key in own:
            yield Finding(
                f"its own public key {key} is listed as a peer",
                "put the public key of the other end there: on it, `wg show INTERFACE public-key'",
            )


def key_of_two_peers(facts: Facts) -> Iterator[Finding]:
    """Find two blocks of a file with one key: they are one peer, with the prefixes of the last."""
    if facts.file is None:
        return
    for key, times in Counter(peer.public_key for peer in facts.file.change.peers).items():
        if times > 1:
            yield Finding(
                f"{times} peers in {facts.file.path} have the same key {key}",
                "give each host a key of its own (`wiresnake genkey'), and its public key here",
            )


def other_key_than_the_file(facts: Facts) -> Iterator[Finding]:
    """Find a key in force that is not the file's: peers know one of them."""
    if facts.link is None or facts.file is None or facts.file.change.private_key is None:
        return
    if facts.file.change.private_key.public != facts.link.public_key:
        yield Finding(
            f"its private key is not the one in {facts.file.path}",
            f"find out which the peers know; then take it over: {_syncing(facts)}",
        )


def peers_not_taken_over(facts: Facts) -> Iterator[Finding]:
    """Find peers of the file that the interface has not: the file was edited, and no more."""
    if facts.link is None or facts.file is None:
        return
    there = {peer.key for peer in facts.peers}
    missing = {peer.public_key for peer in facts.file.change.peers} - there
    if missing:
        yield Finding(
            f"{len(missing)} of the peers in {facts.file.path} are not on the interface:"
            f" {_listed(missing)}",
            _syncing(facts),
        )


def no_peers(facts: Facts) -> Iterator[Finding]:
    """Find an interface with nobody to talk to."""
    if facts.link is not None and not facts.peers:
        yield Finding("it has no peers", f"wg set {facts.interface} peer KEY allowed-ips PREFIX")


def called_by_strangers(facts: Facts) -> Iterator[Finding]:
    """Find calls from a key that is not among the peers (only our daemon counts them)."""
    if _counted(facts, "unknown_peer"):
        yield Finding(
            "somebody calls whose public key is not among the peers here",
            "on that host, `wg show INTERFACE public-key'; that key must be a peer of this one",
        )


def called_by_another_name(facts: Facts) -> Iterator[Finding]:
    """Find calls that are meant for another public key than ours."""
    if facts.link is not None and _counted(facts, "dropped_bad_mac1"):
        yield Finding(
            "somebody calls here and expects another public key",
            f"its peer must have the PublicKey {facts.link.public_key}",
        )


def another_preshared_key(facts: Facts) -> Iterator[Finding]:
    """Find answers that do not open: all keys fit but the preshared one."""
    if _counted(facts, "bad_confirmation"):
        yield Finding(
            "a peer answers, and its answer does not open: the preshared keys differ",
            "put the same PresharedKey at both ends, or at neither",
        )


def called_from_the_past(facts: Facts) -> Iterator[Finding]:
    """Find calls that are older than earlier ones: the caller's clock was set back."""
    if _counted(facts, "replayed"):
        yield Finding(
            "a peer calls with an older time than before: its clock was set back",
            "set the clock of that host (timedatectl set-ntp true), or forget the peer here once",
        )


def _counted(facts: Facts, counter: str) -> bool:
    """Whether it happens now, or has happened and may be why a peer is not there."""
    if facts.link is None:
        return False
    if facts.link.news.get(counter):
        return True
    return bool(facts.link.counters.get(counter)) and not all(each.is_live for each in facts.peers)


def _listed(keys: set[PublicKey]) -> str:
    first, *others = sorted(str(key) for key in keys)
    return f"{first} and {len(others)} more" if others else first


def _syncing(facts: Facts) -> str:
    assert facts.file is not None
    return f"wiresnake syncconf {facts.interface} <(wiresnake strip {facts.file.path})"
