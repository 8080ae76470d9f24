"""Files that hold secrets, beside whoever else looks at them."""

import os
import threading
from pathlib import Path

import pytest

from wiresnake.host import secret_files


@pytest.fixture(autouse=True)
def generous_umask():
    before = os.umask(0)
    yield
    os.umask(before)


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def test_a_new_file_is_its_owners_alone(tmp_path: Path) -> None:
    secret_files.create(tmp_path / "new", b"secret")
    assert (tmp_path / "new").read_bytes() == b"secret"
    assert mode_of(tmp_path / "new") == 0o600


@pytest.mark.parametrize("kind", ["file", "link", "dangling link", "directory"])
def test_what_exists_is_never_written_over(kind: str, tmp_path: Path) -> None:
    there, target = tmp_path / "there", tmp_path / "target"
    if kind == "file":
        there.write_bytes(b"old")
    elif kind == "directory":
        there.mkdir()
    else:
        there.symlink_to(target)
        if kind == "link":
            target.write_bytes(b"old")
    with pytest.raises(FileExistsError):
        secret_files.create(there, b"new")
    assert {each.name for each in tmp_path.iterdir()} <= {"there", "target"}
    assert not target.exists() or target.read_bytes() == b"old"


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "there").write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        secret_files.create(tmp_path / "new", b"secret")
    with pytest.raises(OSError, match="No space left"):
        secret_files.replace(tmp_path / "there", b"secret")
    assert [each.read_bytes() for each in tmp_path.iterdir()] == [b"old"]


def test_a_file_is_replaced_whole_behind_its_link(tmp_path: Path) -> None:
    there, link = tmp_path / "there", tmp_path / "link"
    there.write_bytes(b"old")
    there.chmod(0o644)
    link.symlink_to(there)
    with there.open("rb") as reader:
        secret_files.replace(link, b"new")
        assert reader.read() == b"old"
    assert link.is_symlink()
    assert there.read_bytes() == b"new"
    assert mode_of(there) == 0o600
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_the_owner_stays(tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.write_bytes(b"old")
    os.chown(there, 7, 8)
    secret_files.replace(there, b"new")
    assert (there.stat().st_uid, there.stat().st_gid) == (7, 8)


def test_no_change_is_lost_among_many_at_once(tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.touch()

    def add(number: int) -> None:
        for _ in range(10):
            with secret_files.locked(there):
                secret_files.replace(there, there.read_bytes() + bytes([number]))

    writers = [threading.Thread(target=add, args=(number,)) for number in range(4)]
    for each in writers:
        each.start()
    for each in writers:
        each.join()
    assert sorted(there.read_bytes()) == sorted(bytes(range(4)) * 10)
