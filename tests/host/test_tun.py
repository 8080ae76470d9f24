"""TUN devices: names and errors anywhere, devices in a namespace."""

import errno
import fcntl
import os
import socket
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiresnake.host import tun
from wiresnake.host.namespaces import Namespace
from wiresnake.host.tun import InvalidName, Tun, TunUnavailable


class TestNames:
    @pytest.mark.parametrize("name", ["wg0", "a", "_=+.-", "x" * 15, "...", "Az09"])
    def test_accepted(self, name: str) -> None:
        assert tun.check_name(name) == name

    @pytest.mark.parametrize(
        "name",
        ["", "x" * 16, ".", "..", "a/b", "a b", "wg0\n", "wg%d", "é", "a\0", "wg:0", "-h/.."],
    )
    def test_refused(self, name: str) -> None:
        with pytest.raises(InvalidName):
            tun.check_name(name)

    @given(st.text(max_size=20))
    def test_an_accepted_name_is_safe_in_a_path(self, name: str) -> None:
        try:
            tun.check_name(name)
        except InvalidName:
            return
        assert name.isascii()
        assert len(name.encode()) <= 15
        assert (Path("/x") / f"{name}.sock").name == f"{name}.sock"
        assert name not in {".", ".."}

    @pytest.mark.parametrize("name", ["", "wg%s", "%d%d", "wg%d.", "x" * 14 + "%d", "/%d"])
    def test_nothing_is_opened_for_a_bad_name(self, name: str) -> None:
        with pytest.raises(InvalidName):
            tun.create(name, 1420)


class TestUnavailable:
    @pytest.mark.parametrize(
        ("number", "advice"),
        [
            (errno.ENOENT, "load the module tun"),
            (errno.EACCES, "run as root"),
            (errno.ENODEV, "load the module tun"),
        ],
    )
    def test_says_in_one_line_what_where_and_what_to_do(
        self, monkeypatch: pytest.MonkeyPatch, number: int, advice: str
    ) -> None:
        def refuse(*_: object) -> int:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, "open", refuse)
        with pytest.raises(TunUnavailable) as raised:
            tun.create("wg0", 1420)
        assert raised.value.errno == number
        assert str(raised.value).startswith("/dev/net/tun ")
        assert advice in str(raised.value)
        assert "\n" not in str(raised.value)

    def test_other_errors_stay_what_they_are(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: object) -> int:
            raise OSError(errno.EMFILE, "Too many open files")

        monkeypatch.setattr(os, "open", refuse)
        with pytest.raises(OSError, match="Too many") as raised:
            tun.create("wg0", 1420)
        assert not isinstance(raised.value, TunUnavailable)


class TestPlainDescriptors:
    def test_a_socket_is_a_nameless_inner_side(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours, theirs:
            os.set_inheritable(ours.fileno(), True)
            assert tun.adopt(ours.fileno()) == Tun(ours.fileno(), "")
            assert not os.get_blocking(ours.fileno())
            assert not os.get_inheritable(ours.fileno())
            assert tun.attached_name(ours.fileno()) is None

    def test_a_descriptor_that_is_not_open_is_an_error(self) -> None:
        ours, theirs = socket.socketpair()
        theirs.close()
        fd = ours.fileno()
        ours.close()
        with pytest.raises(OSError, match="Bad file descriptor"):
            tun.adopt(fd)


def _open(undo: ExitStack) -> int:
    fd = os.open(tun.DEVICE, os.O_RDWR)
    undo.callback(os.close, fd)
    return fd


def _create(undo: ExitStack, name: str, mtu: int = 1420) -> Tun:
    made = tun.create(name, mtu)
    undo.callback(os.close, made.fd)
    return made


@pytest.mark.root
class TestDevices:
    def test_created_as_asked(self, host: Namespace, undo: ExitStack) -> None:
        with host.enter():
            made = _create(undo, "wg0", 34736)
        assert made.name == "wg0"
        assert made.vnet_header
        assert not os.get_blocking(made.fd)
        assert not os.get_inheritable(made.fd)
        assert "mtu 34736" in host.ip("link", "show", "wg0")
        with pytest.raises(BlockingIOError):
            os.read(made.fd, 65535)

    def test_offloads_are_those_of_the_kernel(self, host: Namespace, undo: ExitStack) -> None:
        with host.enter():
            made = _create(undo, "wg0")
        features = host.run(["ip", "-d", "link", "show", "wg0"]).stdout
        assert "tun type tun pi off vnet_hdr on" in features
        release = tuple(int(part) for part in os.uname().release.split(".")[:2])
        assert made.tso
        assert made.uso == (release >= (6, 2))

    def test_the_kernel_may_choose_a_number(self, host: Namespace, undo: ExitStack) -> None:
        with host.enter():
            names = [_create(undo, "wg%d").name for _ in range(3)]
        assert names == ["wg0", "wg1", "wg2"]

    def test_a_name_in_use_is_busy(self, host: Namespace, undo: ExitStack) -> None:
        with host.enter():
            _create(undo, "wg0")
            with pytest.raises(OSError, match="wg0 is in use") as raised:
                tun.create("wg0", 1420)
        assert raised.value.errno == errno.EBUSY

    def test_the_name_of_another_kind_of_link_exists(self, host: Namespace) -> None:
        with host.enter(), pytest.raises(FileExistsError, match="lo exists and is not a TUN"):
            tun.create("lo", 1420)

    @pytest.mark.parametrize("mtu", [67, 65536, 70000])
    def test_an_impossible_mtu_leaves_nothing(self, host: Namespace, mtu: int) -> None:
        with host.enter(), pytest.raises(OSError, match=f"MTU {mtu} for wg0"):
            tun.create("wg0", mtu)
        assert "wg0" not in host.ip("link")

    def test_a_persistent_device_is_taken_over(self, host: Namespace, undo: ExitStack) -> None:
        host.ip("tuntap", "add", "wg0", "mode", "tun")
        with host.enter():
            made = _create(undo, "wg0", 1300)
        assert made.vnet_header
        assert "mtu 1300" in host.ip("link", "show", "wg0")

    def test_goes_with_its_last_descriptor(self, host: Namespace) -> None:
        with host.enter():
            made = tun.create("wg0", 1420)
        assert tun.attached_name(made.fd) == "wg0"
        os.close(made.fd)
        assert "wg0" not in host.ip("link")

    def test_deleted_it_has_no_name(self, host: Namespace, undo: ExitStack) -> None:
        with host.enter():
            made = _create(undo, "wg0")
        host.ip("link", "delete", "wg0")
        assert tun.attached_name(made.fd) is None

    def test_renamed_or_moved_it_still_has_one(
        self, host: Namespace, elsewhere: Namespace, undo: ExitStack
    ) -> None:
        with host.enter():
            made = _create(undo, "wg0")
        host.ip("link", "set", "wg0", "name", "office", "netns", str(elsewhere.pid))
        assert tun.attached_name(made.fd) == "office"
        namespace = tun.open_namespace(made.fd)
        undo.callback(os.close, namespace)
        assert os.path.sameopenfile(namespace, namespace)
        there = Path(f"/proc/{elsewhere.pid}/ns/net").stat()
        assert os.path.samestat(os.fstat(namespace), there)


@pytest.mark.root
class TestAdoption:
    _FLAGS = tun._IFF_TUN | tun._IFF_NO_PI

    def _attach(self, undo: ExitStack, flags: int) -> int:
        fd = _open(undo)
        tun._attach(fd, "wg0", flags)
        return fd

    def test_with_a_virtio_header_offloads_are_used(self, host: Namespace, undo: ExitStack) -> None:
        with host.enter():
            fd = self._attach(undo, self._FLAGS | tun._IFF_VNET_HDR)
            created = _create(undo, "wg1")
        adopted = tun.adopt(fd)
        assert adopted == Tun(fd, "wg0", vnet_header=True, tso=created.tso, uso=created.uso)
        assert not os.get_blocking(fd)

    def test_without_a_virtio_header_none_is(self, host: Namespace, undo: ExitStack) -> None:
        with host.enter():
            fd = self._attach(undo, self._FLAGS)
        assert tun.adopt(fd) == Tun(fd, "wg0")

    def test_a_longer_virtio_header_is_made_short(self, host: Namespace, undo: ExitStack) -> None:
        with host.enter():
            fd = self._attach(undo, self._FLAGS | tun._IFF_VNET_HDR)
        fcntl.ioctl(fd, tun._TUNSETVNETHDRSZ, tun._INT.pack(12))
        assert tun.adopt(fd).vnet_header
        (size,) = tun._INT.unpack(fcntl.ioctl(fd, tun._TUNGETVNETHDRSZ, bytes(4)))
        assert size == tun.VNET_HEADER_SIZE == 10

    def test_the_mtu_is_left_alone(self, host: Namespace, undo: ExitStack) -> None:
        with host.enter():
            fd = self._attach(undo, self._FLAGS)
        host.ip("link", "set", "wg0", "mtu", "1333")
        tun.adopt(fd)
        assert "mtu 1333" in host.ip("link", "show", "wg0")

    def test_a_tap_is_refused(self, host: Namespace, undo: ExitStack) -> None:
        with host.enter():
            fd = self._attach(undo, tun._IFF_TAP | tun._IFF_NO_PI)
        with pytest.raises(OSError, match="wg0 is a TAP device"):
            tun.adopt(fd)

    def test_a_descriptor_without_an_interface_is_refused(self, undo: ExitStack) -> None:
        with pytest.raises(OSError, match="bad state"):
            tun.adopt(_open(undo))


@pytest.mark.root
def test_without_rights_it_says_so(host: Namespace, undo: ExitStack) -> None:
    program = "from wiresnake.host import privileges, tun; privileges.drop_all()\n"
    program += "try: tun.create('wg0', 1420)\nexcept tun.TunUnavailable as lack: print(lack)"
    said = host.run([sys.executable, "-c", program]).stdout
    assert said == "the interface wg0 may not be made: CAP_NET_ADMIN is needed, run as root\n"
