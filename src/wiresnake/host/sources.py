"""Whether a local address still serves toward a peer, as the kernel's WireGuard asks it."""

from wiresnake.host import netlink


class Sources:
    """Asks the routes of the network namespace in which it was made."""

    def __init__(self) -> None:
        self._requests = netlink.Requests()

    def serves(self, local: bytes, interface: int, destination: bytes, mark: int) -> bool:
        """Whether packets from ``local`` to ``destination`` (4 or 16 bytes each) still leave by the
        interface with this index.

        For IPv6 only the address counts, not the interface; and that it is gone the plane hears
        from its socket, so the answer is yes.
        """
        if len(destination) == 16:
            return True
        try:
            return self._requests.leaving_interface(destination, local, mark) == interface
        except OSError:
            return False

    def close(self) -> None:
        """Give the descriptor back; idempotent."""
        self._requests.close()
