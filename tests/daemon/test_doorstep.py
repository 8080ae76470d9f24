import os
import select
import socket
import stat

import pytest

from wiresnake.daemon.doorstep import Doorstep, is_live, socket_path
from wiresnake.daemon.options import CannotStart


@pytest.fixture
def path(tmp_path):
    return socket_path("wg0", tmp_path / "wireguard")


@pytest.fixture
def doorstep(path):
    doorstep = Doorstep.build(path)
    yield doorstep
    doorstep.close()


def test_only_the_owner_may_connect_and_all_may_look(doorstep, path):
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o755


def test_the_modes_do_not_depend_on_the_umask(path):
    old = os.umask(0o077)
    try:
        doorstep = Doorstep.build(path)
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o755
    doorstep.close()


class TestPrivate:
    def test_nobody_else_may_look_or_connect(self, path):
        doorstep = Doorstep.build_private(path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        doorstep.close()
        assert not path.exists()

    def test_the_socket_of_a_dead_daemon_is_replaced(self, path):
        path.parent.mkdir(mode=0o700)
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(path))
        doorstep = Doorstep.build_private(path)
        assert is_live(path)
        doorstep.close()

    def test_that_of_a_live_one_is_left_alone(self, path):
        first = Doorstep.build_private(path)
        with pytest.raises(CannotStart, match="another daemon answers"):
            Doorstep.build_private(path)
        assert is_live(path)
        first.close()

    def test_a_file_in_its_place_is_left_alone(self, path):
        path.parent.mkdir(mode=0o700)
        path.write_text("precious")
        with pytest.raises(CannotStart, match="not a socket"):
            Doorstep.build_private(path)
        assert path.read_text() == "precious"

    @pytest.mark.parametrize("mode", [0o777, 0o720, 0o702])
    def test_a_directory_that_others_may_write_to_will_not_do(self, path, mode):
        path.parent.mkdir()
        path.parent.chmod(mode)
        with pytest.raises(CannotStart, match="chmod 0700"):
            Doorstep.build_private(path)

    def test_nor_will_what_is_no_directory(self, path, tmp_path):
        path.parent.symlink_to(tmp_path)
        with pytest.raises(CannotStart, match="is not a directory"):
            Doorstep.build_private(path)
        path.parent.unlink()
        path.parent.write_text("")
        with pytest.raises(CannotStart):
            Doorstep.build_private(path)


def test_a_daemon_that_listens_is_live_and_one_that_closed_is_not(path):
    assert not is_live(path)
    doorstep = Doorstep.build(path)
    assert is_live(path)
    doorstep.close()
    assert not is_live(path)
    assert not path.exists()


def test_a_full_backlog_is_alive(tmp_path):
    path = tmp_path / "wg0.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(0)
        with socket.socket(socket.AF_UNIX) as first:
            first.connect(str(path))
            assert is_live(path)


def test_the_socket_of_a_dead_daemon_is_replaced(path):
    path.parent.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    assert not is_live(path)
    doorstep = Doorstep.build(path)
    assert is_live(path)
    doorstep.close()


def test_what_is_not_a_socket_is_left_alone(path):
    path.parent.mkdir(parents=True)
    path.write_text("precious")
    with pytest.raises(CannotStart, match="not a socket"):
        Doorstep.build(path)
    assert path.read_text() == "precious"


def test_a_directory_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "wireguard").write_text("in the way")
    with pytest.raises(CannotStart, match="wireguard"):
        Doorstep.build(socket_path("wg0", tmp_path / "wireguard"))


def wakes(doorstep):
    return bool(select.select([doorstep.watch], [], [], 5)[0])


def test_it_is_noticed_when_the_file_goes(doorstep, path):
    assert doorstep.still_there()
    path.unlink()
    assert wakes(doorstep)
    assert not doorstep.still_there()


def test_it_is_noticed_when_the_file_is_renamed(doorstep, path):
    path.rename(path.with_name("other.sock"))
    assert wakes(doorstep)
    assert not doorstep.still_there()


def test_it_is_noticed_when_another_takes_the_place(doorstep, path, tmp_path):
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(tmp_path / "other.sock"))
        (tmp_path / "other.sock").rename(path)
        assert wakes(doorstep)
        assert not doorstep.still_there()
        doorstep.close()
        assert path.exists()


def test_changes_next_door_do_not_matter(doorstep, path):
    neighbour = path.with_name("wg1.sock")
    neighbour.touch()
    neighbour.unlink()
    assert wakes(doorstep)
    assert doorstep.still_there()


def test_a_listening_socket_can_be_handed_in(tmp_path):
    path = tmp_path / "wg0.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        doorstep = Doorstep.adopt(os.dup(listener.fileno()))
    assert doorstep.path == path
    assert is_live(path)
    doorstep.close()
    assert not path.exists()


def test_a_nameless_socket_has_no_file_to_watch():
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("")
        listener.listen()
        doorstep = Doorstep.adopt(os.dup(listener.fileno()))
    assert doorstep.path is None
    assert doorstep.still_there()
    doorstep.close()


def test_a_descriptor_that_does_not_listen_is_refused():
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(CannotStart, match="not a listening"):
        Doorstep.adopt(ours.fileno())
    read, write = os.pipe()
    with pytest.raises(CannotStart, match=f"descriptor {read}"):
        Doorstep.adopt(read)
    os.close(read)
    os.close(write)
