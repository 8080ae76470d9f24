"""Traffic between hosts: pings, counted datagrams, a stream whose hash is compared."""

import contextlib
import hashlib
import os
import re
import socket
import threading
import time
from dataclasses import dataclass, field
from typing import Self

from bench.lab.hosts import Host
from bench.lab.numbered import Order

BLOCK = 1 << 16
STREAM_LIMIT = 60.0
_TCP_RTO_MAX_MS = 44
ENDLESS = 1 << 50


def family_of(address: str) -> int:
    """Return the socket family of a numeric address."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def ping(
    where: Host,
    address: str,
    *,
    count: int = 1,
    size: int = 56,
    interval: float = 0.2,
    patience: float = 2,
    whole: bool = False,
) -> list[float]:
    """Ping ``address`` from ``where`` and return the round trips in milliseconds.

    ``size`` bytes of data; ``whole`` forbids fragments; those that came back within ``patience``
    seconds are listed, so a short list means losses.
    """
    options = ["-M", "do"] if whole else []
    shown = where.call(
        "ping", "-n", *options, "-c", str(count), "-s", str(size), "-i", str(interval),
        "-W", str(patience), address, check=False, limit=count * interval + patience + 10,
    )  # fmt: skip
    return [float(found) for found in re.findall(r"time=([0-9.]+) ms", shown)]


def reaches(where: Host, address: str, within: float = 5) -> float:
    """Ping every 100 ms until an answer comes; return the seconds it took.

    Raises TimeoutError after ``within`` seconds.
    """
    began = time.monotonic()
    family = family_of(address)
    protocol = socket.IPPROTO_ICMPV6 if ":" in address else socket.IPPROTO_ICMP
    request = b"\x80" if ":" in address else b"\x08"
    with where.socket(family, socket.SOCK_RAW, protocol) as raw:
        raw.settimeout(0.1)
        marker = os.urandom(8)
        body = request + bytes(7) + marker
        if family == socket.AF_INET:
            body = body[:2] + _checksum(body) + body[4:]
        while time.monotonic() - began < within:
            pause = time.monotonic() + 0.1
            with contextlib.suppress(OSError):  # without a route it is no answer either
                raw.connect((address, 0))
                raw.send(body)
            while (left := pause - time.monotonic()) > 0:
                raw.settimeout(left)
                with contextlib.suppress(OSError):
                    answer = raw.recv(2048)
                    if answer.endswith(marker) and not answer.endswith(body):
                        return time.monotonic() - began
    raise TimeoutError(f"{address} did not answer within {within} s")


def _checksum(data: bytes) -> bytes:
    total = sum(int.from_bytes(data[at : at + 2]) for at in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return (~total & 0xFFFF).to_bytes(2)


@dataclass(slots=True)
class Stream:
    """What became of one stream."""

    sent: int
    received: int
    intact: bool
    seconds: float
    longest_silence: float

    @property
    def megabits(self) -> float:
        """Its rate in Mbit/s."""
        return self.received * 8 / self.seconds / 1e6


class StreamInFlight:
    """A TCP stream from one host to another, which runs beside the caller.

    ``received`` grows while it flows, until ``size`` bytes or `stop`. Every block of 64 KiB
    differs, so that the hashes of the two ends are equal only if nothing was lost, repeated or
    reordered.
    """

    def __init__(self, sender: Host, receiver: Host, address: str, size: int = ENDLESS) -> None:
        self.size = size
        self.received = 0
        self._silence = 0.0
        self._hashes = [hashlib.blake2b(), hashlib.blake2b()]
        self._began = time.monotonic()
        self._sent = 0
        self._stopped = False
        family = family_of(address)
        with receiver.socket(family, socket.SOCK_STREAM) as door:
            door.bind((address, 0))
            door.listen(1)
            self._out = sender.socket(family, socket.SOCK_STREAM)
            # After an outage TCP tries again within 4 s, not up to a minute later; and for 46 s.
            with contextlib.suppress(OSError):  # before Linux 6.15
                self._out.setsockopt(socket.IPPROTO_TCP, _TCP_RTO_MAX_MS, 4000)
            self._out.settimeout(20)
            self._out.connect(door.getsockname()[:2])
            self._in, _ = door.accept()
        self._in.settimeout(STREAM_LIMIT)
        self._out.settimeout(STREAM_LIMIT)
        self._threads = [threading.Thread(target=self._send), threading.Thread(target=self._read)]
        for thread in self._threads:
            thread.start()

    def _send(self) -> None:
        block = bytearray(os.urandom(BLOCK))
        with self._out, contextlib.suppress(OSError):
            while self._sent < self.size and not self._stopped:
                block[:8] = self._sent.to_bytes(8)
                part = memoryview(block)[: self.size - self._sent]
                self._hashes[0].update(part)
                self._out.sendall(part)
                self._sent += len(part)

    def _read(self) -> None:
        buffer = bytearray(4 * BLOCK)
        heard = time.monotonic()
        with self._in, contextlib.suppress(OSError):
            while taken := self._in.recv_into(buffer):
                now = time.monotonic()
                self._silence, heard = max(self._silence, now - heard), now
                self._hashes[1].update(memoryview(buffer)[:taken])
                self.received += taken

    def wait_for_more(self, size: int, limit: float = STREAM_LIMIT) -> None:
        """Wait until ``size`` more bytes have arrived. Raises TimeoutError."""
        give_up = time.monotonic() + limit
        wanted = self.received + size
        while self.received < wanted:
            if time.monotonic() > give_up or not self._threads[1].is_alive():
                raise TimeoutError(f"{self.received} of {wanted} bytes after {limit} s")
            time.sleep(0.002)

    def stop(self) -> Stream:
        """Send no more, and return what became of the stream."""
        self._stopped = True
        return self.finish()

    def finish(self) -> Stream:
        """Wait for the end and return what became of the stream."""
        for thread in self._threads:
            thread.join(STREAM_LIMIT)
        seconds = time.monotonic() - self._began
        digests = {part.digest() for part in self._hashes}
        whole = self._stopped or self._sent == self.size
        intact = whole and self.received == self._sent and len(digests) == 1
        return Stream(self._sent, self.received, intact, seconds, self._silence)


def stream(sender: Host, receiver: Host, address: str, size: int) -> Stream:
    """Send ``size`` bytes over TCP to ``address`` of ``receiver``, and return what became."""
    return StreamInFlight(sender, receiver, address, size).finish()


@dataclass(slots=True)
class Count:
    """What became of numbered datagrams; ``missing`` and ``again`` are their numbers.

    ``late`` are those that came after one with a higher number, or again.
    """

    sent: int
    missing: list[int] = field(default_factory=list)
    again: list[int] = field(default_factory=list)
    late: int = 0
    longest_silence: float = 0.0


class CountedDatagrams:
    """Numbered UDP datagrams, sent at a steady rate beside the caller until `finish`.

    As a context manager it ends with the block at the latest.
    """

    def __init__(
        self, sender: Host, receiver: Host, address: str, *, rate: float = 200, size: int = 200
    ) -> None:
        family = family_of(address)
        self._in = receiver.socket(family, socket.SOCK_DGRAM)
        self._in.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self._in.bind((address, 0))
        self._in.settimeout(0.1)
        self._out = sender.socket(family, socket.SOCK_DGRAM)
        self._to = self._in.getsockname()[:2]
        self._pause = 1 / rate
        self._filling = bytes(size - 8)
        self._stopped = threading.Event()
        self._drained = threading.Event()
        self._count = Count(0)
        self._arrived: set[int] = set()
        self._order = Order()
        self._threads = [threading.Thread(target=self._send), threading.Thread(target=self._read)]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._drained.is_set():
            self.finish(0)

    @property
    def arrived(self) -> int:
        """How many different ones have arrived."""
        return len(self._arrived)

    def _send(self) -> None:
        due = time.monotonic()
        while not self._stopped.is_set():
            with contextlib.suppress(OSError):  # no route for a moment is a loss like any other
                self._out.sendto(self._count.sent.to_bytes(8) + self._filling, self._to)
            self._count.sent += 1
            due += self._pause
            self._stopped.wait(max(0.0, due - time.monotonic()))

    def _read(self) -> None:
        heard = time.monotonic()
        while not self._drained.is_set():
            try:
                number = int.from_bytes(self._in.recv(2048)[:8])
            except OSError:
                continue
            now = time.monotonic()
            silence, heard = now - heard, now
            self._count.longest_silence = max(self._count.longest_silence, silence)
            if number in self._arrived:
                self._count.again.append(number)
            self._arrived.add(number)
            self._order.see([number])

    def finish(self, patience: float = 1.0) -> Count:
        """Stop sending, wait at most ``patience`` seconds for the last ones, and count."""
        self._stopped.set()
        self._threads[0].join()
        give_up = time.monotonic() + patience
        while len(self._arrived) < self._count.sent and time.monotonic() < give_up:
            time.sleep(0.005)
        self._drained.set()
        self._threads[1].join()
        self._in.close()
        self._out.close()
        self._count.late = self._order.late
        self._count.missing = sorted(set(range(self._count.sent)) - self._arrived)
        return self._count
