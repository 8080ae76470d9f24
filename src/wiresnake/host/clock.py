"""The clocks a tunnel lives by, and the alarms they ring."""

import ctypes
import errno
import math
import os
import time
from collections.abc import Callable
from typing import Final

from wiresnake.values.instants import NEVER, Instant, Now

_TFD_NONBLOCK: Final = os.O_NONBLOCK
_TFD_CLOEXEC: Final = os.O_CLOEXEC
_TFD_TIMER_ABSTIME: Final = 1
_TFD_TIMER_CANCEL_ON_SET: Final = 2

_SLEEP_WORTH_NAMING: Final = 0.1
"""Seconds: less than this is the noise of reading two clocks one after the other."""

_libc = ctypes.CDLL(None, use_errno=True)


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Itimerspec(ctypes.Structure):
    _fields_ = (("interval", _Timespec), ("value", _Timespec))


def boottime() -> Instant:
    """Return CLOCK_BOOTTIME in seconds: it never jumps, and runs on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def now() -> Now:
    """Return one reading of both clocks."""
    return Now(boottime(), time.time_ns())


class BoottimeTimer:
    """A timerfd on CLOCK_BOOTTIME: ``fileno()`` is readable from the instant that was set.

    A deadline that passes while the machine sleeps rings at the moment it wakes. asyncio's own
    timers stand still in suspend, and `select` with a timeout does too.
    """

    def __init__(self) -> None:
        self._fd = _create(time.CLOCK_BOOTTIME)

    def fileno(self) -> int:
        """Return the descriptor; it belongs to this object."""
        return self._fd

    def set(self, at: Instant | None) -> None:
        """Ring at ``at``, at once if that is past; None or NEVER: do not ring. Ends a ring."""
        if at is None or at == NEVER:
            _settime(self._fd, 0, 0, 0)
            return
        # Rounded up, so that a reader woken by the ring never finds the deadline still ahead. All
        # zeros would disarm, hence at least one nanosecond.
        nanoseconds = max(1, math.floor(at) * 10**9 + math.ceil(at % 1.0 * 1e9))
        _settime(self._fd, _TFD_TIMER_ABSTIME, *divmod(nanoseconds, 10**9))

    def clear(self) -> None:
        """Take note of a ring, so that ``fileno()`` is readable no more."""
        _swallow(self._fd)

    def close(self) -> None:
        """Close the descriptor; idempotent."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class SuspendWatch:
    """Tells how long the machine slept: by so much CLOCK_BOOTTIME gains on CLOCK_MONOTONIC.

    ``fileno()`` is readable after a resume, and also after the wall clock was set; ask `slept`
    which it was. Where no descriptor can be had the question alone still works.
    """

    def __init__(
        self,
        boot_clock: Callable[[], float] = boottime,
        awake_clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._boot_clock, self._awake_clock = boot_clock, awake_clock
        self._known = self._asleep()
        # An alarm of the wall clock in a far year, cancelled when that clock jumps: the kernel
        # does this on every resume.
        self._fd = _create(time.CLOCK_REALTIME)
        try:
            flags = _TFD_TIMER_ABSTIME | _TFD_TIMER_CANCEL_ON_SET
            _settime(self._fd, flags, 2**31 - 1 if ctypes.sizeof(ctypes.c_long) == 4 else 2**33, 0)
        except OSError:
            os.close(self._fd)
            raise

    def fileno(self) -> int:
        """Return the descriptor; it belongs to this object."""
        return self._fd

    def slept(self) -> float:
        """Return the seconds of suspend since the last call, 0.0 if there was none."""
        _swallow(self._fd)
        asleep = self._asleep()
        gained = asleep - self._known
        if gained < _SLEEP_WORTH_NAMING:
            return 0.0
        self._known = asleep
        return gained

    def close(self) -> None:
        """Close the descriptor; idempotent."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _asleep(self) -> float:
        """Seconds of sleep since boot. The least of a few readings: being preempted between the
        two clocks only ever adds.
        """
        return min(-self._awake_clock() + self._boot_clock() for _ in range(3))


def _create(clock: int) -> int:
    fd: int = _libc.timerfd_create(clock, _TFD_NONBLOCK | _TFD_CLOEXEC)
    if fd < 0:
        raise OSError(ctypes.get_errno(), "timerfd_create")
    return fd


def _settime(fd: int, flags: int, seconds: int, nanoseconds: int) -> None:
    when = _Itimerspec(_Timespec(0, 0), _Timespec(seconds, nanoseconds))
    if _libc.timerfd_settime(fd, flags, ctypes.byref(when), None) < 0:
        raise OSError(ctypes.get_errno(), "timerfd_settime")


def _swallow(fd: int) -> None:
    """Read the expirations away; ECANCELED is how the kernel says that the wall clock jumped."""
    try:
        os.read(fd, 8)
    except OSError as error:
        if error.errno not in {errno.EAGAIN, errno.ECANCELED}:
            raise
