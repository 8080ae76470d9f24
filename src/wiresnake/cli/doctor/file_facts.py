"""What is known of a configuration file: who may read it, what it says, which names it needs."""

import os
import socket
import stat
import threading
from pathlib import Path
from typing import Final

from wiresnake.config import ini, quick
from wiresnake.config.enrol import NotAServer, sent_by_clients
from wiresnake.config.health.facts import FileFacts
from wiresnake.config.ini import IniError, Unresolved
from wiresnake.config.model import Change
from wiresnake.config.quick import QuickConfig, QuickError
from wiresnake.values.addresses import Endpoint

LOOKUP_LIMIT: Final = 6.0
"""Seconds for the resolver, which may ask several servers in turn."""

_SOMEWHERE: Final = Endpoint(bytes(4), 0)


def of_file(path: Path, text: str) -> FileFacts:
    """Collect the facts of a file with this text. Raises OSError."""
    status, directory = path.stat(), path.resolve().parent.stat()
    unresolved: dict[str, str] = {}

    def resolve(host: str, service: str) -> Endpoint:
        why = _why_not_found(host, service)
        if why and not host:
            raise Unresolved(why)
        if why:
            unresolved[f"{host}:{service}"] = why
        return _SOMEWHERE

    error, config, change = "", QuickConfig(), Change()
    try:
        config = quick.read(text)
        change = ini.parse(config.stripped, resolve=resolve)
        for_clients = sent_by_clients(text)
    except QuickError as bad:
        error = str(bad)
    except IniError as bad:
        error = ": ".join(reversed(bad.lines))
    except NotAServer as bad:
        error = str(bad)
    return FileFacts(
        str(path),
        stat.S_IMODE(status.st_mode),
        # In a directory like /tmp nobody can put a file in the place of another's.
        stat.S_IMODE(directory.st_mode) & (~0o022 if directory.st_mode & stat.S_ISVTX else ~0),
        any(each.st_uid not in {0, os.geteuid()} for each in (status, directory)),
        status.st_mtime,
        error,
        config,
        change,
        unresolved,
        () if error else for_clients,
    )


def _why_not_found(host: str, service: str) -> str:
    """Return why a name has no address; "" if it has one."""
    found: list[str] = []

    def look() -> None:
        try:
            socket.getaddrinfo(host or None, service, type=socket.SOCK_DGRAM)
            found.append("")
        except socket.gaierror as bad:
            found.append(bad.strerror or str(bad))
        except (OSError, UnicodeError) as bad:
            found.append(str(bad))

    # A resolver without a server to ask may take half a minute to say so.
    looking = threading.Thread(target=look, daemon=True)
    looking.start()
    looking.join(LOOKUP_LIMIT)
    return found[0] if found else f"no answer within {LOOKUP_LIMIT:.0f} s"
