"""Writes the files of a server and its clients: all that were asked for, or none."""

import os
import sys
from contextlib import ExitStack
from pathlib import Path

from wiresnake.cli import configs, grammar
from wiresnake.cli.grammars import NEW
from wiresnake.cli.new.questions import NobodyAnswers
from wiresnake.cli.new.request import Refused, Request, asked, asked_for
from wiresnake.config import enrol
from wiresnake.config.enrol import EVERYTHING, Client, NotAServer, Terms
from wiresnake.host import secret_files
from wiresnake.values.addresses import format_address
from wiresnake.values.keys import PresharedKey, PrivateKey


def run(arguments: list[str]) -> int:
    """Make the files of a server and its clients, or of clients for a server that exists."""
    if arguments in grammar.HELP:
        print(grammar.usage("new", NEW))
        return 0
    try:
        words = grammar.read(NEW, arguments)
        request = asked() if not words.values and sys.stdin.isatty() else asked_for(words)
        existing = words.one("--add")
        if existing is None:
            _make(request)
        else:
            _add(configs.locate(existing), request)
    except (ValueError, configs.Unreadable, NobodyAnswers) as bad:
        print(f"wiresnake new: {bad}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"wiresnake new: {error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    return 0


def _make(request: Request) -> None:
    assert request.endpoint is not None
    allowed_ips = EVERYTHING if request.route_all else request.networks
    terms = Terms(request.endpoint.text, allowed_ips, request.dns)
    text = enrol.server_text(
        PrivateKey.generate(os.urandom(32)), request.networks, request.endpoint.port, terms,
        gateway=request.route_all,
    )  # fmt: skip
    addresses = ", ".join(format_address(each.network) for each in enrol.read_server(text).taken)
    text, made = _enrolled(text, request)
    path = request.directory / f"{request.interface}.conf"
    with ExitStack() as undo:
        _create(path, text, undo)
        _create_clients(request, made, undo)
        undo.pop_all()
    print(f"{path}: the server, {addresses} inside, reached at {terms.endpoint}")
    _tell_of_clients(request, made)


def _add(path: Path, request: Request) -> None:
    with secret_files.locked(path):
        try:
            text, made = _enrolled(configs.text_of(path), request)
        except NotAServer as bad:
            raise Refused(f"{path}: {bad}") from None
        with ExitStack() as undo:
            _create_clients(request, made, undo)
            secret_files.replace(path, text.encode())
            undo.pop_all()
    print(f"{path}: the server, which knows {', '.join(request.clients)} too")
    _tell_of_clients(request, made)
    name = path.name.removesuffix(".conf")
    print(f"If it runs, tell it: wiresnake syncconf {name} <(wiresnake strip {path})")


def _enrolled(text: str, request: Request) -> tuple[str, list[tuple[Client, str]]]:
    """Return the server's text with all clients in it, and each client with its own text."""
    made = []
    endpoint = None if request.endpoint is None else request.endpoint.text
    for name in request.clients:
        server = enrol.read_server(text)
        if name in server.names:
            raise Refused(f"the server has a client called `{name}' already")
        terms = server.terms(endpoint, EVERYTHING if request.route_all else None, request.dns)
        client = Client(
            name,
            PrivateKey.generate(os.urandom(32)),
            server.addresses(),
            PresharedKey(os.urandom(32)) if request.preshared else None,
        )
        text = enrol.with_client(text, client)
        made.append((client, enrol.client_text(client, server.public_key, terms)))
    return text, made


def _create_clients(request: Request, made: list[tuple[Client, str]], undo: ExitStack) -> None:
    for client, text in made:
        _create(request.directory / f"{client.name}.conf", text, undo)


def _create(path: Path, text: str, undo: ExitStack) -> None:
    try:
        secret_files.create(path, text.encode())
    except FileExistsError:
        raise Refused(f"{path} exists, and is left as it is") from None
    undo.callback(path.unlink)


def _tell_of_clients(request: Request, made: list[tuple[Client, str]]) -> None:
    for client, text in made:
        addresses = ", ".join(format_address(each) for each in client.addresses)
        print(f"{request.directory / client.name}.conf: {client.name}, {addresses} inside")
        if request.show_codes:
            from wiresnake.cli import qr

            qr.show(text)
    print("Each file holds a private key: it belongs on its own host, and nowhere else.")
