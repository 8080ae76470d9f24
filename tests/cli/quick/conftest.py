"""A host with a cable, files for its tunnel, and what of the host a tunnel changes."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from wiresnake.host.namespaces import Namespace, two_hosts
from wiresnake.values.keys import PrivateKey

BESIDE = Path(sys.executable).parent
DAEMON = str(BESIDE / "wiresnaked")
GATEWAYS = ("192.0.2.2", "2001:db8::2")


def new_key() -> PrivateKey:
    return PrivateKey.generate(os.urandom(32))


@dataclass
class Host:
    """A host that is joined to a gateway, and a directory for its files."""

    namespace: Namespace
    gateway: Namespace
    files: Path

    def ip(self, *words: str) -> str:
        return self.namespace.ip(*words)

    def write(self, interface: str, peers: str, name: str = "wg0") -> Path:
        """Write a file; ``interface`` and ``peers`` are lines, with %key for a peer's key."""
        text = f"[Interface]\nPrivateKey = {new_key().to_base64()}\n{interface}\n"
        text += re.sub(r"%key", lambda _: str(new_key().public), peers)
        return self.keep(text, name)

    def keep(self, text: str, name: str = "wg0") -> Path:
        file = self.files / f"{name}.conf"
        file.write_text(text)
        file.chmod(0o600)
        return file

    def run(self, *argv: str, check: bool = True, **more: str) -> subprocess.CompletedProcess[str]:
        path = f"{self.files}/bin:{os.environ['PATH']}"
        return self.namespace.run(list(argv), env={**os.environ, "PATH": path, **more}, check=check)

    def ours(self, *words: str, check: bool = True, **more: str):
        """Run `wiresnake` with these words."""
        return self.run(sys.executable, "-m", "wiresnake.cli.main", *words, check=check, **more)

    def real(self, *words: str, check: bool = True):
        """Run Debian's `wg-quick`, with our daemon as its fallback."""
        variable = {"WG_QUICK_USERSPACE_IMPLEMENTATION": DAEMON}
        return self.run("/usr/bin/wg-quick", *words, check=check, **variable)

    def linked(self, *words: str, check: bool = True, **more: str):
        """Run our program by a link that is called `wg-quick`."""
        link = self.files / "links" / "wg-quick"
        if not link.exists():
            link.parent.mkdir()
            link.symlink_to(BESIDE / "wiresnake")
        return self.run(str(link), *words, check=check, **more)

    def script(self, name: str, text: str) -> None:
        """Put a program of that name before all others."""
        file = self.files / "bin" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"#!/bin/sh\n{text}\n")
        file.chmod(0o755)

    def state(self) -> dict[str, Sequence[str]]:
        """Return all that a tunnel may change, as text to compare.

        Without the link-local address that the kernel draws anew each time, and what follows it.
        """
        ip = [self.ip(*words.split()) for words in ("-brief address", "-brief link", "-d link")]
        automatic = re.compile(r"fe80::[0-9a-f:]+(/64)?|[0-9a-f]{2}(:[0-9a-f]{2}){5}")
        return {
            "addresses": lines(automatic.sub("", ip[0])),
            "mtu": re.findall(r"^\d+: (\S+?)[:@].* (mtu \d+)", self.ip("link"), re.MULTILINE),
            "rules": [*lines(self.ip("-4", "rule")), *lines(self.ip("-6", "rule"))],
            "routes 4": lines(self.ip("-4", "route", "show", "table", "all")),
            "routes 6": [
                line
                for line in lines(self.ip("-6", "route", "show", "table", "all"))
                if "fe80::" not in line
            ],
            "nft": [
                line for line in lines(self.run("/usr/sbin/nft", "list", "ruleset").stdout)
                if "fe80::" not in line
            ],
            "iptables": [
                rule for each in ("iptables", "ip6tables") for rule in self.iptables(each)
            ],
            "files": sorted(
                str(path) for path in self.namespace.path("/run").rglob("*") if not path.is_dir()
            ),
        }  # fmt: skip

    def iptables(self, family: str) -> list[str]:
        """Return the rules of ``iptables`` or ``ip6tables``, the ones beside nft."""
        saved = self.run(f"{family}-legacy-save", check=False).stdout
        return [line for line in lines(saved) if line.startswith("-A")]

    def programs(self) -> list[int]:
        """Return the processes inside."""
        return self.namespace.inhabitants()

    def kill_daemon(self) -> None:
        """Kill the daemon as a crash would, and wait until its interface has gone with it."""
        self.run("sh", "-c", f"kill -9 {' '.join(map(str, self.programs()))}")
        until(lambda: not self.programs() and "wg0" not in self.ip("-brief", "link"))

    def setting(self) -> str:
        """Return net.ipv4.conf.all.src_valid_mark."""
        return self.run("cat", "/proc/sys/net/ipv4/conf/all/src_valid_mark").stdout.strip()


def until(condition: Callable[[], bool]) -> None:
    """Wait for ``condition()``. Raises TimeoutError."""
    give_up = time.monotonic() + 10
    while not condition():
        if time.monotonic() > give_up:
            raise TimeoutError
        time.sleep(0.005)


def lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.splitlines()]


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    """Make a host with a default route of each family to a gateway at the other end of a cable."""
    with two_hosts() as (left, right):
        for gateway in GATEWAYS:
            left.ip("-6" if ":" in gateway else "-4", "route", "add", "default", "via", gateway)
        yield Host(left, right, tmp_path)
