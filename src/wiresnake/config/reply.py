"""The reply to a UAPI ``get``, on the side of whoever asked."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from errno import EPROTO
from typing import Final

from wiresnake.values.addresses import Prefix
from wiresnake.values.keys import PresharedKey, PrivateKey, PublicKey

MAX_LINE: Final = 4096
"""Bytes of a reply's line, the newline included."""

_SECOND: Final = 1_000_000_000
_LARGEST_ERRNO: Final = 4095


class ReplyError(ValueError):
    """No report: ``errno`` (positive) is the daemon's own, or EPROTO if it was misunderstood."""

    def __init__(self, errno: int, why: str) -> None:
        super().__init__(why)
        self.errno = errno


@dataclass(slots=True)
class ReportedPeer:
    """One peer as a daemon reports it.

    ``endpoint`` is the daemon's text, since the interface it may name is one of the daemon's
    namespace; ``last_handshake_ns`` is nanoseconds since the Unix epoch, 0 before the first.
    """

    public_key: PublicKey
    preshared_key: PresharedKey | None = None
    endpoint: str = ""
    last_handshake_ns: int = 0
    tx_bytes: int = 0
    rx_bytes: int = 0
    persistent_keepalive: int = 0
    allowed_ips: list[Prefix] = field(default_factory=list)


@dataclass(slots=True)
class Report:
    """One interface as its daemon reports it. ``listen_port`` 0 and ``fwmark`` 0 mean none."""

    private_key: PrivateKey | None = None
    listen_port: int = 0
    fwmark: int = 0
    peers: list[ReportedPeer] = field(default_factory=list)


def read_reply(lines: Iterable[bytes]) -> Report:
    """Read the lines of a reply, each with its newline, up to the empty one.

    Keys that are not known are passed over, so that a later daemon can say more. Raises ReplyError.
    """
    report = Report()
    peer: ReportedPeer | None = None
    errno: int | None = None
    for line in lines:
        if line == b"\n":
            break
        key, equals, value = line.removesuffix(b"\n").partition(b"=")
        if not equals or not line.endswith(b"\n"):
            raise ReplyError(EPROTO, "a line of the reply is not key=value")
        try:
            if key == b"errno":
                errno = _number(value.removeprefix(b"-"), _LARGEST_ERRNO)
            elif key == b"public_key":
                peer = ReportedPeer(PublicKey.from_hex(value.decode()))
                report.peers.append(peer)
            elif peer is None:
                if key in _DEVICE_KEYS:
                    _DEVICE_KEYS[key](report, value)
            elif key in _PEER_KEYS:
                _PEER_KEYS[key](peer, value)
        except ValueError:
            raise ReplyError(EPROTO, f"the reply has a bad {key.decode()}") from None
    else:
        raise ReplyError(EPROTO, "the reply breaks off")
    if errno != 0:
        raise ReplyError(errno or EPROTO, "the daemon refused to answer")
    return report


def _private_key(report: Report, value: bytes) -> None:
    report.private_key = PrivateKey.from_hex(value.decode())


def _listen_port(report: Report, value: bytes) -> None:
    report.listen_port = _number(value)


def _fwmark(report: Report, value: bytes) -> None:
    report.fwmark = _number(value)


def _preshared_key(peer: ReportedPeer, value: bytes) -> None:
    key = PresharedKey.from_hex(value.decode())
    peer.preshared_key = None if key.is_zero else key


def _endpoint(peer: ReportedPeer, value: bytes) -> None:
    text = value.decode("ascii")
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or not text.isprintable():
        raise ValueError("not an endpoint")
    peer.endpoint = text


def _handshake_seconds(peer: ReportedPeer, value: bytes) -> None:
    peer.last_handshake_ns += _number(value) * _SECOND


def _handshake_nanoseconds(peer: ReportedPeer, value: bytes) -> None:
    peer.last_handshake_ns += _number(value)


def _tx_bytes(peer: ReportedPeer, value: bytes) -> None:
    peer.tx_bytes = _number(value)


def _rx_bytes(peer: ReportedPeer, value: bytes) -> None:
    peer.rx_bytes = _number(value)


def _keepalive(peer: ReportedPeer, value: bytes) -> None:
    peer.persistent_keepalive = _number(value)


def _allowed_ip(peer: ReportedPeer, value: bytes) -> None:
    peer.allowed_ips.append(Prefix.parse(value.decode()))


_DEVICE_KEYS: Final[Mapping[bytes, Callable[[Report, bytes], None]]] = {
    b"private_key": _private_key,
    b"listen_port": _listen_port,
    b"fwmark": _fwmark,
}
_PEER_KEYS: Final[Mapping[bytes, Callable[[ReportedPeer, bytes], None]]] = {
    b"preshared_key": _preshared_key,
    b"endpoint": _endpoint,
    b"last_handshake_time_sec": _handshake_seconds,
    b"last_handshake_time_nsec": _handshake_nanoseconds,
    b"tx_bytes": _tx_bytes,
    b"rx_bytes": _rx_bytes,
    b"persistent_keepalive_interval": _keepalive,
    b"allowed_ip": _allowed_ip,
}


def _number(value: bytes, largest: int = (1 << 64) - 1) -> int:
    if not value.isdigit() or int(value) > largest:
        raise ValueError("no number in range")
    return int(value)
