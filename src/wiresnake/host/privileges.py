"""Giving up rights: what a process that speaks to the network does not need, it must not have.

Plain calls of prctl(2), capset(2) and setrlimit(2); nothing here fails for a process that has no
rights to give up.
"""

import ctypes
import errno
import os
import resource
from enum import IntEnum
from pathlib import Path
from struct import Struct
from typing import Final

_PR_SET_DUMPABLE: Final = 4
_PR_CAPBSET_READ: Final = 23
_PR_CAPBSET_DROP: Final = 24
_PR_SET_NO_NEW_PRIVS: Final = 38
_PR_CAP_AMBIENT: Final = 47
_PR_CAP_AMBIENT_CLEAR_ALL: Final = 4
_CAPABILITY_VERSION_3: Final = 0x20080522
_CAPABILITY_LIMIT: Final = 64

_HEADER: Final = Struct("=Ii")  # __user_cap_header_struct: version, pid (0: this thread)
_DATA: Final = Struct("=6I")  # two of __user_cap_data_struct: effective, permitted, inheritable

_libc = ctypes.CDLL(None, use_errno=True)


class Capability(IntEnum):
    """The capabilities of capabilities(7) that mean something to a tunnel, by their numbers."""

    CHOWN = 0
    DAC_OVERRIDE = 1
    DAC_READ_SEARCH = 2
    KILL = 5
    SETGID = 6
    SETUID = 7
    SETPCAP = 8
    NET_BIND_SERVICE = 10
    NET_BROADCAST = 11
    NET_ADMIN = 12
    NET_RAW = 13
    SYS_MODULE = 16
    SYS_PTRACE = 19
    SYS_ADMIN = 21
    SYS_RESOURCE = 24


DAEMON_KEEPS: Final = frozenset({Capability.NET_ADMIN, Capability.NET_BIND_SERVICE})
"""What a running daemon needs: marks, large buffers and its interface; ports below 1024."""


def harden() -> None:
    """Keep what is in this process's memory and files from others of the same user.

    No core dumps, no ptrace and no reading of /proc/PID/mem (PR_SET_DUMPABLE 0), and files that
    are created are this user's alone (umask 077).
    """
    _prctl(_PR_SET_DUMPABLE, 0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.umask(0o077)


def reduce(keep: frozenset[Capability]) -> None:
    """Keep only the capabilities ``keep`` of those that are held, for good.

    Effective, permitted and bounding set are reduced to ``keep``, the inheritable and ambient ones
    emptied, and no_new_privs is set, so that no program started from here gets more. Call it while
    the process has one thread: the kernel counts rights by thread.

    The user stays who it is. Root without CAP_DAC_OVERRIDE still owns root's files, and must: the
    sockets in /var/run/wireguard are removed at the end. But it may no longer load modules, trace,
    mount, read raw packets, nor act on what belongs to others.
    """
    _drop_bounding(keep)
    _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    wanted = sum(1 << capability for capability in keep)
    permitted = wanted & _status_mask("CapPrm")
    low, high = permitted & 0xFFFFFFFF, permitted >> 32
    header = ctypes.create_string_buffer(_HEADER.pack(_CAPABILITY_VERSION_3, 0))
    data = ctypes.create_string_buffer(_DATA.pack(low, low, 0, high, high, 0))
    if _libc.capset(header, data):
        raise OSError(ctypes.get_errno(), "capset")


def drop_all() -> None:
    """Give up every capability, for good: for a process that only uses descriptors it was given.

    The user stays who it is, so that the process that started this one can still end it.
    """
    reduce(frozenset())


def held() -> frozenset[Capability]:
    """Return which of the named capabilities are in effect."""
    mask = _status_mask("CapEff")
    return frozenset(capability for capability in Capability if mask >> capability & 1)


def _status_mask(field: str) -> int:
    for line in Path("/proc/thread-self/status").read_text(encoding="ascii").splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return int(value, 16)
    raise OSError(errno.EPROTO, f"/proc/thread-self/status has no {field}")


def _drop_bounding(keep: frozenset[Capability]) -> None:
    for number in range(_CAPABILITY_LIMIT):
        if _libc.prctl(_PR_CAPBSET_READ, number, 0, 0, 0) < 0:
            return  # past the last capability of this kernel
        if number in keep:
            continue
        if _libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0) < 0:
            if ctypes.get_errno() == errno.EPERM:
                return  # without CAP_SETPCAP: nothing to give up, and no_new_privs bars the way
            raise OSError(ctypes.get_errno(), "prctl PR_CAPBSET_DROP")


def _prctl(option: int, value: int) -> None:
    if _libc.prctl(option, value, 0, 0, 0) < 0:
        raise OSError(ctypes.get_errno(), f"prctl {option}")
