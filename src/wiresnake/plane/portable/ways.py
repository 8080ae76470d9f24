"""The way to a peer: where its datagrams come from and from which of our addresses we answer."""

from wiresnake.door.path import Path
from wiresnake.values.addresses import Endpoint
from wiresnake.values.instants import Instant


class Way:
    """An endpoint and the local address that talks to it.

    ``local`` is 4 or 16 bytes, or empty: the host chooses. ``interface`` is the index of the
    interface by which a datagram came, or 0. ``address`` and ``control`` belong to the shell: the
    socket address and the ancillary data it made of the rest, so that it makes them once.

    Peers may share one way, so that an address which stopped working is forgotten for all of them;
    it is stale then, and what is heard from there anew is a new way.
    """

    __slots__ = ("address", "control", "endpoint", "interface", "is_stale", "local")

    def __init__(self, endpoint: Endpoint, local: bytes = b"", interface: int = 0) -> None:
        self.endpoint = endpoint
        self.local = local
        self.interface = interface
        self.is_stale = False
        self.address: tuple[str, int] | tuple[str, int, int, int] | None = None
        self.control: list[tuple[int, int, bytes]] | None = None

    @classmethod
    def along(cls, path: Path) -> "Way":
        """Return the way back along ``path``."""
        return cls(path.source, path.local, path.interface)

    def path(self, at: Instant) -> Path:
        """Return the path of a datagram that came this way at an instant."""
        return Path(self.endpoint, self.local, self.interface, at)

    def forget_source(self) -> None:
        """Let the host choose the local address again."""
        self.local = b""
        self.interface = 0
        self.control = None
        self.is_stale = True

    def __repr__(self) -> str:
        return f"Way({self.endpoint})"
