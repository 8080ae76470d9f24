"""The UAPI server: each connection is a conversation of its own."""

import socket

from wiresnake.daemon.allowance import Allowance
from wiresnake.daemon.conversation import Conversation
from wiresnake.daemon.reception import Reception
from wiresnake.tunnel.runtime import Tunnel


def serve_uapi(tunnel: Tunnel, listener: socket.socket) -> Reception:
    """Serve the UAPI of ``tunnel`` on ``listener``, which stays its owner's, until closed."""
    allowance = Allowance()
    return Reception(
        "UAPI",
        listener,
        allowance,
        lambda connection: Conversation(connection, tunnel, allowance),
    )
