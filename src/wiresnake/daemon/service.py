"""The life of a daemon: everything is opened in order, served, and given back in reverse."""

import asyncio
import errno
import logging
import os
import signal
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from wiresnake import __version__
from wiresnake.daemon import logs
from wiresnake.daemon.control import serve_control
from wiresnake.daemon.desk import Desk
from wiresnake.daemon.doorstep import (
    CONTROL_DIRECTORY,
    DIRECTORY,
    Doorstep,
    is_live,
    socket_path,
)
from wiresnake.daemon.keylog import KeyLog
from wiresnake.daemon.notify import notify_ready
from wiresnake.daemon.options import CannotStart, Options
from wiresnake.daemon.statistics import Statistics
from wiresnake.daemon.uapi import serve_uapi
from wiresnake.host import names, privileges, tun
from wiresnake.host.tun import Tun
from wiresnake.plane.choose import open_plane
from wiresnake.plane.contract import Inner, PlaneLost
from wiresnake.protocol.constants import DEFAULT_MTU
from wiresnake.tunnel.events import Ended
from wiresnake.tunnel.lookout import Lookout
from wiresnake.tunnel.runtime import Ending, Tunnel
from wiresnake.tunnel.surroundings import on_linux

log = logging.getLogger(__name__)

_LAST_BREATH: Final = 1.5
"""Seconds that a daemon may need until its interface is gone, once it was killed or told to end."""


def run(options: Options, ready: Callable[[], None], directory: Path = DIRECTORY) -> int:
    """Serve one interface until it should end; return the exit status.

    ``ready`` is called when the interface and its sockets are there. Raises
    CannotStart before that.
    """
    privileges.harden()
    logs.begin(options.name, options.log_level)
    return asyncio.run(_serve(options, ready, directory))


async def _serve(options: Options, ready: Callable[[], None], directory: Path) -> int:
    stopped = _on_signals()
    async with AsyncExitStack() as undo:
        device = _open_tun(options, directory)
        undo.callback(os.close, device.fd)
        doorstep = _open_doorstep(options, socket_path(device.name, directory))
        undo.callback(doorstep.close)
        key_log = KeyLog() if options.allow_keylog else None
        tunnel = await _open_tunnel(options, device, key_log, undo)
        undo.push_async_callback(serve_uapi(tunnel, doorstep.listener).close)
        lack = _open_control(tunnel, device, key_log, undo)
        left = _on_departure(doorstep, undo)
        if not options.keep_privileges:
            privileges.reduce(privileges.DAEMON_KEEPS)
        log.debug("wiresnaked %s serves %s", __version__, device.name)
        notify_ready()
        ready()
        if not options.foreground and options.log_level is None:
            logs.move_to_system_log(device.name)
        if lack:
            log.error("there is no control socket: %s", lack)
        await asyncio.wait({stopped, left, tunnel.ended}, return_when=asyncio.FIRST_COMPLETED)
        ending = next(each.result() for each in (tunnel.ended, stopped, left) if each.done())
        if not tunnel.ended.done():
            tunnel.events.tell(Ended(ending.why, ending.failed))
    log.log(logging.ERROR if ending.failed else logging.DEBUG, "ended: %s", ending.why)
    return int(ending.failed)


def _open_tun(options: Options, directory: Path) -> Tun:
    try:
        if options.tun_fd is not None:
            return _adopt_tun(options.tun_fd)
        return _create_tun(options.name, socket_path(options.name, directory))
    except OSError as error:
        raise CannotStart(error.strerror or str(error)) from None


def _create_tun(name: str, path: Path) -> Tun:
    """Make the interface, waiting a moment for a daemon of that name which is about to end."""
    deadline = time.monotonic() + _LAST_BREATH
    while True:
        try:
            _refuse_if_live(path)
            return tun.create(name, DEFAULT_MTU)
        except OSError as error:
            if error.errno != errno.EBUSY or time.monotonic() >= deadline:
                raise
        except CannotStart:
            if time.monotonic() >= deadline:
                raise
        time.sleep(0.02)


def _adopt_tun(descriptor: int) -> Tun:
    device = tun.adopt(descriptor)
    if not device.name:
        raise CannotStart(f"descriptor {descriptor} is not a TUN device")
    return device


def _open_doorstep(options: Options, path: Path) -> Doorstep:
    if options.uapi_fd is not None:
        return Doorstep.adopt(options.uapi_fd)
    _refuse_if_live(path)
    return Doorstep.build(path)


def _refuse_if_live(path: Path) -> None:
    if is_live(path):
        raise CannotStart(f"`{path.stem}' is in use: a daemon answers at {path}")


async def _open_tunnel(
    options: Options, device: Tun, key_log: KeyLog | None, undo: AsyncExitStack
) -> Tunnel:
    try:
        host = on_linux(device)
    except OSError as error:
        raise CannotStart(error.strerror or str(error)) from None
    # The plane has a descriptor of its own, and this one tells where the interface is.
    own = os.dup(device.fd)
    try:
        plane = open_plane(options.plane, Inner(own, device.vnet_header, device.tso, device.uso))
    except PlaneLost as error:
        os.close(own)
        raise CannotStart(str(error)) from None
    log.debug("packets go through the %s plane", plane.kind)
    tunnel = Tunnel(plane, host, key_log)
    undo.push_async_callback(tunnel.close)
    tunnel.start()
    return tunnel


def _open_control(tunnel: Tunnel, device: Tun, key_log: KeyLog | None, undo: AsyncExitStack) -> str:
    """Serve the control socket; return what is lacking where it cannot be had, for the log.

    The tunnel then does without.
    """
    try:
        doorstep = Doorstep.build_private(socket_path(device.name, CONTROL_DIRECTORY))
    except CannotStart as error:
        return str(error)
    undo.callback(doorstep.close)
    lookout = Lookout(tunnel, names.look_up)
    undo.push_async_callback(lookout.close)
    desk = Desk(tunnel, lookout, Statistics(tunnel, device, lookout), key_log)
    undo.push_async_callback(serve_control(desk, doorstep.listener).close)
    undo.push_async_callback(desk.close)  # first of all, so that streams end with a word
    return ""


def _on_signals() -> asyncio.Future[Ending]:
    loop = asyncio.get_running_loop()
    stopped: asyncio.Future[Ending] = loop.create_future()

    def stop(which: signal.Signals) -> None:
        if not stopped.done():
            stopped.set_result(Ending(which.name, failed=False))

    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stop, each)
    return stopped


def _on_departure(doorstep: Doorstep, undo: AsyncExitStack) -> asyncio.Future[Ending]:
    loop = asyncio.get_running_loop()
    left: asyncio.Future[Ending] = loop.create_future()

    def look() -> None:
        if not doorstep.still_there() and not left.done():
            left.set_result(Ending("the socket file is gone", failed=False))

    if doorstep.watch >= 0:
        loop.add_reader(doorstep.watch, look)
        undo.callback(loop.remove_reader, doorstep.watch)
    return left
