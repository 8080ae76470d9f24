"""The replies to a UAPI ``get`` and ``set``, on the side of whoever asked."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from errno import EPROTO
from typing import Final

from wiresnake.values.addresses import Prefix, format_address, pack_address
from wiresnake.values.keys import PresharedKey, PrivateKey, PublicKey

MAX_LINE: Final = 4096
"""Bytes of a reply's line, the newline included."""

_SECOND: Final = 1_000_000_000
_LARGEST_ERRNO: Final = 4095
_LARGEST_TIME: Final = (1 << 63) - 1


class ReplyError(ValueError):
    """No report: ``errno`` (positive) is the daemon's own, or EPROTO if it was misunderstood."""

    def __init__(self, errno: int, why: str) -> None:
        super().__init__(why)
        self.errno = errno


@dataclass(slots=True)
class ReportedPeer:
    """One peer as its daemon or the kernel reports it.

    ``endpoint`` is text, since the interface it may name is one of the daemon's namespace; "" is
    not known; ``last_handshake_ns`` is nanoseconds since the Unix epoch, 0 before the first.
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
    """One interface as its daemon or the kernel reports it.

    ``listen_port`` 0 and ``fwmark`` 0 mean none.
    """

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
    for key, value in _pairs(lines):
        try:
            if key == b"errno":
                errno = _errno(value)
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
    _judge(errno)
    return report


def read_answer(lines: Iterable[bytes]) -> None:
    """Read the lines of the reply to a ``set``, up to the empty one.

    Raises ReplyError unless the daemon says that it did as it was asked.
    """
    errno: int | None = None
    for key, value in _pairs(lines):
        if key == b"errno":
            try:
                errno = _errno(value)
            except ValueError:
                raise ReplyError(EPROTO, "the reply has a bad errno") from None
    _judge(errno)


def _pairs(lines: Iterable[bytes]) -> Iterator[tuple[bytes, bytes]]:
    for line in lines:
        if line == b"\n":
            return
        key, equals, value = line.removesuffix(b"\n").partition(b"=")
        if not equals or not line.endswith(b"\n"):
            raise ReplyError(EPROTO, "a line of the reply is not key=value")
        yield key, value
    raise ReplyError(EPROTO, "the reply breaks off")


def _errno(value: bytes) -> int:
    # Negative numbers are what a daemon should answer, and positive ones what some do.
    return _number(value.removeprefix(b"-"), _LARGEST_ERRNO)


def _judge(errno: int | None) -> None:
    if errno != 0:
        raise ReplyError(errno or EPROTO, "the daemon refused")


def _private_key(report: Report, value: bytes) -> None:
    report.private_key = PrivateKey.from_hex(value.decode())


def _listen_port(report: Report, value: bytes) -> None:
    report.listen_port = _number(value, 0xFFFF)


def _fwmark(report: Report, value: bytes) -> None:
    report.fwmark = _number(value, 0xFFFF_FFFF)


def _preshared_key(peer: ReportedPeer, value: bytes) -> None:
    key = PresharedKey.from_hex(value.decode())
    peer.preshared_key = None if key.is_zero else key


def _endpoint(peer: ReportedPeer, value: bytes) -> None:
    host, _, port = value.decode("ascii").rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    address, percent, scope = host[1:-1].partition("%") if bracketed else (host, "", "")
    packed = pack_address(address)
    if not port.isdigit() or int(port) > 0xFFFF or bracketed != (len(packed) == 16):
        raise ValueError("not an endpoint")
    if percent and not (scope.isprintable() and scope):
        raise ValueError("no scope")
    # One text for one address, as `wg` shows it; the scope is left as the daemon knows it.
    text = format_address(packed) + percent + scope
    peer.endpoint = f"[{text}]:{int(port)}" if bracketed else f"{text}:{int(port)}"


def _handshake_seconds(peer: ReportedPeer, value: bytes) -> None:
    peer.last_handshake_ns += _number(value, _LARGEST_TIME) * _SECOND


def _handshake_nanoseconds(peer: ReportedPeer, value: bytes) -> None:
    peer.last_handshake_ns += _number(value)


def _tx_bytes(peer: ReportedPeer, value: bytes) -> None:
    peer.tx_bytes = _number(value)


def _rx_bytes(peer: ReportedPeer, value: bytes) -> None:
    peer.rx_bytes = _number(value)


def _keepalive(peer: ReportedPeer, value: bytes) -> None:
    peer.persistent_keepalive = _number(value, 0xFFFF)


def _allowed_ip(peer: ReportedPeer, value: bytes) -> None:
    if b"/" not in value:
        raise ValueError("a prefix without its length")
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
