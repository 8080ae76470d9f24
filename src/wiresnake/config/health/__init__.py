"""What goes wrong with tunnels in practice: small checks, each over facts that were collected."""

from collections.abc import Callable, Iterator
from typing import Final

from wiresnake.config.health import handshakes, keys, surroundings, ways
from wiresnake.config.health.facts import Facts, Finding

Check = Callable[[Facts], Iterator[Finding]]

CHECKS: Final[tuple[Check, ...]] = (
    surroundings.not_there,
    surroundings.no_tun,
    surroundings.dead_socket,
    surroundings.unreadable_file,
    surroundings.file_of_others,
    surroundings.name_not_found,
    surroundings.port_in_use,
    surroundings.dns_cannot_be_set,
    handshakes.clock_behind,
    handshakes.link_down,
    keys.no_private_key,
    keys.own_key_as_peer,
    keys.key_of_two_peers,
    keys.other_key_than_the_file,
    keys.peers_not_taken_over,
    keys.no_peers,
    ways.prefix_of_two_peers,
    handshakes.no_allowed_ips,
    ways.own_address_of_a_peer,
    handshakes.udp_refused,
    handshakes.nothing_leaves,
    handshakes.never_answered,
    keys.called_by_strangers,
    keys.called_by_another_name,
    keys.another_preshared_key,
    keys.called_from_the_past,
    handshakes.never_called,
    handshakes.one_way,
    handshakes.nobody_inside,
    handshakes.wrong_source,
    ways.no_address,
    ways.missing_route,
    ways.leak_of_the_other_family,
    ways.strict_reverse_path,
    ways.black_hole,
    ways.too_small_for_ipv6,
    ways.not_forwarding,
    ways.not_masquerading,
    surroundings.old_tun,
)


def findings(facts: Facts) -> list[Finding]:
    """Return all that the checks find, the causes before what they cause."""
    return [finding for check in CHECKS for finding in check(facts)]
