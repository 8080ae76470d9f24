"""Reports and changes of the kernel's WireGuard as the attributes of its netlink family.

Numbers and layouts are those of linux/wireguard.h. An interface may have more peers than a message
holds, and a peer more allowed IPs, in both directions:

* a report comes in parts, of which a later one may go on with a peer that an earlier one broke off;
* a change is sent in parts: only the first says what is of the interface, only the first about a
  peer replaces that peer's allowed IPs.
"""

import os
import socket
import struct
from collections.abc import Callable, Iterable, Iterator
from errno import ENODEV
from struct import Struct
from typing import Final

from wiresnake.config.model import AllowedIpChange, Change, PeerChange
from wiresnake.config.reply import Report, ReportedPeer
from wiresnake.host.genetlink import generic, members_of, nested
from wiresnake.host.netlink import attribute, attributes
from wiresnake.values.addresses import Endpoint, Prefix
from wiresnake.values.keys import PresharedKey, PrivateKey, PublicKey

_VERSION: Final = 1
_GET_DEVICE: Final = 0
_SET_DEVICE: Final = 1

_DEVICE_NAME: Final = 2
_DEVICE_PRIVATE_KEY: Final = 3
_DEVICE_FLAGS: Final = 5
_DEVICE_LISTEN_PORT: Final = 6
_DEVICE_FWMARK: Final = 7
_DEVICE_PEERS: Final = 8
_REPLACE_PEERS: Final = 1

_PEER_PUBLIC_KEY: Final = 1
_PEER_PRESHARED_KEY: Final = 2
_PEER_FLAGS: Final = 3
_PEER_ENDPOINT: Final = 4
_PEER_KEEPALIVE: Final = 5
_PEER_LAST_HANDSHAKE: Final = 6
_PEER_RX_BYTES: Final = 7
_PEER_TX_BYTES: Final = 8
_PEER_ALLOWED_IPS: Final = 9
_REMOVE_PEER: Final = 1
_REPLACE_ALLOWED_IPS: Final = 2
_UPDATE_ONLY: Final = 4

_ALLOWED_FAMILY: Final = 1
_ALLOWED_ADDRESS: Final = 2
_ALLOWED_LENGTH: Final = 3
_ALLOWED_FLAGS: Final = 4
_REMOVE_ALLOWED: Final = 1

_BYTE: Final = Struct("=B")
_SHORT: Final = Struct("=H")
_UNSIGNED: Final = Struct("=I")
_COUNT: Final = Struct("=Q")
_TIME: Final = Struct("=qq")  # __kernel_timespec: seconds, nanoseconds
_PORT: Final = Struct("!2xH")  # sockaddr_in and sockaddr_in6, the family skipped
_IPV4_SIZE: Final = 16
_IPV6_SIZE: Final = 28
_SECOND: Final = 1_000_000_000
_NAME_SIZE: Final = 16

PART: Final = 16384
"""Bytes of peers in one message of a change; the length of an attribute has 16 bits."""


def question(name: str) -> bytes:
    """Return the message that asks how an interface stands. Raises OSError for what is no name."""
    return generic(_GET_DEVICE, _VERSION, _name(name))


def read_report(parts: Iterable[memoryview]) -> Report:
    """Read the messages of the answer. Raises ValueError if they make no sense."""
    report = Report()
    peers: dict[PublicKey, ReportedPeer] = {}
    try:
        for part in parts:
            for kind, value in members_of(part):
                if kind == _DEVICE_PEERS:
                    for _, peer in attributes(value, 0):
                        _read_peer(peers, peer)
                elif kind in _READ_DEVICE:
                    _READ_DEVICE[kind](report, value)
    except struct.error as bad:
        raise ValueError(f"an attribute of another size: {bad}") from None
    report.peers.extend(peers.values())
    return report


def change_parts(name: str, change: Change, limit: int = PART) -> Iterator[bytes]:
    """Yield the messages of a change, at least one, with about ``limit`` bytes of peers in each.

    Raises OSError for what is no name.
    """
    head = [_name(name), *_device_members(change)]
    peers: list[bytes] = []
    size = 0
    for peer in change.peers:
        for piece in _peer_pieces(peer, limit):
            if peers and size + len(piece) > limit:
                yield generic(_SET_DEVICE, _VERSION, *head, nested(_DEVICE_PEERS, *peers))
                head, peers, size = [_name(name)], [], 0
            peers.append(piece)
            size += len(piece)
    if peers:
        head.append(nested(_DEVICE_PEERS, *peers))
    yield generic(_SET_DEVICE, _VERSION, *head)


def _name(name: str) -> bytes:
    raw = name.encode(errors="surrogateescape")
    if not raw or len(raw) >= _NAME_SIZE or b"\0" in raw:
        raise OSError(ENODEV, os.strerror(ENODEV))
    return attribute(_DEVICE_NAME, raw + b"\0")


def _device_members(change: Change) -> Iterator[bytes]:
    if change.private_key is not None:
        yield attribute(_DEVICE_PRIVATE_KEY, change.private_key.reveal())
    if change.listen_port is not None:
        yield attribute(_DEVICE_LISTEN_PORT, _SHORT.pack(change.listen_port))
    if change.fwmark is not None:
        yield attribute(_DEVICE_FWMARK, _UNSIGNED.pack(change.fwmark))
    if change.replace_peers:
        yield attribute(_DEVICE_FLAGS, _UNSIGNED.pack(_REPLACE_PEERS))


def _peer_pieces(peer: PeerChange, limit: int) -> Iterator[bytes]:
    """Yield one peer as one or more members of the list of peers."""
    key = attribute(_PEER_PUBLIC_KEY, peer.public_key.raw)
    if peer.remove:
        yield nested(0, key, attribute(_PEER_FLAGS, _UNSIGNED.pack(_REMOVE_PEER)))
        return
    again = [key]
    if peer.update_only:
        again.append(attribute(_PEER_FLAGS, _UNSIGNED.pack(_UPDATE_ONLY)))
    head = [key, *_peer_members(peer)]
    allowed: list[bytes] = []
    size = sum(map(len, head))
    for change in peer.allowed_ips:
        member = _allowed_member(change)
        if allowed and size + len(member) > limit:
            yield nested(0, *head, nested(_PEER_ALLOWED_IPS, *allowed))
            head, allowed, size = again, [], sum(map(len, again))
        allowed.append(member)
        size += len(member)
    yield nested(0, *head, *([nested(_PEER_ALLOWED_IPS, *allowed)] if allowed else []))


def _peer_members(peer: PeerChange) -> Iterator[bytes]:
    flags = _REPLACE_ALLOWED_IPS if peer.replace_allowed_ips else 0
    flags |= _UPDATE_ONLY if peer.update_only else 0
    if flags:
        yield attribute(_PEER_FLAGS, _UNSIGNED.pack(flags))
    if peer.preshared_key is not None:
        yield attribute(_PEER_PRESHARED_KEY, peer.preshared_key.reveal())
    if peer.endpoint is not None:
        yield attribute(_PEER_ENDPOINT, _socket_address(peer.endpoint))
    if peer.persistent_keepalive is not None:
        yield attribute(_PEER_KEEPALIVE, _SHORT.pack(peer.persistent_keepalive))


def _allowed_member(change: AllowedIpChange) -> bytes:
    prefix = change.prefix
    members = [
        attribute(_ALLOWED_FAMILY, _SHORT.pack(_family(prefix.is_ipv6))),
        attribute(_ALLOWED_ADDRESS, prefix.network),
        attribute(_ALLOWED_LENGTH, _BYTE.pack(prefix.length)),
    ]
    if change.remove:  # Linux 6.16; an older kernel refuses the whole message
        members.append(attribute(_ALLOWED_FLAGS, _UNSIGNED.pack(_REMOVE_ALLOWED)))
    return nested(0, *members)


def _family(is_ipv6: bool) -> int:
    return socket.AF_INET6 if is_ipv6 else socket.AF_INET


def _socket_address(endpoint: Endpoint) -> bytes:
    family = _SHORT.pack(_family(endpoint.is_ipv6)) + endpoint.port.to_bytes(2)
    if endpoint.is_ipv6:
        return family + bytes(4) + endpoint.host + _UNSIGNED.pack(endpoint.scope)
    return family + endpoint.host + bytes(8)


def _read_private_key(report: Report, value: memoryview) -> None:
    key = PrivateKey(bytes(value))
    report.private_key = None if key.is_zero else key


def _read_listen_port(report: Report, value: memoryview) -> None:
    (report.listen_port,) = _SHORT.unpack(value)


def _read_fwmark(report: Report, value: memoryview) -> None:
    (report.fwmark,) = _UNSIGNED.unpack(value)


def _read_peer(peers: dict[PublicKey, ReportedPeer], body: memoryview) -> None:
    """Read one member of a list of peers into a new peer, or into the one it goes on with."""
    values = dict(attributes(body, 0))
    if _PEER_PUBLIC_KEY not in values:
        raise ValueError("a peer without its public key")
    key = PublicKey(bytes(values[_PEER_PUBLIC_KEY]))
    peer = peers.get(key)
    if peer is None:
        peer = peers[key] = ReportedPeer(key)
    for kind, value in values.items():
        if kind in _READ_PEER:
            _READ_PEER[kind](peer, value)


def _read_preshared_key(peer: ReportedPeer, value: memoryview) -> None:
    key = PresharedKey(bytes(value))
    peer.preshared_key = None if key.is_zero else key


def _read_endpoint(peer: ReportedPeer, value: memoryview) -> None:
    (family,) = _SHORT.unpack_from(value)
    (port,) = _PORT.unpack_from(value)
    if family == socket.AF_INET and len(value) == _IPV4_SIZE:
        peer.endpoint = str(Endpoint(bytes(value[4:8]), port))
    elif family == socket.AF_INET6 and len(value) == _IPV6_SIZE:
        (scope,) = _UNSIGNED.unpack_from(value, 24)
        peer.endpoint = str(Endpoint(bytes(value[8:24]), port, scope))
    else:
        raise ValueError("an endpoint that is neither IPv4 nor IPv6")


def _read_keepalive(peer: ReportedPeer, value: memoryview) -> None:
    (peer.persistent_keepalive,) = _SHORT.unpack(value)


def _read_last_handshake(peer: ReportedPeer, value: memoryview) -> None:
    seconds, nanoseconds = _TIME.unpack(value)
    peer.last_handshake_ns = seconds * _SECOND + nanoseconds


def _read_rx_bytes(peer: ReportedPeer, value: memoryview) -> None:
    (peer.rx_bytes,) = _COUNT.unpack(value)


def _read_tx_bytes(peer: ReportedPeer, value: memoryview) -> None:
    (peer.tx_bytes,) = _COUNT.unpack(value)


def _read_allowed_ips(peer: ReportedPeer, value: memoryview) -> None:
    for _, body in attributes(value, 0):
        allowed = dict(attributes(body, 0))
        if not {_ALLOWED_ADDRESS, _ALLOWED_LENGTH} <= allowed.keys():
            raise ValueError("an allowed IP without its address or length")
        (length,) = _BYTE.unpack(allowed[_ALLOWED_LENGTH])
        peer.allowed_ips.append(Prefix.of(bytes(allowed[_ALLOWED_ADDRESS]), length))


_READ_DEVICE: Final[dict[int, Callable[[Report, memoryview], None]]] = {
    _DEVICE_PRIVATE_KEY: _read_private_key,
    _DEVICE_LISTEN_PORT: _read_listen_port,
    _DEVICE_FWMARK: _read_fwmark,
}
_READ_PEER: Final[dict[int, Callable[[ReportedPeer, memoryview], None]]] = {
    _PEER_PRESHARED_KEY: _read_preshared_key,
    _PEER_ENDPOINT: _read_endpoint,
    _PEER_KEEPALIVE: _read_keepalive,
    _PEER_LAST_HANDSHAKE: _read_last_handshake,
    _PEER_RX_BYTES: _read_rx_bytes,
    _PEER_TX_BYTES: _read_tx_bytes,
    _PEER_ALLOWED_IPS: _read_allowed_ips,
}
