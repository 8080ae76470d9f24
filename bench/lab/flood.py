"""A flood, to be run inside a host: `python -m bench.lab.flood TARGET PUBLIC-KEY RATE SECONDS`.

Half of it are initiations with a valid mac1, from every one of the source addresses, the other
half is garbage of all kinds. Packets are made before the first is sent and leave many at a time;
the number of datagrams and the time are bounded whatever happens. Prints how many were sent, and
the seconds.
"""

import hashlib
import os
import random
import signal
import socket
import sys
import time
from struct import Struct

from bench.lab.batches import Batch
from wiresnake.values.keys import PublicKey

SOURCES = 64
POOL = 2048
SLOT = 1408
LONGEST = 60.0
PAUSE = 0.0002
PRIORITY = -10
_HEAD = Struct("<II")


def source_addresses() -> list[str]:
    """Return the addresses that the flood comes from; its host must have them."""
    return [f"198.51.100.{number}" for number in range(2, 2 + SOURCES)]


def initiation(mac1_key: bytes) -> bytes:
    """Return 148 bytes that pass for an initiation until the responder computes a secret."""
    body = _HEAD.pack(1, random.getrandbits(32)) + os.urandom(108)
    return body + hashlib.blake2s(body, key=mac1_key, digest_size=16).digest() + bytes(16)


def garbage() -> bytes:
    """Return something else: a bad mac1, a transport message of nobody, noise of any length."""
    kind = random.randrange(4)
    if kind == 0:
        return _HEAD.pack(1, random.getrandbits(32)) + os.urandom(140)
    if kind == 1:
        return _HEAD.pack(2, random.getrandbits(32)) + os.urandom(84)
    if kind == 2:
        return _HEAD.pack(4, random.getrandbits(32)) + os.urandom(8 + 16 * random.randint(1, 40))
    return os.urandom(random.randint(1, 1400))


def packets(public_key: PublicKey) -> list[bytes]:
    """Return what one round of the flood consists of."""
    mac1_key = hashlib.blake2s(b"mac1----" + public_key.raw).digest()
    pool = []
    for _ in range(POOL):
        pool += [initiation(mac1_key), garbage()]
    return pool


def open_sources(target: tuple[str, int]) -> list[socket.socket]:
    """Open a socket for each source address, connected to the target."""
    sources = []
    for address in source_addresses():
        opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        opened.bind((address, 0))
        opened.connect(target)
        sources.append(opened)
    return sources


class Flood:
    """A flood that goes on until its time is over or somebody ends it."""

    def __init__(self, target: tuple[str, int], public_key: PublicKey) -> None:
        pool = packets(public_key)
        self._each = len(pool) // SOURCES
        self._batch = Batch(len(pool), SLOT)
        for at, datagram in enumerate(pool):
            self._batch.put(at, datagram)
        self._sources = open_sources(target)
        self._over = False

    def end(self, *_: object) -> None:
        """Stop soon; also as the handler of a signal."""
        self._over = True

    def send(self, rate: int, seconds: float) -> int:
        """Send ``rate`` datagrams a second for ``seconds``, at most a minute; return how many."""
        sent, turns, began = 0, 0, time.monotonic()
        ends = began + min(seconds, LONGEST)
        while (now := time.monotonic()) < ends and not self._over:
            if turns * self._each > (now - began) * rate:
                time.sleep(PAUSE)
                continue
            source = turns % SOURCES
            turns += 1
            # A full queue or a closed port takes none: the flood goes on.
            sent += self._batch.send(self._sources[source], source * self._each, self._each)
        return sent


def main() -> None:
    """Flood as the command line says, with priority over what is flooded, until SIGTERM."""
    target, key, rate, seconds = sys.argv[1:]
    host, _, port = target.rpartition(":")
    attack = Flood((host, int(port)), PublicKey.from_base64(key))
    signal.signal(signal.SIGTERM, attack.end)
    os.nice(PRIORITY)
    began = time.monotonic()
    sent = attack.send(int(rate), float(seconds))
    print(sent, round(time.monotonic() - began, 2))


if __name__ == "__main__":
    main()
