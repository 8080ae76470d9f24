"""The names that people gave to the peers of an interface, for what is shown to people."""

from typing import Final

from wiresnake.config.names import friendly_names
from wiresnake.values.keys import PublicKey

CONFIGURATIONS: Final = "/etc/wireguard"


def of_interface(name: str) -> dict[PublicKey, str]:
    """Return the names in the configuration of ``name``; none if there is none that we may read."""
    try:
        with open(f"{CONFIGURATIONS}/{name}.conf", encoding="utf-8", errors="replace") as file:
            return friendly_names(file.read())
    except OSError:
        return {}  # who may not read it sees the keys alone, as everybody does
