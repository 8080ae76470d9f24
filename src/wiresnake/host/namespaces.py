"""Hosts on one machine: network namespaces, the cables between them, the programs inside.

A namespace here has no name and no file. A process holds it open, and ends when its standard
input does: however this process ends, by a signal that cannot be caught too, the namespace goes
with it, and so do the programs inside, the cables and the interfaces.
"""

import contextlib
import ctypes
import errno
import os
import select
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Final, Self, TypeAlias

from wiresnake.host import privileges

_CLONE_NEWNS: Final = 0x00020000
_CLONE_NEWUSER: Final = 0x10000000
_CLONE_NEWNET: Final = 0x40000000

_START_LIMIT: Final = 10.0
_TERM_LIMIT: Final = 2.0
_KILL_LIMIT: Final = 5.0

_Stream: TypeAlias = int | IO[bytes] | None

# The holder: makes the namespace a host, says so, waits, and takes along who is still inside.
# Duplicate address detection is off, for an address that is not usable for a second is no use to a
# test; where /proc/sys is read-only that second passes. /run is empty, so that each host has its
# own /run/wireguard: both ends may be called wg0, and `wg` sees only what is inside.
_HOLDER: Final = """
set -e
ip link set lo up
for which in all default; do
    echo 0 2>/dev/null >/proc/sys/net/ipv6/conf/$which/accept_dad || true
done
mount -t tmpfs -o mode=0755 tmpfs /run
test /var/run -ef /run || mount -t tmpfs -o mode=0755 tmpfs /var/run
mount -t sysfs sysfs /sys 2>/dev/null || true
here=$(readlink /proc/self/ns/net | tr '[]' '??')  # a pattern, for find
echo ready
trap '' HUP INT TERM QUIT
read -r _ || true
for net in $(find /proc/[0-9]*/ns/net -maxdepth 0 -lname "$here" 2>/dev/null); do
    pid=${net#/proc/}
    pid=${pid%%/*}
    test "$pid" = $$ || kill -KILL "$pid" 2>/dev/null || true
done
"""

_ENTRY: Final = 'cd -- "$1" && shift && exec "$@"'

_libc = ctypes.CDLL(None, use_errno=True)


class NamespaceUnavailable(OSError):
    """This machine, or this user, cannot have network namespaces; the text says why."""

    def __str__(self) -> str:
        return str(self.strerror)


class Namespace:
    """A host of its own on this machine: links, addresses, routes, sockets, and an empty /run.

    ``pid`` is the process that holds it, also for ``ip link set ... netns PID``; ``label`` is for
    messages. Raises NamespaceUnavailable. Needs root, or `become_root` first.
    """

    def __init__(self, label: str) -> None:
        self.label = label
        self._programs: list[subprocess.Popen[bytes]] = []
        try:
            self._holder = subprocess.Popen(
                ["unshare", "--net", "--mount", "--", "sh", "-c", _HOLDER],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except FileNotFoundError:
            raise NamespaceUnavailable(errno.ENOENT, "unshare (util-linux) is missing") from None
        self.pid = self._holder.pid
        answer = self._first_line()
        if answer != "ready":
            self._end_holder()
            raise NamespaceUnavailable(
                errno.EPERM,
                f"no network namespace for {label}: {answer or 'no answer'} (root is needed, or a "
                "user namespace)",
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Namespace {self.label} held by {self.pid}>"

    def popen(
        self,
        argv: Sequence[str],
        *,
        stdin: _Stream = subprocess.DEVNULL,
        stdout: _Stream = None,
        stderr: _Stream = None,
        env: Mapping[str, str] | None = None,
        cwd: str | Path | None = None,
        pass_fds: Sequence[int] = (),
    ) -> subprocess.Popen[bytes]:
        """Start a program inside; the pid and exit status are the program's own.

        A program that does not exist ends with status 127. What still runs when the namespace is
        closed is ended, and waited for, then.
        """
        entry = ["nsenter", f"--net=/proc/{self.pid}/ns/net", f"--mount=/proc/{self.pid}/ns/mnt"]
        # nsenter leaves the program in the root directory, since the old one is of another mount
        # namespace; the shell goes back to the place of the same name, and becomes the program.
        whereto = str(cwd if cwd is not None else Path.cwd())
        program = subprocess.Popen(
            [*entry, "--", "sh", "-c", _ENTRY, "sh", whereto, *argv],
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            env=env,
            pass_fds=pass_fds,
        )
        self._programs = [one for one in self._programs if one.poll() is None]
        self._programs.append(program)
        return program

    def run(
        self,
        argv: Sequence[str],
        *,
        text: str = "",
        check: bool = True,
        timeout: float = 60.0,
        env: Mapping[str, str] | None = None,
        cwd: str | Path | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program inside to its end, with ``text`` as its input.

        Raises CalledProcessError, with what it wrote on stderr, if ``check`` and it failed;
        TimeoutExpired after ``timeout`` seconds, when it has been killed.
        """
        pipe = subprocess.PIPE
        with self.popen(argv, stdin=pipe, stdout=pipe, stderr=pipe, env=env, cwd=cwd) as program:
            try:
                output, errors = program.communicate(text.encode(), timeout)
            except BaseException:
                program.kill()
                raise
        done = subprocess.CompletedProcess(
            list(argv), program.returncode, output.decode(), errors.decode()
        )
        if check and done.returncode:
            failure = subprocess.CalledProcessError(
                done.returncode, done.args, done.stdout, done.stderr
            )
            failure.add_note(f"in {self.label}: {done.stderr.strip()}")
            raise failure
        return done

    def ip(self, *words: str) -> str:
        """Run ``ip`` inside with these words; return what it printed. Raises as `run` does."""
        return self.run(["ip", *words]).stdout

    def add_address(self, link: str, address: str) -> None:
        """Give ``link`` the address ``a.b.c.d/n`` or ``v6/n``, usable at once."""
        self.ip("address", "add", address, "dev", link, *(["nodad"] if ":" in address else []))

    @contextlib.contextmanager
    def enter(self) -> Iterator[None]:
        """Let the calling thread open its sockets and interfaces inside; the files stay outside."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            inside = os.open(f"/proc/{self.pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            try:
                _check(_libc.setns(inside, _CLONE_NEWNET), "setns")
            finally:
                os.close(inside)
            try:
                yield
            finally:
                _check(_libc.setns(home, _CLONE_NEWNET), "setns")
        finally:
            os.close(home)

    def path(self, inside: str) -> Path:
        """Return where, seen from outside, the file is that is called ``inside`` in there."""
        # /var/run may be an absolute link, which would lead back to our own /run.
        return Path(f"/proc/{self.pid}/root{os.path.realpath(inside)}")

    def inhabitants(self) -> list[int]:
        """Return the pids of the programs inside, those in the background too."""
        here = Path(f"/proc/{self.pid}/ns/net").stat()
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) in {self.pid, os.getpid()}:
                continue
            with contextlib.suppress(OSError):
                if os.path.samestat((entry / "ns/net").stat(), here):
                    found.append(int(entry.name))
        return found

    def close(self) -> None:
        """End what runs inside, first gently, and let the namespace go; idempotent."""
        if self._holder.returncode is not None:
            return
        try:
            self._end_inhabitants(signal.SIGTERM, _TERM_LIMIT)
            self._end_inhabitants(signal.SIGKILL, _KILL_LIMIT)
            for program in self._programs:
                with program:
                    program.kill()
        finally:
            self._end_holder()

    def _end_inhabitants(self, how: signal.Signals, limit: float) -> None:
        """Send ``how`` to all inside, and wait until they have ended, or ``limit`` seconds."""
        with contextlib.ExitStack() as undo:
            handles: dict[int, int] = {}
            for pid in self.inhabitants():
                with contextlib.suppress(ProcessLookupError):
                    handles[pid] = os.pidfd_open(pid)
                    undo.callback(os.close, handles[pid])
            # A number that is still inside is still the process behind its handle, or that handle
            # is of one that has ended, and signals nobody.
            ending = [handles[pid] for pid in self.inhabitants() if pid in handles]
            for handle in ending:
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(handle, how)
            until = time.monotonic() + limit
            for handle in ending:
                _wait_readable(handle, until - time.monotonic())

    def _first_line(self) -> str:
        assert self._holder.stdout is not None
        if not _wait_readable(self._holder.stdout.fileno(), _START_LIMIT):
            return ""
        return self._holder.stdout.readline().decode(errors="replace").strip()

    def _end_holder(self) -> None:
        assert self._holder.stdin is not None
        self._holder.stdin.close()
        try:
            self._holder.wait(_KILL_LIMIT)
        except subprocess.TimeoutExpired:
            self._holder.kill()
            self._holder.wait()
        assert self._holder.stdout is not None
        self._holder.stdout.close()


def become_root() -> None:
    """Become root of a user namespace of this process's own, unless it has the rights already.

    Afterwards it may make namespaces, interfaces and mounts, all of which only it and its children
    see; it leaves the host's network behind. For a process with a single thread.

    Raises NamespaceUnavailable.
    """
    if privileges.Capability.SYS_ADMIN in privileges.held():
        return
    uid, gid = os.geteuid(), os.getegid()
    try:
        _check(_libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNS | _CLONE_NEWNET), "unshare")
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"0 {uid} 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"0 {gid} 1", encoding="ascii")
    except OSError as error:
        raise NamespaceUnavailable(
            error.errno or errno.EPERM,
            f"this system lets {uid} have no user namespace ({error.strerror}): run as root",
        ) from None


def join(left: Namespace, right: Namespace, link: tuple[str, str], mtu: int = 1500) -> None:
    """Lay a cable between two hosts: a veth pair, its ends named ``link``, both up."""
    ours, theirs = link
    peer = ("peer", "name", theirs, "mtu", str(mtu), "netns", str(right.pid))
    left.ip("link", "add", ours, "mtu", str(mtu), "type", "veth", *peer)
    left.ip("link", "set", ours, "up")
    right.ip("link", "set", theirs, "up")


@contextlib.contextmanager
def two_hosts(mtu: int = 1500) -> Iterator[tuple[Namespace, Namespace]]:
    """Two hosts joined by one cable of ``mtu`` bytes, eth0 on either end.

    left 192.0.2.1   ----- veth ----- 192.0.2.2   right
         2001:db8::1                  2001:db8::2
    """
    with Namespace("left") as left, Namespace("right") as right:
        join(left, right, ("eth0", "eth0"), mtu)
        for host, number in ((left, 1), (right, 2)):
            host.add_address("eth0", f"192.0.2.{number}/24")
            host.add_address("eth0", f"2001:db8::{number}/64")
        yield left, right


def _check(result: int, call: str) -> None:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{call}: {os.strerror(code)}")


def _wait_readable(fd: int, seconds: float) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(max(0.0, seconds) * 1000))
