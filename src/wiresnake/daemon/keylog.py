"""The key log: what Wireshark needs to read a capture of this tunnel (wg.keylog_file).

There is one only in a daemon that was started with --allow-keylog. It keeps nothing: who follows
it is told of each handshake message as it is made, and those made before are not to be had.
"""

from collections.abc import Callable

from wiresnake.daemon.subscription import Line
from wiresnake.protocol.handshake import Remote
from wiresnake.values.keys import PrivateKey


class KeyLog:
    """Shown the keys of each handshake, it tells those who follow it."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[Line], None]] = []

    def follow(self, listener: Callable[[Line], None]) -> Callable[[], None]:
        """Tell ``listener`` from now on; return what ends that."""
        self._listeners.append(listener)

        def leave() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return leave

    def __call__(self, ours: PrivateKey, remote: Remote, ephemeral: PrivateKey) -> None:
        """Take in a handshake message of ours: both ends' static keys, and the ephemeral one."""
        if not self._listeners:
            return
        # A preshared key belongs to the ephemeral key before it.
        lines = [
            f"LOCAL_STATIC_PRIVATE_KEY = {ours.to_base64()}",
            f"REMOTE_STATIC_PUBLIC_KEY = {remote.public}",
            f"LOCAL_EPHEMERAL_PRIVATE_KEY = {ephemeral.to_base64()}",
        ]
        if remote.preshared is not None:
            lines.append(f"PRESHARED_KEY = {remote.preshared.to_base64()}")
        for listener in tuple(self._listeners):
            listener({"lines": lines})
