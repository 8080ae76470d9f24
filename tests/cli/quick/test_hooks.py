"""Commands of the user's own: when they run, what they are told, and whose are not run."""

import os
from pathlib import Path

import pytest

from tests.cli.quick.conftest import Host

pytestmark = [pytest.mark.root, pytest.mark.needs("bash", "wg-quick")]

HOOKS = """\
Address = 10.0.0.1/24
PreUp = echo PreUp %i %i $(ip -brief address show dev %i | grep -c 10.0.0.1) >>/run/said
PostUp = echo PostUp $(ip -brief address show dev %i | grep -c 10.0.0.1) >>/run/said; true
PostUp = cd / && echo "again" | tee -a /run/said >&2
PreDown = echo PreDown $(ip -brief link show dev %i | grep -c %i) >>/run/said
PostDown = echo PostDown $(ip -brief link | grep -c %i || true) >>/run/said
"""
PEERS = "[Peer]\nPublicKey = %key\nAllowedIPs = 10.9.0.0/16\n"


def said(host: Host) -> str:
    return host.run("sh", "-c", "cat /run/said; rm -f /run/said").stdout


def test_they_run_when_the_real_ones_run(host: Host) -> None:
    file = str(host.write(HOOKS, PEERS))
    heard = []
    for program in (host.real, host.linked, host.ours):
        for verb in ("up", "down"):
            program(verb, file)
        heard.append(said(host))
    assert heard[0] == heard[1] == heard[2]
    assert heard[0] == "PreUp wg0 wg0 0\nPostUp 1\nagain\nPreDown 1\nPostDown 0\n"


def test_a_number_sign_is_the_shell_s_affair(host: Host) -> None:
    file = str(host.write("PostUp = echo 'a # b' >/run/said # said", PEERS))
    host.ours("up", file)
    assert said(host) == "a # b\n"
    host.ours("down", file)


def test_they_can_be_left_out(host: Host) -> None:
    file = str(host.write(HOOKS, PEERS))
    host.ours("up", "--no-hooks", file)
    host.ours("down", "--no-hooks", file)
    assert said(host) == ""


def test_what_pre_up_gives_the_interface_stays(host: Host) -> None:
    file = str(host.write("PreUp = wg set %i fwmark 77 listen-port 4242", PEERS))
    host.ours("up", file)
    assert host.run("wg", "show", "wg0", "fwmark").stdout == "0x4d\n"
    assert host.run("wg", "show", "wg0", "listen-port").stdout == "4242\n"
    host.ours("down", file)


def test_a_pre_down_that_fails_leaves_the_interface_up(host: Host) -> None:
    file = str(host.write("Address = 10.0.0.1/24\nPreDown = exit 3", PEERS))
    host.ours("up", file)
    up = host.state()
    for program in (host.linked, host.ours):
        done = program("down", file, check=False)
        assert done.returncode == 1
        assert done.stderr.splitlines()[-1].endswith(": exit 3: it ended with status 3")
        assert host.state() == up
    host.ours("down", "--no-hooks", file)


@pytest.fixture(params=["file", "file of a group", "directory", "above", "owner", "its owner"])
def distrusted(request: pytest.FixtureRequest, host: Host) -> Path:
    """Return a file that somebody else could have written."""
    directory = host.files / "above" / "directory"
    directory.mkdir(parents=True)
    file = host.write(HOOKS, PEERS).rename(directory / "wg0.conf")
    match request.param:
        case "file":
            file.chmod(0o602)
        case "file of a group":
            file.chmod(0o620)
        case "directory":
            directory.chmod(0o1777)
        case "above":
            directory.parent.chmod(0o777)
        case "owner":
            os.chown(file, 4321, 0)
        case "its owner":
            os.chown(directory, 4321, 0)
    return file


def test_a_file_that_others_can_write_has_no_say(host: Host, distrusted: Path) -> None:
    before = host.state()
    for program in (host.linked, host.ours):
        done = program("up", str(distrusted), check=False)
        assert done.returncode == 1
        assert "its hooks are not run, for others than you can write" in done.stderr
        assert host.state() == before
    host.ours("up", "--no-hooks", str(distrusted))
    assert "its hooks are not run" in host.ours("down", str(distrusted), check=False).stderr
    host.ours("down", "--no-hooks", str(distrusted))
    assert said(host) == ""
    assert host.state() == before


def test_without_hooks_anybody_s_file_will_do(host: Host) -> None:
    file = host.write("Address = 10.0.0.1/24", PEERS)
    file.chmod(0o606)
    done = host.ours("up", str(file))
    assert f"Warning: `{file}' is world accessible" not in done.stderr  # its directory is not
    host.ours("down", str(file))
