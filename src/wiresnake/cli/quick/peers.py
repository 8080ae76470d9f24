"""Which endpoint of those that a file names for a peer is taken, and who may look for it later."""

from typing import Final

from wiresnake.cli import lookup
from wiresnake.cli.quick import voice
from wiresnake.cli.quick.voice import Failed
from wiresnake.config import ini
from wiresnake.config.fields import Resolve, Warn
from wiresnake.config.ini import IniError
from wiresnake.config.model import Change
from wiresnake.config.quick import QuickConfig, choosing, endpoints
from wiresnake.host.names import look_up
from wiresnake.values.addresses import Endpoint, InvalidAddress, NamedEndpoint

_SOMEWHERE: Final = Endpoint(bytes(4), 0)


def check(config: QuickConfig) -> None:
    """See whether `wg` could read the file, looking up nothing. Raises Failed."""
    listed = endpoints(config.stripped)
    for at in range(max((len(peer.endpoints) for peer in listed), default=1) or 1):
        chosen = [min(at, len(peer.endpoints) - 1) for peer in listed]
        _parse(choosing(config.stripped, chosen), lambda _host, _service: _SOMEWHERE, _be_silent)


def change_of(config: QuickConfig) -> Change:
    """Return what the file asks of the interface, names looked up. Raises Failed.

    Of several endpoints of a peer the first one that leads somewhere is taken, without patience for
    those before it; if none does, there is patience for the first.
    """
    chosen = []
    for peer in endpoints(config.stripped):
        several = peer.endpoints if len(peer.endpoints) > 1 else []
        known = (at for at, text in enumerate(several) if _leads_somewhere(text))
        chosen.append(next(known, 0))
    return _parse(choosing(config.stripped, chosen), lookup.resolve, voice.warn)


def names_of(config: QuickConfig) -> dict[str, list[str]]:
    """Return the endpoints by which peers may be found again, in order, by their public keys.

    A peer with one endpoint that is no name has none.
    """
    return {
        peer.public_key: peer.endpoints
        for peer in endpoints(config.stripped)
        if len(peer.endpoints) > 1 or any(not _is_numeric(text) for text in peer.endpoints)
    }


def _is_numeric(endpoint: str) -> bool:
    try:
        Endpoint.parse(endpoint)
    except InvalidAddress:
        return False
    return True


def _leads_somewhere(endpoint: str) -> bool:
    """Whether an address is found for it at the first attempt."""
    try:
        return _is_numeric(endpoint) or bool(look_up(NamedEndpoint.parse(endpoint)))
    except (OSError, InvalidAddress):
        return False


def _parse(text: str, resolve: Resolve, warn: Warn) -> Change:
    try:
        return ini.parse(text, resolve=resolve, warn=warn)
    except IniError as bad:
        raise Failed(f"{bad.lines[-1]}: {bad.lines[0]}") from None


def _be_silent(_line: str) -> None:
    return
