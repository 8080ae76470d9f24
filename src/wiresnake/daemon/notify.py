"""Telling systemd that the service is ready (sd_notify(3)), when it asked to be told."""

import os
import socket
from contextlib import suppress


def notify_ready() -> None:
    """Send READY=1 to the socket in NOTIFY_SOCKET, if any; a service manager that went away
    is no reason to stop.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto(f"READY=1\nMAINPID={os.getpid()}\n".encode(), address)
