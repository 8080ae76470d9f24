"""Whether the firewall of this host gives packets its own address as they leave."""

import re

from wiresnake.host.programs import ProgramFailed, is_here, run

_MASQUERADES = re.compile(r"\b(masquerade|snat)\b", re.IGNORECASE)
_LISTINGS = (
    ["nft", "list", "ruleset"],
    ["iptables-save", "-t", "nat"],
    ["ip6tables-save", "-t", "nat"],
)


def is_on() -> bool | None:
    """Whether some rule does; None if no firewall could be asked."""
    asked = False
    for argv in _LISTINGS:
        if not is_here(argv[0]):
            continue
        try:
            listing = run(argv)
        except ProgramFailed:
            continue  # no right to, or a kernel without it: the others may know
        asked = True
        if _MASQUERADES.search(listing):
            return True
    return False if asked else None
