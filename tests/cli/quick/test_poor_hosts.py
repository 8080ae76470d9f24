"""Hosts that lack something: one clear line, and the tunnel is up all the same."""

import sys

import pytest

from tests.cli.quick.conftest import Host

pytestmark = pytest.mark.root

EVERYTHING = (
    "Address = 10.0.0.1/24, fd77::1/64\nDNS = 192.0.2.53",
    "[Peer]\nPublicKey = %key\nEndpoint = 192.0.2.2:51820\nAllowedIPs = 0.0.0.0/0, ::/0",
)


def warnings(done) -> list[str]:
    return [line for line in done.stderr.splitlines() if line.startswith("Warning: ")]


def up(host: Host, path: str = "") -> list[str]:
    file = str(host.write(*EVERYTHING))
    before = host.state()
    program = ["env", f"PATH={path}"] if path else []
    program += [sys.executable, "-m", "wiresnake.cli.main"]
    said = warnings(host.run(*program, "up", file))
    assert "wg0" in host.ip("-brief", "link")
    host.run(*program, "down", file)
    assert host.state() == before
    return said


def test_no_program_at_all(host: Host) -> None:
    dns, guard = up(host, path="/nowhere")
    assert dns.startswith("Warning: DNS is not set: ")
    assert guard.startswith("Warning: no leak guard: ")


def test_nft_that_the_kernel_does_not_know(host: Host) -> None:
    host.script("resolvconf", "cat >/dev/null")
    for program in ("nft", "iptables-save"):
        host.script(program, "exit 1")
    (guard,) = up(host)
    assert guard.startswith("Warning: no leak guard: ")


def test_settings_that_cannot_be_written(host: Host) -> None:
    host.script("resolvconf", "cat >/dev/null")
    host.run("mount", "--bind", "/proc/sys", "/proc/sys")
    host.run("mount", "-o", "remount,bind,ro", "/proc/sys")
    (setting,) = up(host)
    assert "net.ipv4.conf.all.src_valid_mark cannot be set to 1" in setting


def test_no_ipv6(host: Host) -> None:
    host.script("resolvconf", "cat >/dev/null")
    host.run("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1")
    (off,) = up(host)
    assert off == "Warning: IPv6 is off on this host: its addresses and routes are left out"


@pytest.mark.needs("iptables-legacy-restore")
def test_iptables_where_nft_is_missing(host: Host) -> None:
    host.script("nft", "exit 1")
    for program in ("iptables-save", "iptables-restore", "ip6tables-save", "ip6tables-restore"):
        legacy = program.replace("tables", "tables-legacy")
        host.script(program, f'exec {legacy} "$@"')
    host.script("resolvconf", "cat >/dev/null")
    host.run("iptables-legacy-restore", "-n", check=False)
    file = str(host.write(*EVERYTHING))
    before = host.iptables("iptables")
    host.ours("up", file)
    rules = host.iptables("iptables") + host.iptables("ip6tables")
    assert len(rules) == len(before) + 6
    host.ours("down", file)
    assert host.iptables("iptables") == before
    assert host.iptables("ip6tables") == []


def test_root_of_a_user_namespace(host: Host) -> None:
    file = str(host.write(*EVERYTHING))
    program = f"{sys.executable} -m wiresnake.cli.main"
    script = f"""
        set -e
        mount -t tmpfs -o mode=0755 tmpfs /run
        ip link set lo up
        before=$(ip rule; ip -6 rule; nft list ruleset)
        {program} up --kill-switch {file}
        ip -brief address show dev wg0
        {program} down {file}
        test "$before" = "$(ip rule; ip -6 rule; nft list ruleset)"
        ! ip link show wg0
    """
    host.script("resolvconf", "cat >/dev/null")
    user = ["unshare", "--user", "--map-root-user", "--net", "--mount", "sh", "-c", script]
    assert "10.0.0.1/24 fd77::1/64" in host.run(*user).stdout


@pytest.mark.needs("wg")
def test_the_least_mtu_on_the_way_to_an_endpoint_counts(host: Host) -> None:
    host.ip("route", "add", "203.0.113.0/24", "via", "192.0.2.2", "mtu", "1400")
    peers = "".join(
        f"[Peer]\nPublicKey = %key\nEndpoint = {endpoint}\n"
        for endpoint in ("192.0.2.2:1", "203.0.113.9:1", "[2001:db8::2]:1")
    )
    file = str(host.write("", peers))
    host.ours("up", file)
    assert "mtu 1320" in host.ip("link", "show", "wg0")
    host.ours("down", file)
