"""Numbered datagrams at a rate that is the same whoever carries them: what arrives, and in order?

    python -m bench.lab.numbered receive ADDRESS
    python -m bench.lab.numbered send ADDRESS PORT RATE SECONDS SIZE[,SIZE...]

Both run inside a host, and each ends by itself. The receiver prints its port when it is ready,
and when the datagrams have ceased what became of them. The sender goes round the sizes; it has
priority over all that it loads, so that the load does not depend on who bears it.
"""

import os
import socket
import subprocess
import sys
import time
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from bench.lab.batches import Batch, set_time_limit
from bench.lab.hosts import Host

SO_SNDBUFFORCE, SO_RCVBUFFORCE = 32, 33
BATCH = 64
SLOT = 2048
WORDS = SLOT // 8
BUFFER = 8 << 20
LONGEST = 60.0
CEASED = 0.5
PRIORITY = -10
PAUSE = 50e-6


@dataclass(frozen=True, slots=True)
class Arrival:
    """What became of numbered datagrams of one flow.

    ``offered`` were given to the kernel in ``seconds``, ``received`` came out at the other end,
    of which ``late`` came after one with a higher number, or twice.
    """

    offered: int
    seconds: float
    received: int
    late: int

    @property
    def rate(self) -> float:
        """Datagrams received each second."""
        return self.received / self.seconds

    @property
    def lost(self) -> float:
        """The part of those offered that did not arrive."""
        return 1 - self.received / self.offered


class Order:
    """Counts numbers that come after a higher one, or again (RFC 4737, 3.3)."""

    def __init__(self) -> None:
        self._next = 0
        self.late = 0

    def see(self, numbers: Sequence[int]) -> None:
        """Look at the numbers of one batch, in the order in which they came."""
        ascending = all(map(int.__lt__, numbers, numbers[1:]))
        if numbers and ascending and numbers[0] >= self._next:
            self._next = numbers[-1] + 1
            return
        for number in numbers:
            if number < self._next:
                self.late += 1
            else:
                self._next = number + 1


def carry(
    sender: Host, receiver: Host, address: str, *, rate: int, seconds: float, sizes: Sequence[int]
) -> Arrival:
    """Send datagrams of ``sizes`` bytes in turn to ``address`` of ``receiver``; return what came.

    ``rate`` a second, for ``seconds``. Raises RuntimeError if either end fails.
    """
    module = (sys.executable, "-m", "bench.lab.numbered")
    with receiver.popen([*module, "receive", address], stdout=subprocess.PIPE) as taking:
        assert taking.stdout is not None
        port = taking.stdout.readline().decode().strip()
        if not port:
            raise RuntimeError(f"no receiver at {address}")
        wanted = ",".join(map(str, sizes))
        sent = sender.call(*module, "send", address, port, str(rate), str(seconds), wanted)
        said, _ = taking.communicate(timeout=LONGEST)
    offered, took = sent.split()
    received, late = said.split()
    return Arrival(int(offered), float(took), int(received), int(late))


def send(out: socket.socket, rate: int, seconds: float, sizes: Sequence[int]) -> int:
    """Send over a connected socket, for at most a minute; return how many were offered.

    What the kernel does not take at once is lost.
    """
    batch = Batch(BATCH, SLOT)
    numbers = batch.memory.cast("Q")[::WORDS]
    cycle = [sizes[at % len(sizes)] for at in range(BATCH + len(sizes))]
    offered, began = 0, time.monotonic()
    ends = began + min(seconds, LONGEST)
    while (now := time.monotonic()) < ends:
        due = min(int((now - began) * rate) - offered, BATCH)
        if due < 1:
            time.sleep(PAUSE)
            continue
        numbers[:due] = memoryview(array("Q", range(offered, offered + due)))
        if len(sizes) > 1 or not offered:
            first = offered % len(sizes)
            batch.set_lengths(cycle[first : first + BATCH])
        batch.send(out, 0, due)
        offered += due
    return offered


def receive(into: socket.socket) -> tuple[int, int]:
    """Take numbered datagrams until they cease, a minute at most; return how many came, and late.

    The first is waited for as long as that.
    """
    batch, order, received = Batch(BATCH, SLOT), Order(), 0
    numbers = batch.memory.cast("Q")[::WORDS]
    set_time_limit(into, CEASED)
    give_up = time.monotonic() + LONGEST
    while time.monotonic() < give_up:
        count = batch.receive(into)
        if count:
            order.see(numbers[:count].tolist())
            received += count
        elif received:
            break
    return received, order.late


def main() -> None:
    """Send or receive, as the command line says."""
    role, address, *rest = sys.argv[1:]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as here:
        if role == "receive":
            here.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
            here.bind((address, 0))
            print(here.getsockname()[1], flush=True)
            print(*receive(here))
            return
        port, rate, seconds, sizes = rest
        here.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, BUFFER)
        here.connect((address, int(port)))
        os.nice(PRIORITY)
        began = time.monotonic()
        offered = send(here, int(rate), float(seconds), [int(size) for size in sizes.split(",")])
        print(offered, time.monotonic() - began)


if __name__ == "__main__":
    main()
