"""Notes that outlive a crash, and are nobody else's."""

import multiprocessing
import os
import stat
from pathlib import Path

import pytest

from wiresnake.host import notes
from wiresnake.host.notes import Untrusted


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "wiresnake" / "wg0.json"


def test_what_is_written_is_read(path: Path) -> None:
    assert notes.read(path) is None
    for content in (b"one", b"", b"another"):
        notes.write(path, content)
        assert notes.read(path) == content
    assert [each.name for each in path.parent.iterdir()] == ["wg0.json"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    notes.remove(path)
    notes.remove(path)
    assert notes.read(path) is None


def test_what_a_crash_left_is_in_nobody_s_way(path: Path) -> None:
    notes.write(path, b"before")
    path.with_name(".wg0.json.new").write_bytes(b"half")
    assert notes.read(path) == b"before"
    notes.write(path, b"after")
    assert notes.read(path) == b"after"


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o1777, 0o702])
def test_a_directory_where_others_write_is_not_trusted(path: Path, mode: int) -> None:
    notes.write(path, b"ours")
    path.parent.chmod(mode)
    with pytest.raises(Untrusted, match=r"wiresnake is not trusted"):
        notes.read(path)
    with pytest.raises(Untrusted):
        notes.write(path, b"more")
    with pytest.raises(Untrusted), notes.locked(path.with_suffix(".lock")):
        pass


def test_a_file_that_others_write_is_not_trusted(path: Path) -> None:
    notes.write(path, b"ours")
    path.chmod(0o602)
    with pytest.raises(Untrusted, match=r"wg0.json is not trusted"):
        notes.read(path)


def test_a_link_is_not_followed(path: Path) -> None:
    notes.write(path, b"ours")
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        notes.read(path)


def test_a_lock_has_one_holder_and_leaves_nothing(path: Path) -> None:
    lock = path.with_suffix(".lock")
    with notes.locked(lock):
        with pytest.raises(BlockingIOError), notes.locked(lock):
            pass
        assert lock.exists()
    assert not lock.exists()
    with notes.locked(lock):
        pass


def test_a_lock_ends_with_its_holder(path: Path) -> None:
    lock = path.with_suffix(".lock")
    context = multiprocessing.get_context("fork")
    holder = context.Process(target=_hold_and_die, args=(lock,))
    holder.start()
    holder.join()
    assert holder.exitcode == 7
    assert lock.exists()
    with notes.locked(lock):
        pass
    assert not lock.exists()


def _hold_and_die(lock: Path) -> None:
    with notes.locked(lock):
        os._exit(7)
