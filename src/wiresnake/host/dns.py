"""Which name servers this host asks, set through whatever decides that here."""

import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeAlias

from wiresnake.host.programs import is_here, run

Tool: TypeAlias = Literal["resolvconf", "resolvectl", ""]

RESOLVED: Final = Path("/run/systemd/resolve/io.systemd.Resolve")
"""The socket of systemd-resolved, where that runs."""
ORDER: Final = Path("/etc/resolvconf/interface-order")
"""Where Debian's resolvconf ranks interfaces by the beginnings of their names."""


class Servers(NamedTuple):
    """Name servers (numeric), and the domains in which short names are searched."""

    servers: Sequence[str]
    search: Sequence[str]


def find_tool() -> Tool:
    """Return what sets name servers here; "" if nothing does.

    A `resolvconf` that is only another name of `resolvectl` is as good as systemd-resolved runs.
    """
    found = shutil.which("resolvconf")
    if found is not None and Path(found).resolve().name != "resolvectl":
        return "resolvconf"
    return "resolvectl" if is_here("resolvectl") and RESOLVED.exists() else ""


def record_name(interface: str) -> str:
    """Return under which name `resolvconf` is told of the interface, so that it ranks high."""
    found = shutil.which("resolvconf")
    if found is None or Path(found).is_symlink():
        return interface
    try:
        order = ORDER.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return interface
    first = re.search(r"^([A-Za-z0-9-]+)\*$", order, re.MULTILINE)
    return f"{first[1]}.{interface}" if first else interface


def give(tool: Tool, interface: str, record: str, asked: Servers, *, alone: bool) -> None:
    """Let the host ask these servers by way of ``interface``.

    ``record`` is `record_name`'s. ``alone``: for all names, also where resolvectl could tell
    names apart; resolvconf always does so. Raises ProgramFailed.
    """
    if tool == "resolvconf":
        lines = [f"nameserver {server}" for server in asked.servers]
        if asked.search:
            lines.append(f"search {' '.join(asked.search)}")
        run(["resolvconf", "-a", record, "-m", "0", "-x"], "\n".join(lines) + "\n")
        return
    domains = [*asked.search, *(["~."] if alone else [])]
    run(["resolvectl", "dns", interface, *asked.servers])
    run(["resolvectl", "domain", interface, *(domains or [""])])
    run(["resolvectl", "default-route", interface, "true"])


def take_back(tool: Tool, interface: str, record: str) -> None:
    """Undo `give`; nothing happens where nothing was given. Raises ProgramFailed."""
    if tool == "resolvconf":
        run(["resolvconf", "-d", record, "-f"])
    elif os.path.exists(f"/sys/class/net/{interface}"):  # noqa: PTH110  # a name, not a path
        run(["resolvectl", "revert", interface])
