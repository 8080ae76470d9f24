"""The text of a UAPI ``set``, on the side of whoever asks."""

from collections.abc import Iterator

from wiresnake.config.model import Change, PeerChange


def set_request(change: Change) -> bytes:
    """Return the lines of the request that asks for ``change``, up to the empty one.

    They hold the secrets that the change holds.
    """
    return "".join(f"{line}\n" for line in (*_device_lines(change), "")).encode()


def _device_lines(change: Change) -> Iterator[str]:
    yield "set=1"
    if change.private_key is not None:
        yield f"private_key={change.private_key.reveal().hex()}"
    if change.listen_port is not None:
        yield f"listen_port={change.listen_port}"
    if change.fwmark is not None:
        yield f"fwmark={change.fwmark}"
    if change.replace_peers:
        yield "replace_peers=true"
    for peer in change.peers:
        yield from _peer_lines(peer)


def _peer_lines(peer: PeerChange) -> Iterator[str]:
    yield f"public_key={peer.public_key.hex()}"
    if peer.remove:
        yield "remove=true"  # what else is said of a peer that goes has no meaning
        return
    if peer.update_only:
        yield "update_only=true"
    if peer.preshared_key is not None:
        yield f"preshared_key={peer.preshared_key.reveal().hex()}"
    if peer.endpoint is not None:
        yield f"endpoint={peer.endpoint}"
    if peer.persistent_keepalive is not None:
        yield f"persistent_keepalive_interval={peer.persistent_keepalive}"
    if peer.replace_allowed_ips:
        yield "replace_allowed_ips=true"
    for allowed in peer.allowed_ips:
        yield f"allowed_ip={'-' if allowed.remove else ''}{allowed.prefix}"
