"""The kernel's side of WireGuard's netlink family, over a pair of sockets.

It packs and reads attributes by itself, is as strict as the kernel (nested attributes must say that
they are, sizes must fit), and breaks its reports off wherever a message is full, in the midst of a
peer too.
"""

import errno
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

FAMILY = 0x1F
ERROR, DONE = 2, 3
ACK, INTERRUPTED, DUMP = 0x4, 0x10, 0x300
NESTED = 0x8000
REPLACE_PEERS = 1
REMOVE, REPLACE_ALLOWED_IPS, UPDATE_ONLY = 1, 2, 4


@dataclass
class Peer:
    preshared: bytes = bytes(32)
    endpoint: bytes = b""
    keepalive: int = 0
    handshake: tuple[int, int] = (0, 0)
    rx: int = 0
    tx: int = 0
    allowed: dict[tuple[int, bytes, int], None] = field(default_factory=dict)


@dataclass
class Device:
    private: bytes = bytes(32)
    port: int = 0
    fwmark: int = 0
    peers: dict[bytes, Peer] = field(default_factory=dict)


class Refused(Exception):
    """A request is answered with an errno."""


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def attributes(body: bytes) -> Iterator[tuple[int, bytes]]:
    while body:
        if len(body) < 4:
            raise Refused(errno.EINVAL)
        length, kind = struct.unpack_from("=HH", body)
        if not 4 <= length <= len(body):
            raise Refused(errno.EINVAL)
        yield kind, body[4:length]
        body = body[length + 3 & ~3 :]


def members(body: bytes, sizes: dict[int, set[int] | None]) -> dict[int, bytes]:
    """Read attributes as a strict policy does; None as the sizes means nested."""
    found = {}
    for kind, value in attributes(body):
        plain = kind & ~NESTED
        if plain not in sizes or bool(kind & NESTED) != (sizes[plain] is None):
            raise Refused(errno.EINVAL)
        expected = sizes[plain]
        if expected is not None and len(value) not in expected:
            raise Refused(errno.EINVAL)
        found[plain] = value
    return found


DEVICE = {1: {4}, 2: set(range(2, 17)), 3: {32}, 4: {32}, 5: {4}, 6: {2}, 7: {4}, 8: None}
PEER = {1: {32}, 2: {32}, 3: {4}, 4: {16, 28}, 5: {2}, 9: None, 10: {4}}
ALLOWED = {1: {2}, 2: {4, 16}, 3: {1}, 4: {4}}


class FakeKernel:
    """Answers on one end of a pair of sockets; `connect` gives the other.

    ``room`` is how many bytes of attributes a message of a report holds; ``interruptions`` how
    many of the next reports say that they were disturbed.
    """

    def __init__(self, room: int = 3800) -> None:
        self.room = room
        self.devices: dict[str, Device] = {}
        self.interruptions = 0
        self.has_wireguard = True
        self.refusal = 0
        self.requests: list[bytes] = []
        self.parts_of_report = 0
        self._threads: list[threading.Thread] = []

    def connect(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        for end in (ours, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        thread = threading.Thread(target=self._serve, args=(ours,))
        thread.start()
        self._threads.append(thread)
        return theirs

    def close(self) -> None:
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            while request := connection.recv(1 << 17):
                length, kind, flags, sequence, _ = struct.unpack_from("=IHHII", request)
                assert length == len(request)
                try:
                    answers = self._answer(kind, flags, request[16:])
                except Refused as why:
                    body = struct.pack("=i", -why.args[0]) + request[:16]
                    answers = [(ERROR, 0, body)]
                for kind, flags, body in answers:
                    header = struct.pack("=IHHII", 16 + len(body), kind, flags, sequence, 77)
                    connection.send(header + body)

    def _answer(self, kind: int, flags: int, body: bytes) -> list[tuple[int, int, bytes]]:
        if kind == 18:
            return self._links()
        command, _, _ = struct.unpack_from("=BBH", body)
        if kind == 16:
            (name,) = [value for what, value in attributes(body[4:]) if what == 2]
            if name != b"wireguard\0" or not self.has_wireguard:
                raise Refused(errno.ENOENT)
            told = attribute(2, name) + attribute(1, struct.pack("=H", FAMILY))
            return [(16, 0, struct.pack("=BBH", 1, 2, 0) + told)]
        assert kind == FAMILY
        if self.refusal:
            raise Refused(self.refusal)
        self.requests.append(body)
        said = members(body[4:], DEVICE)
        name = said[2].rstrip(b"\0").decode()
        if name not in self.devices:
            raise Refused(errno.ENODEV)
        if command == 1:
            assert flags & ACK
            self._set(self.devices[name], said)
            return [(ERROR, 0, bytes(4 + 16))]
        assert (command, flags & DUMP) == (0, DUMP)
        return self._report(name, self.devices[name])

    def _links(self) -> list[tuple[int, int, bytes]]:
        links = []
        for number, (name, kind) in enumerate(
            [("lo", ""), ("eth0", "veth"), *((name, "wireguard") for name in self.devices)], 1
        ):
            body = struct.pack("=BxHiII", 0, 1, number, 0x41, 0) + attribute(
                3, f"{name}\0".encode()
            )
            if kind:
                body += attribute(18 | NESTED, attribute(1, f"{kind}\0".encode()))
            links.append((16, 2, body))
        return [*links, (DONE, 2, bytes(4))]

    def _report(self, name: str, device: Device) -> list[tuple[int, int, bytes]]:
        disturbed = INTERRUPTED if self.interruptions else 0
        self.interruptions -= bool(disturbed)
        head = attribute(6, struct.pack("=H", device.port))
        head += attribute(7, struct.pack("=I", device.fwmark))
        head += attribute(1, struct.pack("=I", 9)) + attribute(2, f"{name}\0".encode())
        if any(device.private):
            head += attribute(3, device.private)
        parts = []
        peers: list[bytes] = []
        used = len(head)

        def flush() -> None:
            nonlocal head, peers, used
            parts.append(head + attribute(8 | NESTED, b"".join(peers)))
            head, peers, used = b"", [], 0

        for key, peer in device.peers.items():
            first = True
            rest = list(peer.allowed)
            while first or rest:
                told = attribute(1, key) + (_state(peer) if first else b"")
                if used + len(told) + 60 > self.room and peers:
                    flush()
                allowed = b""
                while rest and used + len(told) + len(allowed) + 60 <= self.room:
                    allowed += _allowed(*rest.pop(0))
                if rest and not allowed and not first:
                    allowed = _allowed(*rest.pop(0))
                whole = attribute(NESTED, told + attribute(9 | NESTED, allowed))
                peers.append(whole)
                used += len(whole)
                first = False
                if rest:
                    flush()
        flush()
        self.parts_of_report = len(parts)
        header = struct.pack("=BBH", 0, 1, 0)
        return [*((FAMILY, 2 | disturbed, header + part) for part in parts), (DONE, 2, bytes(4))]

    def _set(self, device: Device, said: dict[int, bytes]) -> None:
        if 5 in said and struct.unpack("=I", said[5])[0] & REPLACE_PEERS:
            device.peers.clear()
        if 6 in said:
            (device.port,) = struct.unpack("=H", said[6])
        if 7 in said:
            (device.fwmark,) = struct.unpack("=I", said[7])
        device.private = said.get(3, device.private)
        for kind, body in attributes(said.get(8, b"")):
            if kind != NESTED:
                raise Refused(errno.EINVAL)
            _set_peer(device, members(body, PEER))


def _set_peer(device: Device, said: dict[int, bytes]) -> None:
    key = said[1]
    flags = struct.unpack("=I", said[3])[0] if 3 in said else 0
    if flags & REMOVE:
        device.peers.pop(key, None)
        return
    if key not in device.peers:
        if flags & UPDATE_ONLY:
            return
        device.peers[key] = Peer()
    peer = device.peers[key]
    peer.preshared = said.get(2, peer.preshared)
    peer.endpoint = said.get(4, peer.endpoint)
    if flags & REPLACE_ALLOWED_IPS:
        peer.allowed.clear()
    for kind, body in attributes(said.get(9, b"")):
        if kind != NESTED:
            raise Refused(errno.EINVAL)
        allowed = members(body, ALLOWED)
        (family,) = struct.unpack("=H", allowed[1])
        what = (family, allowed[2], allowed[3][0])
        if len(allowed[2]) != (4 if family == socket.AF_INET else 16):
            raise Refused(errno.EINVAL)
        if 4 in allowed and struct.unpack("=I", allowed[4])[0] & 1:
            peer.allowed.pop(what, None)
            continue
        for other in device.peers.values():
            if other is not peer:
                other.allowed.pop(what, None)
        peer.allowed[what] = None
    if 5 in said:
        (peer.keepalive,) = struct.unpack("=H", said[5])


def _state(peer: Peer) -> bytes:
    told = attribute(2, peer.preshared) + attribute(6, struct.pack("=qq", *peer.handshake))
    told += attribute(5, struct.pack("=H", peer.keepalive))
    told += attribute(8, struct.pack("=Q", peer.tx)) + attribute(7, struct.pack("=Q", peer.rx))
    told += attribute(10, struct.pack("=I", 1))
    return told + (attribute(4, peer.endpoint) if peer.endpoint else b"")


def _allowed(family: int, address: bytes, length: int) -> bytes:
    told = attribute(1, struct.pack("=H", family)) + attribute(2, address)
    return attribute(NESTED, told + attribute(3, bytes([length])))


@contextmanager
def running_kernel(room: int = 3800) -> Iterator[FakeKernel]:
    kernel = FakeKernel(room)
    try:
        yield kernel
    finally:
        kernel.close()
