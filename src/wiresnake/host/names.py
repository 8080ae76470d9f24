"""Looking up the names of hosts and services, as the C library does it. It may take long."""

import socket

from wiresnake.values.addresses import Endpoint, NamedEndpoint


def look_up(name: NamedEndpoint) -> list[Endpoint]:
    """Return the endpoints that ``name`` leads to, of both families, the preferred ones first.

    Blocks for as long as the host's resolver is patient, many seconds where no server answers.
    Raises OSError (socket.gaierror) with the resolver's reason.
    """
    try:
        found = socket.getaddrinfo(name.host, name.service, type=socket.SOCK_DGRAM)
    except UnicodeError:
        raise socket.gaierror(socket.EAI_NONAME, "not the name of a host") from None
    endpoints = [_endpoint(family, address) for family, _, _, _, address in found]
    return list(dict.fromkeys(each for each in endpoints if each is not None))


def _endpoint(family: int, address: tuple[str | int, ...] | tuple[int, bytes]) -> Endpoint | None:
    if family not in {socket.AF_INET, socket.AF_INET6}:
        return None
    host, port, *rest = address
    scope = int(rest[1]) if len(rest) > 1 else 0
    bare = str(host).partition("%")[0]  # the scope is a number of its own
    return Endpoint(socket.inet_pton(family, bare), int(port), scope)
