"""Peers are given reason to answer, and it is seen what comes of it."""

import contextlib
import select
import socket
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Final

from wiresnake.cli import interfaces
from wiresnake.config.health.facts import SESSION_LIFE, Echo
from wiresnake.config.health.inside import Behind, address_behind, representative
from wiresnake.config.quick import InterfaceAddress
from wiresnake.config.reply import Report, ReportedPeer
from wiresnake.host.echo import Pinger, largest_whole
from wiresnake.values.addresses import format_address
from wiresnake.values.keys import PublicKey

MOST: Final = 16
"""Peers that are examined; who has more knows them by other means."""
HANDSHAKE_LIMIT: Final = 6.5
"""Seconds for a handshake: a first message, another after 5 s, and the way back."""
SILENCE_LIMIT: Final = 11.5
"""Seconds after which a peer that hears from us has said at least that it lives (10 s)."""
PING_LIMIT: Final = 2.5
"""Seconds for an answer to a ping where the peer itself is there."""

OBSERVATION: Final = 1.0
"""Seconds that it lasts at least, so that what is counted has time to show."""
_HANDSHAKE_SIZES: Final = {148, 92}
_INTERVAL: Final = 1.0
_LOOK_INTERVAL: Final = 0.2
_DISCARD_PORT: Final = 9


@dataclass(slots=True)
class Examined:
    """How the interface stood before and after, whom we asked, and what pings came to."""

    before: Report
    after: Report
    asked: set[PublicKey] = field(default_factory=set)
    echoes: dict[PublicKey, Echo] = field(default_factory=dict)


def examine(
    name: str, before: Report, mtu: int, own: tuple[InterfaceAddress, ...], dns: list[str]
) -> Examined:
    """Ask the peers of an interface that is up, and was as ``before`` says. Raises OSError.

    It takes as long as the slowest of them needs, and 12 s if one is silent.
    """
    examined = Examined(before, before)
    until = time.monotonic() + OBSERVATION
    with ExitStack() as stack:
        pingers: dict[PublicKey, Pinger] = {}
        behind: dict[PublicKey, Behind] = {}
        senders: dict[PublicKey, socket.socket] = {}
        for peer in [each for each in before.peers if each.endpoint and each.allowed_ips][:MOST]:
            examined.asked.add(peer.public_key)
            likeliest = address_behind(peer.allowed_ips, own, dns)
            if likeliest is None:
                senders[peer.public_key] = stack.enter_context(_sender(name, peer))
            else:
                behind[peer.public_key] = likeliest
                pingers[peer.public_key] = stack.enter_context(Pinger(name, likeliest.address))
        answered = _await(name, examined, pingers, senders)
        for key, (address, sure) in behind.items():
            delay = answered.get(key)
            if delay is not None:
                largest = largest_whole(pingers[key], mtu, patience=max(0.5, 3 * delay))
                examined.echoes[key] = Echo(format_address(address), answered=True, largest=largest)
            elif sure:
                examined.echoes[key] = Echo(format_address(address), answered=False)
    time.sleep(max(0.0, until - time.monotonic()))
    examined.after = interfaces.ask(name)
    return examined


def received_beside_handshakes(before: ReportedPeer | None, after: ReportedPeer) -> int:
    """Return the bytes that came meanwhile; a handshake, which comes in spite of much, apart."""
    if before is None:
        return after.rx_bytes
    grown = after.rx_bytes - before.rx_bytes
    renewed = after.last_handshake_ns != before.last_handshake_ns
    return 0 if renewed and grown in _HANDSHAKE_SIZES else grown


def _await(
    name: str,
    examined: Examined,
    pingers: Mapping[PublicKey, Pinger],
    senders: Mapping[PublicKey, socket.socket],
) -> dict[PublicKey, float]:
    """Ask every second until all have answered, or will not; return the seconds each took.

    A peer that is removed meanwhile is waited for no longer.
    """
    earlier = {peer.public_key: peer for peer in examined.before.peers}
    answered: dict[PublicKey, float] = {}
    began = time.monotonic()
    ask_at = sent_at = began
    waiting = set(examined.asked)
    while waiting:
        now = time.monotonic()
        if now >= ask_at:
            ask_at, sent_at = now + _INTERVAL, now
            for key in waiting:
                if key in pingers:
                    pingers[key].send()
                else:
                    with contextlib.suppress(OSError):
                        senders[key].send(b"\0")
        pinged = {pingers[key]: key for key in waiting if key in pingers}
        for pinger in select.select(list(pinged), [], [], _LOOK_INTERVAL)[0]:
            if pinger.heard(0):
                answered[pinged[pinger]] = time.monotonic() - sent_at
        waited = time.monotonic() - began
        waiting = {
            key
            for key, peer in ((each.public_key, each) for each in interfaces.ask(name).peers)
            if key in waiting
            and key not in answered
            and waited <= _limit(peer, earlier.get(key), key in pingers)
        }
    return answered


def _limit(peer: ReportedPeer, before: ReportedPeer | None, pinged: bool) -> float:
    """Return for how many seconds it makes sense to wait for this peer."""
    if peer.last_handshake_ns / 1e9 < time.time() - SESSION_LIFE:
        return HANDSHAKE_LIMIT
    if not received_beside_handshakes(before, peer):
        return SILENCE_LIMIT
    return PING_LIMIT if pinged else 0.0


def _sender(name: str, peer: ReportedPeer) -> socket.socket:
    """Return a socket whose datagrams go to the peer, and are meant for nobody behind it."""
    destination = representative(peer.allowed_ips[0])
    family = socket.AF_INET6 if len(destination) == 16 else socket.AF_INET
    sender = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, name.encode() + b"\0")
        sender.settimeout(0)
        with contextlib.suppress(OSError):  # no address of that family to send from
            sender.connect((format_address(destination), _DISCARD_PORT))
    except BaseException:
        sender.close()
        raise
    return sender
