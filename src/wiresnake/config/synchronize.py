"""``wg syncconf``: what leads from the state of an interface to that of a file, and no further."""

from dataclasses import replace

from wiresnake.config.model import Change, PeerChange
from wiresnake.config.reply import Report, ReportedPeer
from wiresnake.values.keys import PresharedKey, PublicKey


def synchronizing(change: Change, report: Report) -> Change:
    """Return what of ``change``, a file as ``setconf`` reads it, is to be asked of ``report``.

    Peers that are in both stay, with their sessions, and what the file does not name of them goes;
    those that the file does not name are removed, before any other is changed.
    """
    if not report.peers:
        return change
    there = {peer.public_key: peer for peer in report.peers}
    wanted = {peer.public_key for peer in change.peers}
    gone = sorted(there.keys() - wanted, key=_raw, reverse=True)
    # A file may have several blocks of one peer, of which any may name what the others do not.
    shared = {peer.public_key for peer in change.peers if peer.preshared_key is not None}
    kept = {peer.public_key for peer in change.peers if peer.persistent_keepalive is not None}
    peers = [PeerChange(key, remove=True) for key in gone]
    for peer in change.peers:
        had = there.get(peer.public_key, ReportedPeer(peer.public_key))
        # The endpoint is left alone, for the peer may have roamed.
        if had.preshared_key is not None and peer.public_key not in shared:
            peer = replace(peer, preshared_key=PresharedKey(bytes(32)))
        if had.persistent_keepalive and peer.public_key not in kept:
            peer = replace(peer, persistent_keepalive=0)
        peers.append(peer)
    return replace(change, replace_peers=False, peers=peers)


def _raw(key: PublicKey) -> bytes:
    return key.raw
