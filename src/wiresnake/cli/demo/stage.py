"""The stage of the demo: two hosts, and on each a configuration file that `wiresnake up` reads.

Everything lives inside the hosts' namespaces, the files on their own /run: when those go, and they
go with this process however it ends, nothing is left.
"""

import os
import secrets
import shutil
import socket
import sys
from dataclasses import dataclass, field

from wiresnake.config import ini
from wiresnake.config.model import InterfaceConfig, PeerConfig
from wiresnake.host import secret_files
from wiresnake.host.namespaces import Namespace
from wiresnake.values.addresses import Endpoint, Prefix
from wiresnake.values.keys import PresharedKey, PrivateKey

INTERFACE = "wg0"
PORT = 51820
NEEDED_PROGRAMS = ("ip", "mount", "nsenter", "sh", "unshare")
CONFIG = f"/run/{INTERFACE}.conf"
_SOCKET = f"/var/run/wireguard/{INTERFACE}.sock"
_WIRESNAKE = [sys.executable, "-m", "wiresnake.cli.main"]


class DemoFailed(Exception):
    """The demo cannot go on; the text is one line for people."""


def check_machine() -> None:
    """Raise DemoFailed if this machine lacks something that the stage is built of."""
    lacking = [program for program in NEEDED_PROGRAMS if shutil.which(program) is None]
    if lacking:
        raise DemoFailed(f"this machine lacks {', '.join(lacking)} (iproute2 and util-linux)")
    try:
        os.close(os.open("/dev/net/tun", os.O_RDWR))
    except OSError as refused:
        raise DemoFailed(f"/dev/net/tun cannot be used: {refused.strerror}") from None


@dataclass(slots=True)
class Actor:
    """One of the two hosts: where it is, and who it is inside the tunnel."""

    name: str
    host: Namespace
    outer: str
    inner4: str
    inner6: str
    config: InterfaceConfig = field(default_factory=InterfaceConfig)

    def write_config(self) -> str:
        """Write the configuration to a file of the host; return its text, secrets hidden."""
        heading, rest = ini.format_config(self.config).split("\n", 1)
        text = f"{heading}\nAddress = {self.inner4}/24, {self.inner6}/64\n{rest}"
        secret_files.create(self.host.path(CONFIG), text.encode())
        return _without_secrets(text)

    def bring_up(self) -> str:
        """Run `wiresnake up`; return the steps that it says it did. Raises DemoFailed."""
        return self._run("up", CONFIG)

    def take_down(self) -> str:
        """Run `wiresnake down`; return the steps that it says it did. Raises DemoFailed."""
        return self._run("down", CONFIG)

    def show(self, *, colour: bool) -> str:
        """Return what `wiresnake show` prints on this host."""
        mode = "always" if colour else "never"
        command = [*_WIRESNAKE, "show", INTERFACE]
        return self.host.run(command, env={**os.environ, "WG_COLOR_MODE": mode}).stdout

    def check_daemon(self) -> None:
        """Raise DemoFailed if the daemon has ended."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            try:
                connection.connect(str(self.host.path(_SOCKET)))
            except OSError as refused:
                raise DemoFailed(
                    f"the daemon of the {self.name} ended: {refused.strerror}"
                ) from None

    def _run(self, *words: str) -> str:
        done = self.host.run([*_WIRESNAKE, *words], check=False)
        said = done.stderr.strip()
        if done.returncode:
            last = said.rpartition("\n")[2]
            raise DemoFailed(f"`wiresnake {words[0]}` failed on the {self.name}: {last}")
        return said


def _without_secrets(text: str) -> str:
    lines = []
    for line in text.strip().split("\n"):
        label, equals, _ = line.partition(" = ")
        secret = label in {"PrivateKey", "PresharedKey"}
        lines.append(f"{label}{equals}(hidden)" if secret else line)
    return "\n".join(lines)


def cast(laptop_host: Namespace, server_host: Namespace) -> tuple[Actor, Actor]:
    """Return the laptop, which knows where the server is, and the server, which does not."""
    laptop = Actor("laptop", laptop_host, "192.0.2.1", "10.77.0.1", "fd77::1")
    server = Actor("server", server_host, "192.0.2.2", "10.77.0.2", "fd77::2")
    for actor in (laptop, server):
        actor.config.private_key = PrivateKey.generate(secrets.token_bytes(32))
    server.config.listen_port = PORT
    laptop.config.listen_port = PORT
    shared = PresharedKey(secrets.token_bytes(32))
    _introduce(laptop, server, shared, Endpoint.parse(f"{server.outer}:{PORT}"))
    _introduce(server, laptop, shared, None)
    return laptop, server


def _introduce(actor: Actor, other: Actor, shared: PresharedKey, where: Endpoint | None) -> None:
    assert other.config.private_key is not None
    key = other.config.private_key.public
    prefixes = [Prefix.parse(f"{other.inner4}/32"), Prefix.parse(f"{other.inner6}/128")]
    actor.config.peers[key] = PeerConfig(
        key, preshared_key=shared, endpoint=where, allowed_ips=dict.fromkeys(prefixes)
    )
