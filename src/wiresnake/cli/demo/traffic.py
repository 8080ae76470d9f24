"""What goes through the tunnel of the demo: pings, a line of text, a file."""

import contextlib
import hashlib
import os
import socket
import threading
import time
from dataclasses import dataclass

from wiresnake.cli.demo.stage import Actor, DemoFailed
from wiresnake.cli.demo.watch import MARKER

_BLOCK = 1 << 16
_PATIENCE = 20.0
_REPLY_LIMIT = 8.0
"""Seconds; a handshake message that is lost goes again after 5.0 to 5.3 (paper 6.4)."""
_FILE_PORT = 7000
_TALK_PORT = 7001


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _open(actor: Actor, family: int, kind: int, protocol: int = 0) -> socket.socket:
    with actor.host.enter():
        opened = socket.socket(family, kind, protocol)
    opened.settimeout(_PATIENCE)
    return opened


def ping(actor: Actor, address: str, count: int = 5) -> list[float]:
    """Ping ``address`` and return the round trips in milliseconds.

    Raises DemoFailed when an answer takes longer than a lost handshake message and its retry.
    """
    family = _family(address)
    six = family == socket.AF_INET6
    protocol = socket.IPPROTO_ICMPV6 if six else socket.IPPROTO_ICMP
    times = []
    with _open(actor, family, socket.SOCK_RAW, protocol) as raw:
        raw.connect((address, 0))
        for number in range(count):
            request = _echo_request(number, six=six)
            began = time.perf_counter()
            raw.send(request)
            _await_reply(raw, request, began + _REPLY_LIMIT)
            times.append((time.perf_counter() - began) * 1000)
            time.sleep(0.05)
    return times


def _echo_request(number: int, *, six: bool) -> bytes:
    body = os.getpid().to_bytes(4)[2:] + number.to_bytes(2) + os.urandom(48)
    if six:
        return b"\x80\0\0\0" + body  # the kernel fills the checksum in
    whole = b"\x08\0\0\0" + body
    total = sum(int.from_bytes(whole[at : at + 2]) for at in range(0, len(whole), 2))
    checksum = (total - 1) % 0xFFFF + 1 ^ 0xFFFF
    return whole[:2] + checksum.to_bytes(2) + body


def _await_reply(raw: socket.socket, request: bytes, until: float) -> None:
    while (left := until - time.perf_counter()) > 0:
        raw.settimeout(left)
        with contextlib.suppress(OSError):
            answer = raw.recv(2048)
            if answer.endswith(request[4:]) and not answer.endswith(request):
                return
    raise DemoFailed(f"a ping was not answered within {_REPLY_LIMIT:.0f} seconds")


def say_aloud(speaker: Actor, listener: Actor) -> None:
    """Send MARKER as a UDP datagram. Raises DemoFailed if it does not arrive."""
    with (
        _open(listener, socket.AF_INET, socket.SOCK_DGRAM) as ear,
        _open(speaker, socket.AF_INET, socket.SOCK_DGRAM) as mouth,
    ):
        ear.bind((listener.inner4, _TALK_PORT))
        ear.settimeout(5)
        mouth.sendto(MARKER, (listener.inner4, _TALK_PORT))
        try:
            heard = ear.recv(2048)
        except TimeoutError:
            raise DemoFailed("a datagram did not arrive within five seconds") from None
    if heard != MARKER:
        raise DemoFailed("a datagram arrived altered")


@dataclass(frozen=True, slots=True)
class Arrived:
    """A file that arrived whole: its size in bytes, its SHA-256, and how it travelled."""

    size: int
    digest: str
    seconds: float
    longest_silence: float

    @property
    def megabits(self) -> float:
        """The rate in Mbit/s."""
        return self.size * 8 / self.seconds / 1e6


class FileTransfer:
    """A file that is sent over TCP for ``seconds``, beside the caller; `finish` waits for it.

    What is sent is random but for MARKER, which stands in every block of 64 KiB.
    """

    def __init__(self, sender: Actor, receiver: Actor, seconds: float) -> None:
        self._seconds = seconds
        self._digests = [hashlib.sha256(), hashlib.sha256()]
        self._amounts = [0, 0]
        self._silence = 0.0
        self._trouble: list[str] = []
        with _open(receiver, socket.AF_INET, socket.SOCK_STREAM) as door:
            door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            door.bind((receiver.inner4, _FILE_PORT))
            door.listen(1)
            self._out = _open(sender, socket.AF_INET, socket.SOCK_STREAM)
            try:
                self._out.connect((receiver.inner4, _FILE_PORT))
                self._in, _ = door.accept()
            except OSError as failure:
                self._out.close()
                raise DemoFailed(f"no TCP connection through the tunnel: {failure}") from None
        self._in.settimeout(_PATIENCE)
        self._began = time.monotonic()
        self._threads = [
            threading.Thread(target=self._send, daemon=True),
            threading.Thread(target=self._receive, daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def _send(self) -> None:
        block = bytearray(os.urandom(_BLOCK))
        block[256 : 256 + len(MARKER)] = MARKER
        try:
            with self._out:
                while time.monotonic() - self._began < self._seconds:
                    block[:8] = self._amounts[0].to_bytes(8)  # no two blocks are alike
                    self._digests[0].update(block)
                    self._out.sendall(block)
                    self._amounts[0] += _BLOCK
        except OSError as failure:
            self._trouble.append(f"the sender: {failure}")

    def _receive(self) -> None:
        buffer = bytearray(4 * _BLOCK)
        heard = time.monotonic()
        try:
            with self._in:
                while taken := self._in.recv_into(buffer):
                    now = time.monotonic()
                    self._silence, heard = max(self._silence, now - heard), now
                    self._digests[1].update(memoryview(buffer)[:taken])
                    self._amounts[1] += taken
        except OSError as failure:
            self._trouble.append(f"the receiver: {failure}")

    def finish(self) -> Arrived:
        """Wait until all has arrived. Raises DemoFailed if it did not, or not as it was."""
        for thread in self._threads:
            thread.join(self._seconds + _PATIENCE)
        seconds = time.monotonic() - self._began
        if any(thread.is_alive() for thread in self._threads):
            self._trouble.append("it stands still")
        if self._trouble:
            raise DemoFailed(f"the file did not arrive: {'; '.join(self._trouble)}")
        if self._digests[0].digest() != self._digests[1].digest():
            raise DemoFailed(f"{self._amounts[0]} bytes were sent, others arrived")
        digest = self._digests[1].hexdigest()
        return Arrived(self._amounts[1], digest, seconds, self._silence)
