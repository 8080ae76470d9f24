"""Whatever befalls `up`, and whenever: nothing stays, or `down` takes it away."""

import sys
from pathlib import Path

import pytest

from tests.cli.quick.conftest import DAEMON, Host

pytestmark = [pytest.mark.root, pytest.mark.needs("nft", "bash")]

FAULTS = str(Path(__file__).with_name("faults.py"))
EVERYTHING = (
    "Address = 10.0.0.1/24, fd77::1/64\nDNS = 192.0.2.53, example.org\nPreUp = true\nPostUp = true",
    (
        "[Peer]\nPublicKey = %key\nEndpoint = 192.0.2.2:51820\n"
        "AllowedIPs = 0.0.0.0/0, ::/0, 10.9.0.0/16"
    ),
)
FULL = ("Address = 10.0.0.1/32", "[Peer]\nPublicKey = %key\nAllowedIPs = 0.0.0.0/0, ::/0")
RESOLVCONF = 'case $1 in -a) cat >"/run/$2.dns";; -d) rm -f "/run/$2.dns";; esac'


@pytest.fixture
def file(host: Host) -> str:
    host.script("resolvconf", RESOLVCONF)
    return str(host.write(*EVERYTHING))


def run(host: Host, *words: str):
    return host.run(sys.executable, FAULTS, *words, check=False)


@pytest.mark.parametrize(
    ("moment", "how"),
    [("written", "fail"), ("done", "fail"), ("written", "kill"), ("done", "kill"), ("done", "end")],
)
def test_a_fault_at_every_step(host: Host, file: str, moment: str, how: str) -> None:
    before = host.state()
    steps = 0
    while (done := run(host, moment, str(steps), how, "--kill-switch", file)).returncode != 3:
        if how == "fail":
            assert (done.returncode, done.stderr.splitlines()[-1]) == (1, "wiresnake: injected")
        elif how == "end":
            assert done.returncode == 130
        else:
            assert done.returncode == -9
            host.ours("down", file)
        assert host.state() == before, f"after step {steps}:\n{done.stderr}"
        assert host.programs() == []
        assert host.setting() == "0"
        steps += 1
    assert steps > 18
    assert host.run("cat", "/run/wg0.dns").stdout == "nameserver 192.0.2.53\nsearch example.org\n"
    host.ours("down", file)
    assert host.state() == before


@pytest.mark.parametrize("program", ["nft", "resolvconf"])
def test_a_tool_that_fails_is_told_in_one_line(host: Host, file: str, program: str) -> None:
    host.script(program, 'test "$1" = list || { echo "no way" >&2; exit 7; }')
    done = host.ours("up", file, check=False)
    host.script("nft", 'PATH=${PATH#*:} exec nft "$@"')
    assert done.returncode == 1
    assert "no way" in done.stderr
    assert host.programs() == []


def test_a_hook_that_fails_undoes_all(host: Host) -> None:
    before = host.state()
    interface, peers = EVERYTHING
    interface = interface.replace("DNS", "#DNS").replace(
        "PostUp = true", "PostUp = false | true; exit 0"
    )
    done = host.ours("up", str(host.write(interface, peers)), check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "wiresnake: false | true; exit 0: it ended with status 1"
    )
    assert host.state() == before


def test_a_daemon_that_is_still_starting_when_up_is_killed(host: Host, file: str) -> None:
    before = host.state()
    # It kills who started it, and goes on as if nothing had happened.
    host.script("impatient", f'kill -9 $PPID; exec {DAEMON} "$@"')
    program = str(host.files / "bin" / "impatient")
    killed = host.linked("up", file, check=False, WG_QUICK_USERSPACE_IMPLEMENTATION=program)
    assert killed.returncode in {-9, 137}
    host.ours("down", file)
    assert host.programs() == []
    assert host.state() == before


def test_a_daemon_that_was_killed(host: Host, file: str) -> None:
    before = host.state()
    host.ours("up", file)
    host.kill_daemon()
    again = host.ours("up", file, check=False)
    assert again.returncode == 1
    assert "run `wiresnake down wg0' first" in again.stderr
    host.ours("down", file)
    assert host.state() == before


def test_a_daemon_that_does_not_start_says_why(host: Host, file: str) -> None:
    before = host.state()
    host.script("broken", "echo 'broken: I would rather not' >&2; exit 1")
    program = str(host.files / "bin" / "broken")
    done = host.linked("up", file, check=False, WG_QUICK_USERSPACE_IMPLEMENTATION=program)
    assert done.returncode == 1
    assert "broken: I would rather not" in done.stderr
    assert host.state() == before


def test_down_without_the_file(host: Host, file: str) -> None:
    before = host.state()
    host.ours("up", file)
    Path(file).unlink()
    done = host.ours("down", "wg0")
    assert "PreDown and PostDown are not run" in done.stderr
    assert host.state() == before


def test_what_is_up_is_not_brought_up_again(host: Host, file: str) -> None:
    host.ours("up", file)
    while_up = host.state()
    for again in (host.ours, host.linked):
        done = again("up", file, check=False)
        assert done.returncode == 1
        assert "`wg0' already exists" in done.stderr
        assert host.state() == while_up
    host.ours("down", file)
    done = host.ours("down", file, check=False)
    assert (done.returncode, done.stderr) == (1, "wiresnake: `wg0' is not a WireGuard interface\n")


def test_an_interface_of_somebody_else_is_left_alone(host: Host, file: str) -> None:
    host.ip("link", "add", "wg0", "type", "veth", "peer", "name", "other")
    before = host.state()
    assert "`wg0' already exists" in host.ours("up", file, check=False).stderr
    assert "`wg0' is not a WireGuard interface" in host.ours("down", file, check=False).stderr
    assert host.state() == before


def test_two_at_once_are_one_too_many(host: Host) -> None:
    before = host.state()
    again = f"{sys.executable} -m wiresnake.cli.main"
    for verb in ("up", "down"):
        file = str(host.write(f"PreUp = {again} {verb} {host.files}/wg0.conf", ""))
        done = host.ours("up", file, check=False)
        assert done.returncode == 1
        assert "wiresnake: another `up' or `down' of wg0 is at work\n" in done.stderr
        assert host.state() == before


def test_a_route_that_another_interface_has_is_told(host: Host) -> None:
    file = str(host.write("", "[Peer]\nPublicKey = %key\nAllowedIPs = 198.51.100.0/24"))
    host.ip("route", "add", "198.51.100.0/24", "dev", "eth0")
    before = host.state()
    done = host.ours("up", file, check=False)
    assert done.returncode == 1
    assert "another interface has a route to 198.51.100.0/24 already" in done.stderr
    assert host.state() == before


def test_the_setting_stays_while_another_tunnel_needs_it(host: Host) -> None:
    files = [str(host.write(*FULL, name=name)) for name in ("wg0", "wg1")]
    before = host.state()
    for file in files:
        host.ours("up", file)
    for file in files:
        assert host.setting() == "1"
        host.ours("down", file)
    assert host.state() == before


def test_two_tunnels_that_take_everything_keep_to_their_own_rules(host: Host) -> None:
    files = [str(host.write(*FULL, name=name)) for name in ("wg0", "wg1")]
    before = host.state()
    host.ours("up", files[0])
    alone = host.state()
    host.ours("up", files[1])
    host.ours("down", files[1])
    assert host.state() == alone
    host.ours("down", files[0])
    assert host.state() == before


def test_a_tunnel_that_is_up_in_part_is_not_saved(host: Host) -> None:
    file = host.write("Address = 10.0.0.1/24\nListenPort = 9\nSaveConfig = true", "")
    text = file.read_text()
    before = host.state()
    assert run(host, "done", "1", "kill", str(file)).returncode == -9
    host.ours("down", str(file))
    assert file.read_text() == text
    assert host.state() == before


def test_a_journal_that_cannot_be_read_is_told(host: Host, file: str) -> None:
    host.run("sh", "-c", "umask 077; mkdir /run/wiresnake; echo nonsense >/run/wiresnake/wg0.json")
    for verb in ("up", "down"):
        done = host.ours(verb, file, check=False)
        assert done.returncode == 1
        assert "/run/wiresnake/wg0.json is no journal of `up'" in done.stderr


def test_down_undoes_all_whatever_became_of_the_file_and_the_daemon(host: Host) -> None:
    before = host.state()
    peers = FULL[1]
    file = host.write("Address = 10.0.0.1/24\nPreDown = false\nSaveConfig = true", peers)
    text = file.read_text()
    host.ours("up", "--kill-switch", str(file))
    host.kill_daemon()
    assert "Warning: false: it ended with status 1" in host.ours("down", str(file)).stderr
    assert host.state() == before
    assert file.read_text() == text

    host.ours("up", str(file))
    file.write_text("[Interface]\nMTU = many\n")
    assert "PreDown and PostDown are not run" in host.ours("down", str(file)).stderr
    assert host.state() == before
