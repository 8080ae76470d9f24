"""The plane's process: its life, its death, and what it is allowed."""

import os
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from wiresnake.door.commands import Add, Forget
from wiresnake.plane.contract import Inner, PlaneLost
from wiresnake.plane.frames import LENGTH
from wiresnake.plane.process import PlaneProcess


@pytest.fixture
def plane(inner):
    plane = PlaneProcess(inner)
    yield plane
    plane.close()


def is_gone(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def wait_until(condition, limit=5.0):
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_killed_plane_is_noticed_within_a_second(plane):
    plane.counters()
    os.kill(plane.pid, signal.SIGKILL)
    assert select.select([plane], [], [], 1.0)[0]
    with pytest.raises(PlaneLost, match="signal 9"):
        plane.drain()
    for call in (lambda: plane.apply([]), plane.counters, lambda: plane.observe([1])):
        with pytest.raises(PlaneLost):
            call()


def test_signals_that_ask_a_program_to_end_are_the_parents_business(plane):
    plane.counters()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(plane.pid, number)
    plane.apply([Add(1)])
    assert plane.counters()["peers"] == 1


def test_closing_ends_the_process(plane):
    plane.counters()
    plane.close()
    assert is_gone(plane.pid)


def test_it_ends_with_its_parent():
    program = (
        "import os, socket, sys, time\n"
        "from wiresnake.plane.process import PlaneProcess\n"
        "from wiresnake.plane.contract import Inner\n"
        "near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)\n"
        "plane = PlaneProcess(Inner(near.fileno()))\n"
        "plane.counters()\n"
        "print(plane.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
        wait_until(lambda: is_gone(pid), 1.0)


def test_it_has_no_rights_and_gets_none(plane):
    plane.counters()
    status = Path(f"/proc/{plane.pid}/status").read_text()
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert int(fields["CapEff"], 16) == int(fields["CapPrm"], 16) == int(fields["CapBnd"], 16) == 0
    assert fields["NoNewPrivs"] == "1"


def test_it_holds_no_descriptor_it_was_not_given(plane):
    with open("/dev/null", "rb") as other:
        os.set_inheritable(other.fileno(), True)
        near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with near, far:
            second = PlaneProcess(Inner(near.fileno()))
            try:
                second.counters()
                descriptors = Path(f"/proc/{second.pid}/fd").iterdir()
                links = [str(each.readlink()) for each in descriptors]
            finally:
                second.close()
    sockets = [link for link in links if link.startswith("socket:")]
    assert len(sockets) == 2  # the inner side and control
    assert len([link for link in links if link.startswith("pipe:")]) <= 2


def test_its_command_line_tells_nothing(plane):
    plane.counters()
    words = Path(f"/proc/{plane.pid}/cmdline").read_bytes().rstrip(b"\0").split(b"\0")
    assert all(word.isdigit() for word in words[4:])


@pytest.mark.parametrize("body", [b"\x92\xa6Counted\x01", b"\x92\xa7Counte\xff\x80", b"\xc1", b""])
def test_what_it_says_is_validated(inner, body):
    plane = PlaneProcess(inner)
    try:
        near, far = socket.socketpair()
        with far:
            plane._control.close()
            plane._control = near
            far.sendall(LENGTH.pack(len(body)) + body)
            with pytest.raises(PlaneLost):
                plane.counters()
    finally:
        plane.close()


def test_an_announcement_of_too_much_is_not_believed(inner):
    plane = PlaneProcess(inner)
    try:
        near, far = socket.socketpair()
        with far:
            plane._control.close()
            plane._control = near
            far.sendall(LENGTH.pack(0xFFFFFFFF))
            with pytest.raises(PlaneLost, match="4294967295"):
                plane.counters()
    finally:
        plane.close()


def test_a_hundred_thousand_commands_are_one_batch(plane):
    plane.apply([Add(number) for number in range(100_000)])
    assert plane.counters()["peers"] == 100_000
    plane.apply([Forget(number) for number in range(100_000)])


def test_a_process_that_cannot_be_started_is_a_lost_plane(inner, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    with pytest.raises(PlaneLost, match="cannot be started"):
        PlaneProcess(inner)
