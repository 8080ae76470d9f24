"""Where an interface is: in which network namespace, under which index, in which state.

An interface may be moved to another namespace while the sockets that ask about it stay behind.
The TUN descriptor knows the way: it tells the name (TUNGETIFF) and the namespace (TUNGETDEVNETNS),
and RTM_GETLINK with IFLA_TARGET_NETNSID answers from there. CAP_NET_ADMIN is enough for all of it.
"""

import errno
import fcntl
import os
from typing import Final, TypeAlias

from wiresnake.host import netlink
from wiresnake.host.tun import attached_name, open_namespace

_SIOCGSKNS: Final = 0x894C
_TRIALS: Final = 4

_Identity: TypeAlias = tuple[int, int]


class Whereabouts:
    """Follows the interface behind the TUN descriptor ``fd``, which stays the caller's.

    ``nsid`` is the id of its namespace as seen from home, the namespace in which this was made,
    and None at home; ``index`` is its index there.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._requests = netlink.Requests()
        self._home = self._find_home()
        self.nsid: int | None = None
        self.index = 0

    def look(self) -> netlink.Link | None:
        """Find the interface and return its state, None if it does not exist any more.

        Raises OSError if it exists where it cannot be seen.
        """
        for trials_left in reversed(range(_TRIALS)):
            name = attached_name(self._fd)
            if name is None:
                return None
            try:
                nsid = self._find_nsid()
                link = self._requests.link(name, nsid)
            except OSError as error:
                # It was moved or renamed between two questions: ask again.
                if error.errno != errno.ENODEV or not trials_left:
                    raise
            else:
                self.nsid, self.index = nsid, link.index
                return link
        raise AssertionError("the last trial returns or raises")

    def close(self) -> None:
        """Close what was opened; idempotent."""
        self._requests.close()

    def _find_home(self) -> _Identity | None:
        """Identify our own namespace; None where descriptors of namespaces are not to be had."""
        try:
            os.close(open_namespace(self._fd))
            return _identity(fcntl.ioctl(self._requests.fileno(), _SIOCGSKNS))
        except OSError:
            return None

    def _find_nsid(self) -> int | None:
        if self._home is None:
            return None
        namespace = open_namespace(self._fd)
        try:
            if _identity(os.dup(namespace)) == self._home:
                return None
            return self._requests.namespace_id(namespace)
        finally:
            os.close(namespace)


def _identity(descriptor: int) -> _Identity:
    """Name the file behind a descriptor, which is closed."""
    try:
        status = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    return status.st_dev, status.st_ino
