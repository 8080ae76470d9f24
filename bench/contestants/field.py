"""The field: who can take part on this machine, and why who cannot."""

import sys
from collections.abc import Callable, Mapping, Sequence
from subprocess import CalledProcessError

from bench.contestants import builds, ipsec, names, openvpn
from bench.contestants.contract import Absent, Contestant, linked
from bench.contestants.probe import NO_CIPHER, RING, Probe
from bench.contestants.wireguard import WireGuard
from bench.lab import programs
from bench.lab.processes import DaemonFailed


def _debian() -> WireGuard:
    return WireGuard(programs.wireguard_go(name=names.DEBIAN))


def _newest() -> WireGuard:
    return WireGuard(programs.wireguard_go(str(builds.newest_wireguard_go()), names.NEWEST))


def _boringtun() -> WireGuard:
    return WireGuard(programs.boringtun(str(builds.boringtun()), names.BORINGTUN))


ENTRIES: Mapping[str, Callable[[], Contestant]] = {
    names.NATIVE: lambda: WireGuard(programs.wiresnake("native", names.NATIVE)),
    names.PORTABLE: lambda: WireGuard(programs.wiresnake("portable", names.PORTABLE)),
    names.NEWEST: _newest,
    names.BORINGTUN: _boringtun,
    names.DEBIAN: _debian,
    names.OPENVPN: openvpn.found,
    names.IPSEC: ipsec.found,
    names.PROBE: lambda: Probe(names.PROBE, builds.probe(), RING),
    names.BARE_PROBE: lambda: Probe(names.BARE_PROBE, builds.probe(), NO_CIPHER),
}
"""Everybody, in the order of the tables; each raises Absent where it cannot be had."""


def gather(wanted: Sequence[str]) -> list[Contestant]:
    """Return those of ``wanted`` (names of ENTRIES) that can take part.

    Each makes one tunnel first: who cannot is left out, with a line on stderr that says why, and
    does not spoil rounds later. Raises NamespaceUnavailable where nobody can.
    """
    present = []
    for name, entry in ENTRIES.items():
        if name not in wanted:
            continue
        try:
            contestant = entry()
            with linked(contestant):
                present.append(contestant)
        except (Absent, DaemonFailed, CalledProcessError) as reason:
            why = " ".join(" ".join([str(reason), *getattr(reason, "__notes__", [])]).split())
            print(f"{name} is left out: {why}", file=sys.stderr, flush=True)
    return present
