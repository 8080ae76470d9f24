"""The stage of the demo: two hosts, a configuration file and a daemon on each.

Everything lives inside the hosts' namespaces, the files on their own /run: when those go, and they
go with this process however it ends, nothing is left.
"""

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from typing import BinaryIO

from wiresnake.config import ini
from wiresnake.config.model import InterfaceConfig, PeerConfig
from wiresnake.config.request import set_request
from wiresnake.host.namespaces import Namespace
from wiresnake.values.addresses import Endpoint, Prefix
from wiresnake.values.keys import PresharedKey, PrivateKey

INTERFACE = "wg0"
PORT = 51820
MTU = 1420
NEEDED_PROGRAMS = ("ip", "mount", "nsenter", "sh", "unshare")
_CONFIG = f"/run/{INTERFACE}.conf"
_SOCKET = f"/var/run/wireguard/{INTERFACE}.sock"
_START_LIMIT = 15.0


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
    _daemon: subprocess.Popen[bytes] | None = None
    _log: BinaryIO | None = None

    def write_config(self) -> str:
        """Write the configuration to a file of the host; return its text, secrets hidden."""
        text = ini.format_config(self.config)
        path = self.host.path(_CONFIG)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="ascii") as file:
            file.write(text)
        return _without_secrets(text)

    def start_daemon(self, stack: contextlib.ExitStack) -> float:
        """Start `wiresnaked` and return the seconds until it answers. Raises DemoFailed.

        It ends with the host; its log is closed with ``stack``.
        """
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  # read until the host has gone
        stack.callback(self._log.close)
        began = time.monotonic()
        self._daemon = self.host.popen(
            [sys.executable, "-m", "wiresnake.daemon.main", "--foreground", INTERFACE],
            stdout=self._log,
            stderr=self._log,
        )
        while not self._answers():
            if self._daemon.poll() is not None or time.monotonic() - began > _START_LIMIT:
                raise DemoFailed(f"the daemon of the {self.name} did not start: {self._said()}")
            time.sleep(0.01)
        return time.monotonic() - began

    def configure(self) -> None:
        """Read the file, ask the daemon for what it says, give addresses, set the link up.

        Raises DemoFailed.
        """
        text = self.host.path(_CONFIG).read_text(encoding="ascii")
        request = set_request(ini.replacing(ini.parse(text)))
        with self._connected() as connection, connection.makefile("rb") as replies:
            connection.sendall(request)
            answer = replies.readline().strip()
        if answer != b"errno=0":
            raise DemoFailed(f"the daemon of the {self.name} refused: {answer.decode()!r}")
        self.host.add_address(INTERFACE, f"{self.inner4}/24")
        self.host.add_address(INTERFACE, f"{self.inner6}/64")
        self.host.ip("link", "set", INTERFACE, "mtu", str(MTU), "up")

    def show(self, *, colour: bool) -> str:
        """Return what `wiresnake show` prints on this host."""
        mode = "always" if colour else "never"
        command = [sys.executable, "-m", "wiresnake.cli.main", "show", INTERFACE]
        return self.host.run(command, env={**os.environ, "WG_COLOR_MODE": mode}).stdout

    def check_daemon(self) -> None:
        """Raise DemoFailed if the daemon has ended."""
        if self._daemon is not None and self._daemon.poll() is not None:
            raise DemoFailed(f"the daemon of the {self.name} ended: {self._said()}")

    def _said(self) -> str:
        assert self._log is not None
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().split("\n")
        return lines[-1] or "it said nothing"

    def _answers(self) -> bool:
        try:
            self._connected().close()
        except OSError:
            return False
        return True

    def _connected(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(10)
        try:
            connection.connect(str(self.host.path(_SOCKET)))
        except BaseException:
            connection.close()
            raise
        return connection


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
