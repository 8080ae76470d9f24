"""``save``: the file says how the interface is, and keeps its comments."""

from wiresnake.cli import interfaces as wireguard
from wiresnake.cli.quick.asked import Asked
from wiresnake.cli.quick.journal import load
from wiresnake.cli.quick.source import Source, read
from wiresnake.cli.quick.voice import Failed
from wiresnake.config.quick import InterfaceAddress
from wiresnake.config.rewrite import Current, rewrite
from wiresnake.host import interfaces, secret_files
from wiresnake.host.netlink import Requests


def save(asked: Asked) -> None:
    """Write to the file how its interface is. Raises Failed, with the file as it was."""
    source = read(asked.about)
    with Requests() as requests:
        save_to(source, requests)


def save_to(source: Source, requests: Requests) -> None:
    """Write to the file that was read how its interface is. Raises Failed."""
    name = source.interface
    try:
        report = wireguard.ask(name)
    except OSError:
        raise Failed(f"`{name}' is not a WireGuard interface") from None
    journal = load(name)
    try:
        index = interfaces.index_of(requests, name)
        held = interfaces.addresses(requests, name)
        mtu = interfaces.mtu_of(requests, index)
    except OSError as error:
        raise Failed(f"{name}: {error.strerror}") from None
    addresses = [InterfaceAddress(*each) for each in held]
    current = Current(report, addresses, mtu, journal.own_mark if journal else 0)
    text = rewrite(source.text, current)
    if text == source.text:
        return
    try:
        secret_files.replace(source.path, text.encode(errors="surrogateescape"))
    except OSError as error:
        why = error.strerror
        raise Failed(f"Could not write configuration file {source.path}: {why}") from None
