"""IPsec by strongSwan, with the ESP of its own process (kernel-libipsec): ESP in UDP."""

import base64
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from bench.contestants.contract import Absent, Link, link_that_answers
from bench.contestants.names import IPSEC
from bench.lab.hosts import Host
from bench.lab.processes import Running, first_line
from bench.lab.tunnels import INNER, OUTER

CHARON = Path("/usr/lib/ipsec/charon")
PLUGINS = CHARON.with_name("plugins")
PATIENCE = 15.0
DAEMON_FILE, CONNECTION_FILE = "/run/strongswan.conf", "/run/swanctl.conf"

DAEMON = """charon {
    load_modular = no
    load = random nonce openssl chapoly kdf hmac sha2 curve25519 kernel-libipsec kernel-netlink \
socket-default vici
}
"""

CONNECTION = """connections {{ bench {{
    version = 2
    local_addrs = {here}
    remote_addrs = {there}
    encap = yes
    mobike = no
    proposals = chacha20poly1305-prfsha256-curve25519
    local {{
        auth = psk
        id = {here}
    }}
    remote {{
        auth = psk
        id = {there}
    }}
    children {{ bench {{
        local_ts = {here_inside}/32
        remote_ts = {there_inside}/32
        esp_proposals = chacha20poly1305
    }} }}
}} }}
secrets {{ ike-bench {{
    secret = 0s{secret}
}} }}
"""


@dataclass(frozen=True, slots=True)
class Ipsec:
    """strongSwan with the cipher of WireGuard. Its TUN reads packets of at most 1400 bytes."""

    name: str = field(default=IPSEC, init=False)

    def version(self) -> str:
        """Return the version of its daemon."""
        return first_line(str(CHARON), "--version")

    def connect(self, left: Host, right: Host) -> Link:
        """Join the hosts; the left one initiates."""
        secret = base64.b64encode(os.urandom(32)).decode()
        ends = [start(host, side, secret) for side, host in enumerate((left, right))]
        for end in ends:
            configure(end)
        left.call("swanctl", "--initiate", "--child", "bench")
        return link_that_answers(left, right, ends, within=PATIENCE)


def start(host: Host, side: int, secret: str) -> Running:
    """Start the daemon of one end, with the address inside on its loopback interface."""
    host.path(DAEMON_FILE).write_text(DAEMON)
    connection = host.path(CONNECTION_FILE)
    connection.touch(0o600)
    connection.write_text(
        CONNECTION.format(
            here=OUTER[4][side],
            there=OUTER[4][1 - side],
            here_inside=INNER[4][side],
            there_inside=INNER[4][1 - side],
            secret=secret,
        )
    )
    host.add_address("lo", f"{INNER[4][side]}/32")
    return Running(host, [str(CHARON)], {"STRONGSWAN_CONF": DAEMON_FILE})


def configure(end: Running) -> None:
    """Tell a daemon its connection as soon as it listens. Raises DaemonFailed."""
    end.wait_until(end.host.path("/run/charon.vici").exists, PATIENCE)
    end.host.call("swanctl", "--load-all", "--noprompt", "--file", CONNECTION_FILE)


def found() -> Ipsec:
    """Return strongSwan, if it is installed with its own ESP. Raises Absent."""
    if not CHARON.exists():
        raise Absent(f"there is no {CHARON} here (strongswan-charon)")
    if shutil.which("swanctl") is None:
        raise Absent("there is no swanctl here (strongswan-swanctl)")
    for plugin, package in (
        ("kernel-libipsec", "libcharon-extra-plugins"),
        ("chapoly", "libstrongswan-extra-plugins"),
    ):
        if not (PLUGINS / f"libstrongswan-{plugin}.so").exists():
            raise Absent(f"it lacks the plugin {plugin} here ({package})")
    return Ipsec()
