"""TUN devices: one descriptor, one packet a read, with whatever offload the kernel gives.

Constants and meanings are those of linux/if_tun.h and linux/virtio_net.h. All ioctls on the inner
side live here, so that a plane needs to know no more than `Tun` says.
"""

import errno
import fcntl
import os
import re
import socket
import sys
from dataclasses import dataclass
from struct import Struct
from typing import Final

DEVICE: Final = "/dev/net/tun"

VNET_HEADER_SIZE: Final = 10
"""Bytes of virtio_net_hdr before each packet: the short form, in the machine's byte order."""

_TUNSETIFF: Final = 0x400454CA
_TUNGETIFF: Final = 0x800454D2
_TUNSETOFFLOAD: Final = 0x400454D0
_TUNGETVNETHDRSZ: Final = 0x800454D7
_TUNSETVNETHDRSZ: Final = 0x400454D8
_TUNSETVNETLE: Final = 0x400454DC
_TUNGETDEVNETNS: Final = 0x54E3
_SIOCSIFMTU: Final = 0x8922

_IFF_TUN: Final = 0x0001
_IFF_TAP: Final = 0x0002
_IFF_NO_PI: Final = 0x1000
_IFF_VNET_HDR: Final = 0x4000

_TUN_F_CSUM: Final = 0x01
_TUN_F_TSO: Final = 0x02 | 0x04 | 0x08  # IPv4, IPv6, and trains whose first segment has CWR
_TUN_F_USO: Final = 0x20 | 0x40

_INTERFACE_FLAGS: Final = Struct("16sH22x")  # struct ifreq, as far as TUN uses it
_INTERFACE_NUMBER: Final = Struct("16si20x")
_INT: Final = Struct("i")

_NAME: Final = re.compile(r"[a-zA-Z0-9_=+.-]{1,15}")
_PATTERN: Final = re.compile(r"[a-zA-Z0-9_=+.-]{0,13}%d")


class InvalidName(ValueError):
    """Not a name an interface may have."""


class TunUnavailable(OSError):
    """This machine, or this user, cannot have a TUN device; the text says what to do about it."""

    def __str__(self) -> str:
        return str(self.strerror)


@dataclass(frozen=True, slots=True)
class Tun:
    """The inner side of a tunnel.

    ``name`` is that of the interface, empty for a descriptor that is no TUN at all.
    ``vnet_header``: each packet is preceded by `VNET_HEADER_SIZE` bytes; ``tso`` and ``uso``: the
    kernel hands out and takes trains of TCP and of UDP.
    """

    fd: int
    name: str
    vnet_header: bool = False
    tso: bool = False
    uso: bool = False


def check_name(name: str) -> str:
    """Return ``name`` if an interface may be called that. Raises InvalidName."""
    if not _NAME.fullmatch(name) or name in {".", ".."}:
        raise InvalidName(f"not a name for an interface: `{name}'")
    return name


def create(name: str, mtu: int) -> Tun:
    """Make the interface ``name`` of ``mtu`` bytes; ``%d`` in it lets the kernel choose a number.

    An interface made persistent beforehand (``ip tuntap add``) is taken over if nobody has it. The
    MTU is set here and never again; it stays as it is where that is not permitted. The descriptor
    is non-blocking and close-on-exec.

    Raises InvalidName; TunUnavailable; OSError EBUSY if the interface is in use, EEXIST if the
    name belongs to an interface of another kind, EINVAL for an impossible MTU.
    """
    if not _PATTERN.fullmatch(name):
        check_name(name)
    fd = _open_device()
    try:
        flags = _IFF_TUN | _IFF_NO_PI | _IFF_VNET_HDR
        name = _attach(fd, name, flags)
        _set_mtu(name, mtu)
        return _describe(fd, name, flags)
    except BaseException:
        os.close(fd)
        raise


def check_device() -> None:
    """See whether a TUN device could be made here. Raises TunUnavailable, OSError."""
    os.close(_open_device())


def adopt(fd: int) -> Tun:
    """Take over a descriptor that someone else opened: a TUN, or one end of a socket pair.

    It becomes non-blocking and close-on-exec. Offload is used only if the device was made with a
    virtio header, whose size is then set to `VNET_HEADER_SIZE`. It must have been made with
    IFF_NO_PI, which TUNGETIFF does not tell: that bit says there whether a filter is attached.

    Raises OSError with the errno of a bad descriptor, EBADFD for a TUN descriptor without an
    interface, EINVAL for a TAP device.
    """
    os.set_inheritable(fd, False)  # noqa: FBT003
    os.set_blocking(fd, False)
    try:
        reply = fcntl.ioctl(fd, _TUNGETIFF, bytes(_INTERFACE_FLAGS.size))
    except OSError as error:
        if error.errno in {errno.ENOTTY, errno.EINVAL, errno.EOPNOTSUPP}:
            return Tun(fd, "")
        raise
    raw, flags = _INTERFACE_FLAGS.unpack(reply)
    name = _text(raw)
    if flags & _IFF_TAP:
        raise OSError(errno.EINVAL, f"{name} is a TAP device, a TUN is needed")
    return _describe(fd, name, flags)


def attached_name(fd: int) -> str | None:
    """Return the name the interface has by now, in whichever namespace it is; None if it is gone.

    A descriptor that is no TUN has no interface either.
    """
    try:
        reply = fcntl.ioctl(fd, _TUNGETIFF, bytes(_INTERFACE_FLAGS.size))
    except OSError:
        return None
    return _text(_INTERFACE_FLAGS.unpack(reply)[0])


def open_namespace(fd: int) -> int:
    """Return a descriptor of the network namespace where the interface is.

    Needs CAP_NET_ADMIN there and Linux 5.8. Raises OSError.
    """
    return fcntl.ioctl(fd, _TUNGETDEVNETNS)


def _open_device() -> int:
    try:
        return os.open(DEVICE, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError):
        advice = "is missing: load the module tun, or hand the device into the container"
        code = errno.ENOENT
    except PermissionError as error:
        advice = "may not be opened by this user: run as root, or let the user read and write it"
        code = error.errno or errno.EACCES
    except OSError as error:
        if error.errno not in {errno.ENXIO, errno.ENODEV}:
            raise
        advice = "has no driver behind it: load the module tun"
        code = error.errno
    raise TunUnavailable(code, f"{DEVICE} {advice}")


def _attach(fd: int, name: str, flags: int) -> str:
    """Give the descriptor its interface; return the name it really has."""
    try:
        reply = fcntl.ioctl(fd, _TUNSETIFF, _INTERFACE_FLAGS.pack(name.encode(), flags))
    except PermissionError as error:
        raise TunUnavailable(
            error.errno,
            f"the interface {name} may not be made: CAP_NET_ADMIN is needed, run as root",
        ) from None
    except OSError as error:
        if error.errno == errno.EBUSY:
            raise OSError(error.errno, f"the interface {name} is in use") from None
        if error.errno == errno.EINVAL:
            raise OSError(
                errno.EEXIST, f"the interface {name} exists and is not a TUN device"
            ) from None
        raise
    return _text(_INTERFACE_FLAGS.unpack(reply)[0])


def _set_mtu(name: str, mtu: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as any_socket:
        try:
            fcntl.ioctl(any_socket, _SIOCSIFMTU, _INTERFACE_NUMBER.pack(name.encode(), mtu))
        except PermissionError:
            # Only a persistent device that belongs to this user gets so far without rights; who
            # made it chose its MTU.
            return
        except OSError as error:
            raise OSError(error.errno, f"MTU {mtu} for {name}: {error.strerror}") from None


def _describe(fd: int, name: str, flags: int) -> Tun:
    if not flags & _IFF_VNET_HDR:
        return Tun(fd, name)
    if _INT.unpack(fcntl.ioctl(fd, _TUNGETVNETHDRSZ, bytes(_INT.size)))[0] != VNET_HEADER_SIZE:
        fcntl.ioctl(fd, _TUNSETVNETHDRSZ, _INT.pack(VNET_HEADER_SIZE))
    fcntl.ioctl(fd, _TUNSETVNETLE, _INT.pack(sys.byteorder == "little"))
    tso = _set_offload(fd, _TUN_F_CSUM | _TUN_F_TSO)
    uso = tso and _set_offload(fd, _TUN_F_CSUM | _TUN_F_TSO | _TUN_F_USO)  # Linux 6.2
    return Tun(fd, name, vnet_header=True, tso=tso, uso=uso)


def _set_offload(fd: int, features: int) -> bool:
    try:
        fcntl.ioctl(fd, _TUNSETOFFLOAD, features)
    except OSError:
        return False
    return True


def _text(raw: bytes) -> str:
    return raw.partition(b"\0")[0].decode(errors="surrogateescape")
