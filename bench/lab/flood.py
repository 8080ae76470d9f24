"""A flood, to be run inside a host: `python -m bench.lab.flood TARGET PUBLIC-KEY RATE SECONDS`.

Half of it are initiations with a valid mac1, from every address of the source addresses, the
other half is garbage of all kinds. Packets are made before the first is sent; the number of
datagrams and the time are bounded whatever happens. Prints how many were sent, and the seconds.
"""

import hashlib
import os
import random
import socket
import sys
import time
from struct import Struct

from wiresnake.values.keys import PublicKey

SOURCES = 64
POOL = 2048
LONGEST = 60.0
SLICE = 0.004
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


def flood(target: tuple[str, int], public_key: PublicKey, rate: int, seconds: float) -> int:
    """Send at ``rate`` datagrams a second for ``seconds`` (at most a minute); return how many."""
    pool = packets(public_key)
    sockets = []
    for address in source_addresses():
        opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        opened.bind((address, 0))
        opened.connect(target)
        opened.settimeout(0)
        sockets.append(opened)
    # Pairs of one initiation and one piece of garbage leave from the same source.
    round_trip = [(sockets[at // 2 % SOURCES].send, data) for at, data in enumerate(pool)]
    sent, began = 0, time.monotonic()
    ends = began + min(seconds, LONGEST)
    while (now := time.monotonic()) < ends:
        for _ in range(int((now - began) * rate) - sent):
            send, data = round_trip[sent % len(round_trip)]
            sent += 1
            try:
                send(data)
            except OSError:
                continue  # a full queue, or the answer of a closed port: the flood goes on
        time.sleep(SLICE)
    for opened in sockets:
        opened.close()
    return sent


def main() -> None:
    """Flood as the command line says."""
    target, key, rate, seconds = sys.argv[1:]
    host, _, port = target.rpartition(":")
    began = time.monotonic()
    sent = flood((host, int(port)), PublicKey.from_base64(key), int(rate), float(seconds))
    print(sent, round(time.monotonic() - began, 2))


if __name__ == "__main__":
    main()
