"""A plane in a process of its own, and the client that control holds (ARCHITECTURE: the door).

A Python thread beside a busy one starves; a process does not, and the one that reads the network
then never holds the private key. What the process says is validated as it arrives, for the process
reads the network.
"""

import array
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, TypeVar

import msgspec

from wiresnake.door.commands import AnyCommand, PeerNumber
from wiresnake.door.notices import AnyNotice
from wiresnake.door.snapshots import Observed
from wiresnake.plane.contract import Inner, PlaneLost, RejectedBatch
from wiresnake.plane.frames import (
    LENGTH,
    MAX_DESCRIPTORS,
    MAX_FRAME,
    OBSERVED_AT_ONCE,
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
    check_sockets,
    descriptors_in,
)

PATIENCE: Final = 30.0
"""Seconds after which a plane that does not answer is taken for lost; a large batch takes one."""
_END_TIMEOUT: Final = 2.0
WITHOUT_IFMA: Final = ":~0x200000"
"""Keeps OpenSSL from its Poly1305 for AVX-512 IFMA, which sets up so much for each key that a full
packet takes twice as long (docs/portable-plane.md). Other processors have nothing to lose by it."""

_Answer = TypeVar("_Answer", bound=Reply)


class PlaneProcess:
    """A portable plane in a child process.

    The child has a copy of ``inner.fd``; the original stays the caller's. Raises PlaneLost where
    the child cannot be started.
    """

    def __init__(self, inner: Inner) -> None:
        self._lost: str | None = None
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(Reply)
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._control.settimeout(PATIENCE)
        self._notified, notify = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            self._child = _spawn(inner, theirs.fileno(), notify)
        except OSError as error:
            self._lost = str(error)
            self._control.close()
            os.close(self._notified)
            raise PlaneLost(f"the plane's process cannot be started: {error}") from error
        finally:
            theirs.close()
            os.close(notify)

    @property
    def kind(self) -> str:
        """The plane's name."""
        return "portable"

    @property
    def pid(self) -> int:
        """The child's process number."""
        return self._child.pid

    def apply(self, commands: Sequence[AnyCommand]) -> None:
        """Carry out a batch (see `contract.DataPlane`). Raises RejectedBatch or PlaneLost.

        Descriptors in a rejected batch stay the caller's.
        """
        descriptors = descriptors_in(commands)
        if len(descriptors) > MAX_DESCRIPTORS:
            raise RejectedBatch(f"{len(descriptors)} descriptors in one batch")
        check_sockets(descriptors)
        reply = self._ask(Apply(list(commands)), descriptors)
        if isinstance(reply, Rejected):
            raise RejectedBatch(reply.why)
        self._expect(reply, Done)
        for fd in descriptors:
            os.close(fd)

    def drain(self) -> list[AnyNotice]:
        """Return the notices since the last drain. Raises PlaneLost."""
        if self._lost is None:
            with suppress(BlockingIOError):
                os.read(self._notified, 64)
        return self._expect(self._ask(Drain()), Drained).notices

    def fileno(self) -> int:
        """Return a descriptor that is readable while there is something to drain, and when the
        process has ended.
        """
        return self._notified

    def observe(self, peers: Sequence[PeerNumber]) -> list[Observed]:
        """Return snapshots of these peers. Raises PlaneLost."""
        observed: list[Observed] = []
        for start in range(0, len(peers), OBSERVED_AT_ONCE):
            some = Observe(list(peers[start : start + OBSERVED_AT_ONCE]))
            observed += self._expect(self._ask(some), Seen).observed
        return observed

    def counters(self) -> dict[str, int]:
        """Return every counter and depth. Raises PlaneLost."""
        return self._expect(self._ask(Count()), Counted).counters

    def close(self) -> None:
        """End the process; idempotent."""
        if self._lost is None:
            self._lost = "it was closed"
        if self._control.fileno() >= 0:
            self._control.close()
            os.close(self._notified)
            self._end_child()

    def _end_child(self) -> None:
        try:
            self._child.wait(_END_TIMEOUT)  # it ends by itself when its control socket does
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()

    def _ask(self, request: Request, descriptors: Sequence[int] = ()) -> Reply:
        if self._lost is not None:
            raise PlaneLost(self._lost)
        body = bytearray()
        try:
            self._encoder.encode_into(request, body)
        except (TypeError, ValueError, OverflowError) as fault:
            raise RejectedBatch(f"the batch cannot be encoded: {fault}") from None
        try:
            self._send(body, descriptors)
            reply: Reply = self._decoder.decode(self._receive())
        except (OSError, EOFError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise self._losing(error) from error
        finally:
            body[:] = bytes(len(body))  # session keys may have been in it
        return reply

    def _send(self, body: bytearray, descriptors: Sequence[int]) -> None:
        head = LENGTH.pack(len(body))
        if descriptors:
            rights = array.array("i", descriptors)
            self._control.sendmsg([head], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
        else:
            self._control.sendall(head)
        self._control.sendall(body)

    def _receive(self) -> bytearray:
        size = LENGTH.unpack(self._receive_exactly(LENGTH.size))[0]
        if size > MAX_FRAME:
            raise msgspec.DecodeError(f"it announced {size} bytes")
        return self._receive_exactly(size)

    def _receive_exactly(self, size: int) -> bytearray:
        body = bytearray(size)
        view = memoryview(body)
        while view:
            count = self._control.recv_into(view)
            if not count:
                raise EOFError("it ended")
            view = view[count:]
        return body

    def _losing(self, error: Exception) -> PlaneLost:
        if isinstance(error, msgspec.MsgspecError):
            self._lost = f"the plane's process talks nonsense: {error}"
        else:
            self._lost = f"the plane's process is gone: {self._status() or error}"
        self._child.kill()
        return PlaneLost(self._lost)

    def _status(self) -> str:
        try:
            code = self._child.wait(0.5)
        except subprocess.TimeoutExpired:
            return ""
        return f"signal {-code}" if code < 0 else f"exit status {code}"

    def _expect(self, reply: Reply, kind: type[_Answer]) -> _Answer:
        if not isinstance(reply, kind):
            raise self._losing(msgspec.DecodeError(f"it answered with {type(reply).__name__}"))
        return reply


def _spawn(inner: Inner, control: int, notify: int) -> "subprocess.Popen[bytes]":
    numbers = (inner.fd, control, notify, inner.vnet_header, inner.tso, inner.uso)
    return subprocess.Popen(
        [
            sys.executable,
            "-P",
            "-m",
            "wiresnake.plane.portable.child",
            *(str(int(number)) for number in numbers),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        pass_fds=(inner.fd, control, notify),
        cwd="/",
        env={"OPENSSL_ia32cap": WITHOUT_IFMA, **os.environ},
    )
