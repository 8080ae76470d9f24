"""A slow wire between two hosts: datagrams arrive, but late.

left 192.0.2.1:51820 <-> 192.0.2.2:40001  the wire  198.51.100.2:40002 <-> 198.51.100.1:51820 right

Each end knows the wire as the endpoint of the other.
"""

import contextlib
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Iterator

from bench.lab.hosts import Host, cable
from bench.lab.programs import Program
from bench.lab.tunnels import PORT, End, Tunnel


class SlowWire(threading.Thread):
    """Carries every datagram from one socket to the other's peer after ``delay`` seconds."""

    def __init__(
        self, ends: tuple[socket.socket, socket.socket], delay: tuple[float, float]
    ) -> None:
        super().__init__(daemon=True)
        self._ends = ends
        self._delay = delay
        self._queues: tuple[deque[tuple[float, bytes]], ...] = (deque(), deque())
        self._stopped = threading.Event()

    def run(self) -> None:
        """Carry until `stop`."""
        with selectors.DefaultSelector() as selector:
            for side, end in enumerate(self._ends):
                end.settimeout(0)
                selector.register(end, selectors.EVENT_READ, side)
            while not self._stopped.is_set():
                for key, _ in selector.select(0.01):
                    self._take(key.data)
                self._deliver()

    def _take(self, side: int) -> None:
        with contextlib.suppress(OSError):
            for _ in range(64):
                datagram = self._ends[side].recv(65535)
                self._queues[side].append((time.monotonic() + self._delay[side], datagram))

    def _deliver(self) -> None:
        for side, queue in enumerate(self._queues):
            while queue and queue[0][0] <= time.monotonic():
                with contextlib.suppress(OSError):
                    self._ends[1 - side].send(queue.popleft()[1])

    def stop(self) -> None:
        """End, and close both sockets."""
        self._stopped.set()
        self.join()
        for end in self._ends:
            end.close()


@contextlib.contextmanager
def slow_tunnel(left: Program, right: Program, delay: tuple[float, float]) -> Iterator[Tunnel]:
    """Make a tunnel over a slow wire, both ends up and silent, each knowing the other's endpoint.

    ``delay`` in seconds, from left to right and back.
    """
    with Host("left") as here, Host("wire") as between, Host("right") as there:
        cable(here, between, ["192.0.2.1/24"], ["192.0.2.2/24"], ("eth0", "west"))
        cable(between, there, ["198.51.100.2/24"], ["198.51.100.1/24"], ("east", "eth0"))
        west = between.socket(socket.AF_INET, socket.SOCK_DGRAM)
        west.bind(("192.0.2.2", 40001))
        west.connect(("192.0.2.1", PORT))
        east = between.socket(socket.AF_INET, socket.SOCK_DGRAM)
        east.bind(("198.51.100.2", 40002))
        east.connect(("198.51.100.1", PORT))
        made = Tunnel(
            End(here, left, 0, "198.51.100.2:40002"), End(there, right, 1, "192.0.2.2:40001")
        )
        wire = SlowWire((west, east), delay)
        wire.start()
        try:
            made.bring_up(right_knows_left=True)
            yield made
        finally:
            wire.stop()
