"""The process of a portable plane: ``python -m wiresnake.plane.portable.child``.

It is started by `wiresnake.plane.process` with three descriptors and knows nothing else. It has no
rights, takes no signals (its parent decides) and ends when its parent does, or when told.
"""

import array
import gc
import os
import select
import signal
import socket
import sys
import time
from functools import partial
from typing import Final, NoReturn

import msgspec

from wiresnake.door.commands import AnyCommand, Sockets
from wiresnake.door.notices import AnyNotice, PlaneFailed
from wiresnake.host.clock import boottime
from wiresnake.host.privileges import drop_all, harden
from wiresnake.plane.contract import Inner, RejectedBatch
from wiresnake.plane.frames import (
    LENGTH,
    MAX_DESCRIPTORS,
    Apply,
    Count,
    Counted,
    Done,
    Drain,
    Drained,
    Observe,
    Rejected,
    Reply,
    Request,
    Seen,
    descriptors_of,
)
from wiresnake.plane.portable.rehearsal import Moment
from wiresnake.plane.portable.shell import Shell

_READ_SIZE: Final = 1 << 18
_LAST_WORDS_TIMEOUT: Final = 1.0
"""Seconds in which control may still ask why the plane failed."""


class ParentGone(Exception):
    """Control closed its end: there is nothing left to do."""


class Listener:
    """Answers control's requests. ``notify`` gets a byte whenever there is something to drain."""

    def __init__(self, shell: Shell, control: socket.socket, notify: int) -> None:
        self._shell = shell
        self._control = control
        self._notify = notify
        self._notified = False
        self._received = bytearray()
        self._descriptors: list[int] = []
        self._decoder = msgspec.msgpack.Decoder(Request)
        self._encoder = msgspec.msgpack.Encoder()
        self.failure: str | None = None

    def read(self) -> None:
        """Read what is there, and answer the request if it is whole. Raises ParentGone."""
        space = socket.CMSG_SPACE(MAX_DESCRIPTORS * array.array("i").itemsize)
        try:
            chunk, ancillary, _, _ = self._control.recvmsg(_READ_SIZE, space)
        except BlockingIOError:
            return
        except OSError:
            raise ParentGone from None
        for level, kind, data in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                self._descriptors.extend(array.array("i", data))
        if not chunk:
            raise ParentGone
        self._received += chunk
        received = self._received
        if len(received) < LENGTH.size:
            return
        size = LENGTH.size + LENGTH.unpack_from(received)[0]
        if len(received) < size:
            return
        try:
            reply = self._answer(self._decoder.decode(memoryview(received)[LENGTH.size : size]))
        except msgspec.ValidationError as fault:
            reply = self._reject(str(fault))
        received[:] = bytes(len(received))  # session keys may have been in it
        self._received = bytearray()
        self._say(reply)

    def notify_if_due(self) -> None:
        """Let control know, once until it drains, that there is something to drain."""
        if not self._notified and (self.failure is not None or self._shell.engine.has_notices):
            self._notified = True
            os.write(self._notify, b"\0")

    def _answer(self, request: Request) -> Reply:
        engine = self._shell.engine
        match request:
            case Apply(commands):
                return self._apply(commands)
            case Drain():
                self._notified = False
                notices: list[AnyNotice] = engine.drain()
                if self.failure is not None:
                    notices.append(PlaneFailed(self.failure))
                return Drained(notices)
            case Observe(peers):
                return Seen(engine.observe(peers))
            case Count():
                return Counted(engine.counters())

    def _apply(self, commands: list[AnyCommand]) -> Reply:
        left = iter(self._descriptors)
        for position, command in enumerate(commands):
            if isinstance(command, Sockets) and descriptors_of(command):
                v4 = None if command.v4 is None else next(left)
                v6 = None if command.v6 is None else next(left)
                commands[position] = Sockets(v4, v6)
        try:
            self._shell.engine.apply(commands, boottime())
        except RejectedBatch as fault:
            return self._reject(str(fault))
        self._descriptors.clear()
        return Done()

    def _reject(self, why: str) -> Rejected:
        for fd in self._descriptors:
            os.close(fd)
        self._descriptors.clear()
        return Rejected(why)

    def _say(self, reply: Reply) -> None:
        body = self._encoder.encode(reply)
        self._control.setblocking(True)  # noqa: FBT003
        try:
            self._control.sendall(LENGTH.pack(len(body)) + body)
        except OSError:
            raise ParentGone from None
        finally:
            self._control.setblocking(False)  # noqa: FBT003


def serve(inner: Inner, control: socket.socket, notify: int) -> None:
    """Run a plane until its parent is gone, or until it fails and has said so."""
    shell = Shell(inner, partial(time.clock_gettime, time.CLOCK_BOOTTIME))
    listener = Listener(shell, control, notify)
    shell.watch(control.fileno(), listener.read)
    try:
        _move(shell, listener)
    except ParentGone:
        return
    except Exception as fault:  # noqa: BLE001  # whatever it is, the tunnel must fail closed
        listener.failure = f"{type(fault).__name__}: {fault}"
        _say_last_words(listener, control)
    finally:
        shell.close()


def _move(shell: Shell, listener: Listener) -> NoReturn:
    """Move packets and answer control, and rehearse for a moment after either."""
    moment = Moment()
    while True:
        if shell.step(moment.patience):
            moment.renew()
        else:
            shell.rehearse()
            moment.pass_by()
        listener.notify_if_due()


def _say_last_words(listener: Listener, control: socket.socket) -> None:
    listener.notify_if_due()
    deadline = boottime() + _LAST_WORDS_TIMEOUT
    try:
        while select.select([control], [], [], max(0.0, deadline - boottime()))[0]:
            listener.read()
    except ParentGone:
        return


def main(arguments: list[str]) -> None:
    """Take ``inner control notify vnet_header tso uso`` as decimal numbers, and serve."""
    inner_fd, control_fd, notify_fd, vnet_header, tso, uso = map(int, arguments)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    harden()
    drop_all()
    control = socket.socket(fileno=control_fd)
    control.settimeout(0.0)
    # Nothing here makes reference cycles that live long: look for them rarely.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)
    inner = Inner(inner_fd, vnet_header=bool(vnet_header), tso=bool(tso), uso=bool(uso))
    serve(inner, control, notify_fd)


if __name__ == "__main__":
    main(sys.argv[1:])
