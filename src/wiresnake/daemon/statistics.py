"""How a daemon stands, as one line of the control socket."""

from collections.abc import Sequence

from wiresnake import __version__
from wiresnake.daemon.subscription import Line
from wiresnake.door.snapshots import Observed
from wiresnake.host.tun import Tun
from wiresnake.tunnel.lookout import Lookout
from wiresnake.tunnel.runtime import Tunnel
from wiresnake.values.addresses import format_address
from wiresnake.values.instants import Instant
from wiresnake.values.keys import PublicKey


class Statistics:
    """Reads one tunnel over ``device``, from the moment it was made."""

    def __init__(self, tunnel: Tunnel, device: Tun, lookout: Lookout) -> None:
        self._tunnel = tunnel
        self._device = device
        self._lookout = lookout
        self._began = tunnel.standing.now().boottime

    def line(self, keys: Sequence[PublicKey]) -> Line:
        """Return how it stands, with the stamps of the peers ``keys``. Raises PlaneLost.

        Seconds are of CLOCK_BOOTTIME, so that sleep counts.
        """
        tunnel, device = self._tunnel, self._device
        now = tunnel.standing.now().boottime
        seen = tunnel.standing.observe(keys)
        return {
            "version": __version__,
            "interface": device.name,
            "plane": tunnel.standing.plane,
            "uptime": round(now - self._began, 3),
            "up": tunnel.is_up,
            "sockets": {
                "port": tunnel.listen_port,
                "fwmark": tunnel.config.fwmark,
                "families": tunnel.families,
            },
            "tun": {
                "mtu": tunnel.mtu,
                "vnet_header": device.vnet_header,
                "tso": device.tso,
                "uso": device.uso,
            },
            "counters": tunnel.standing.counters(),
            "peer_count": len(tunnel.config.peers),
            "peers": {str(key): self._peer(key, each, now) for key, each in seen.items()},
        }

    def _peer(self, key: PublicKey, seen: Observed, now: Instant) -> Line:
        """Return what the UAPI has no word for. Each ``_ago`` is seconds, None if never."""
        return {
            "sent_ago": _ago(seen.last_sent, now),
            "received_ago": _ago(seen.last_received, now),
            "staged_ago": _ago(seen.last_staged, now),
            "unanswered_for": _ago(seen.unanswered_since, now),
            "source": format_address(seen.local) if seen.local else None,
            "names": [str(name) for name in self._lookout.names_of(key)],
        }


def _ago(stamp: Instant | None, now: Instant) -> float | None:
    return None if stamp is None else round(max(0.0, now - stamp), 3)
