"""The text of the cross-platform interface, version 1, on the side of the daemon.

https://www.wireguard.com/xplatform/#configuration-protocol. A request is read whole and is valid as
a whole before anything of it has an effect; `merge` does the rest. Lines are bytes without their
newline. No secret appears in an error.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from errno import EINVAL, EPROTO
from typing import Final

from wiresnake.config.model import AllowedIpChange, Change, InterfaceConfig, PeerChange, PeerConfig
from wiresnake.values.addresses import Endpoint, Prefix
from wiresnake.values.keys import PresharedKey, PrivateKey, PublicKey

MAX_LINE: Final = 4096
"""Bytes of a request's line; the longest line with a meaning has a tenth of it."""

_NO_KEY: Final = "0" * 64
_SECOND: Final = 1_000_000_000


class UapiError(ValueError):
    """A request that has no effect; ``errno`` (negative) is the answer to it."""

    def __init__(self, errno: int, why: str) -> None:
        super().__init__(why)
        self.errno = errno


@dataclass(frozen=True, slots=True)
class PeerStatus:
    """What became of a peer, beside what was asked for.

    ``endpoint`` is where it is, None if unknown; ``last_handshake_ns`` is wall-clock nanoseconds
    since the Unix epoch, None before the first; byte counts are of whole WireGuard messages.
    """

    endpoint: Endpoint | None
    last_handshake_ns: int | None
    tx_bytes: int
    rx_bytes: int


class SetReader:
    """Reads the lines after ``set=1``, one at a time, into one `Change`.

    The caller feeds each line up to the empty one, which it keeps for itself, and then asks for
    the change. After an error the reader is of no more use; the caller skips to the empty line.
    """

    def __init__(self) -> None:
        self._change = Change()
        self._block: PeerChange | None = None
        self._line = 0

    def feed(self, line: bytes) -> None:
        """Take one ``key=value`` line.

        Raises UapiError: -EPROTO for a line that has no ``=`` or more than MAX_LINE bytes, -EINVAL
        for a key that is unknown, or unknown in this place, and for a bad value.
        """
        self._line += 1
        key, equals, value = line.partition(b"=")
        if not equals or len(line) > MAX_LINE:
            raise UapiError(-EPROTO, f"line {self._line} of the request is not key=value")
        try:
            if key == b"public_key":
                self._block = PeerChange(PublicKey.from_hex(value.decode()))
                self._change.peers.append(self._block)
            elif self._block is None:
                _DEVICE_KEYS[key](self._change, value)
            else:
                _PEER_KEYS[key](self._block, value)
        except KeyError:
            why = f"line {self._line} of the request has no key for this place"
            raise UapiError(-EINVAL, why) from None
        except ValueError:
            # The reason stays behind: it could quote a secret that stands where it should not.
            why = f"line {self._line} of the request has a bad {key.decode()}"
            raise UapiError(-EINVAL, why) from None

    def finish(self) -> Change:
        """Return the whole request."""
        return self._change


def _private_key(change: Change, value: bytes) -> None:
    change.private_key = PrivateKey.from_hex(value.decode()).clamped()


def _listen_port(change: Change, value: bytes) -> None:
    change.listen_port = _number(value, 0xFFFF)


def _fwmark(change: Change, value: bytes) -> None:
    change.fwmark = _number(value, 0xFFFF_FFFF)


def _replace_peers(change: Change, value: bytes) -> None:
    change.replace_peers = _true(value)


def _remove(block: PeerChange, value: bytes) -> None:
    block.remove = _true(value)


def _update_only(block: PeerChange, value: bytes) -> None:
    block.update_only = _true(value)


def _preshared_key(block: PeerChange, value: bytes) -> None:
    block.preshared_key = PresharedKey.from_hex(value.decode())


def _endpoint(block: PeerChange, value: bytes) -> None:
    block.endpoint = Endpoint.parse(value.decode())


def _keepalive(block: PeerChange, value: bytes) -> None:
    block.persistent_keepalive = _number(value, 0xFFFF)


def _replace_allowed_ips(block: PeerChange, value: bytes) -> None:
    block.replace_allowed_ips = _true(value)


def _allowed_ip(block: PeerChange, value: bytes) -> None:
    text = value.decode()
    if "/" not in text:
        raise ValueError("a prefix without its length")
    remove = text.startswith("-")
    prefix = Prefix.parse(text[1:] if remove else text)
    block.allowed_ips.append(AllowedIpChange(prefix, remove))


def _protocol_version(_block: PeerChange, value: bytes) -> None:
    if value != b"1":
        raise ValueError("not a version we speak")


_DEVICE_KEYS: Final[Mapping[bytes, Callable[[Change, bytes], None]]] = {
    b"private_key": _private_key,
    b"listen_port": _listen_port,
    b"fwmark": _fwmark,
    b"replace_peers": _replace_peers,
}
_PEER_KEYS: Final[Mapping[bytes, Callable[[PeerChange, bytes], None]]] = {
    b"remove": _remove,
    b"update_only": _update_only,
    b"preshared_key": _preshared_key,
    b"endpoint": _endpoint,
    b"persistent_keepalive_interval": _keepalive,
    b"replace_allowed_ips": _replace_allowed_ips,
    b"allowed_ip": _allowed_ip,
    b"protocol_version": _protocol_version,
}


def interface_text(config: InterfaceConfig, listen_port: int) -> str:
    """Return the lines of a ``get`` that come before the peers.

    ``listen_port`` is the port in use, which the configuration may have left open; 0 is none.
    """
    lines = []
    if config.private_key is not None:
        lines.append(f"private_key={config.private_key.reveal().hex()}\n")
    if listen_port:
        lines.append(f"listen_port={listen_port}\n")
    if config.fwmark:
        lines.append(f"fwmark={config.fwmark}\n")
    return "".join(lines)


def peer_text(peer: PeerConfig, status: PeerStatus) -> str:
    """Return the lines of a ``get`` for one peer."""
    preshared = peer.preshared_key.reveal().hex() if peer.preshared_key is not None else _NO_KEY
    endpoint = f"endpoint={status.endpoint}\n" if status.endpoint is not None else ""
    seconds, nanoseconds = divmod(status.last_handshake_ns or 0, _SECOND)
    allowed = "".join([f"allowed_ip={prefix}\n" for prefix in peer.allowed_ips])
    return (
        f"public_key={peer.public_key.hex()}\n"
        f"preshared_key={preshared}\n"
        "protocol_version=1\n"
        f"{endpoint}"
        f"last_handshake_time_sec={seconds}\n"
        f"last_handshake_time_nsec={nanoseconds}\n"
        f"tx_bytes={status.tx_bytes}\n"
        f"rx_bytes={status.rx_bytes}\n"
        f"persistent_keepalive_interval={peer.persistent_keepalive}\n"
        f"{allowed}"
    )


def _number(value: bytes, largest: int) -> int:
    if not value.isdigit():
        raise ValueError("not a decimal number")
    number = int(value)
    if number > largest:
        raise ValueError("out of range")
    return number


def _true(value: bytes) -> bool:
    if value != b"true":
        raise ValueError("only true means something here")
    return True
