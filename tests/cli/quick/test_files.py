"""`save` and `strip`, and what a file says of name servers and endpoints."""

import re
import stat
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cli.quick.conftest import Host, new_key
from wiresnake.config.quick import strip

root = [pytest.mark.root, pytest.mark.needs("wg-quick", "wg")]

PIECES = [
    "[Interface]", "[Peer]", "[interface]", " [INTERFACE] # x", "[ Interface ]", "[Interface] x",
    "[x", "#", "# Table = off", "Address = 1.1.1.1/3", "address=x # y", "MTU", "MTU= 3",
    " Foo = bar ", "\tPostUp = a # b", "PreUp", "DNS=1", "Table= \r", "", "  ", "PostDown=#", "=",
    "SaveConfig = true", "saveconfig=false", "PublicKey = x = y", "#[Interface]", "= MTU",
    "MTU = [Peer]", "[Peer]=3", "PreDown echo", "\\MTU = a\\",
]  # fmt: skip


@pytest.mark.root
@pytest.mark.needs("wg-quick")
@settings(max_examples=40)
@given(st.lists(st.sampled_from(PIECES), max_size=12), st.sampled_from(["", "\n", "\n\n"]))
def test_strip_is_that_of_the_real_one(tmp_path_factory, pieces: list[str], end: str) -> None:
    text = "\n".join(pieces) + end
    file = tmp_path_factory.getbasetemp() / "strip.conf"
    file.write_bytes(text.encode())
    theirs = subprocess.run(["wg-quick", "strip", str(file)], capture_output=True, check=True)
    assert strip(text) + "\n" == theirs.stdout.decode()


@pytest.mark.root
def test_strip_needs_no_root_but_wg_quick_says_it_does(host: Host) -> None:
    file = host.keep("[Interface]\nAddress = 10.0.0.1\nListenPort = 7 # seven\n")
    assert host.ours("strip", str(file)).stdout == "[Interface]\nListenPort = 7 # seven\n\n"
    assert host.linked("strip", str(file)).stdout == host.real("strip", str(file)).stdout


COMMENTED = """\
# Everything about the office.
[Interface]
PrivateKey=  {key} # mine
 address = 10.0.0.1/24 ,fd77::1/64   # two
DNS = 192.0.2.53, example.org
ListenPort = 7777
MTU = 1300
SaveConfig = true
PostUp = true # not false
Colour = green

# Ann's laptop
[Peer]
PublicKey = {ann} # Ann
AllowedIPs = 10.0.0.2/32, fd77::2/128 # hers
PersistentKeepalive = 25

# Bob's laptop
[Peer]
Endpoint = 192.0.2.2:51820 # at home
PublicKey = {bob}
AllowedIPs = 10.0.0.3/32
"""


@pytest.fixture
def commented(host: Host) -> Path:
    ann, bob = new_key().public, new_key().public
    text = COMMENTED.format(key=new_key().to_base64(), ann=ann, bob=bob)
    return host.keep(text.replace("Colour", "#Colour"))


def peers(file: Path) -> list[str]:
    return re.findall(r"^PublicKey = (\S+)", file.read_text(), re.MULTILINE)


@pytest.mark.root
@pytest.mark.needs("wg")
def test_save_changes_what_changed(host: Host, commented: Path) -> None:
    host.script("resolvconf", "cat >/dev/null")
    before = commented.read_text()
    ann, bob = peers(commented)
    host.ours("up", str(commented))
    host.ours("save", str(commented))
    assert commented.read_text() == before

    key = host.files / "psk"
    key.write_text(new_key().to_base64())
    carol = str(new_key().public)
    host.run("wg", "set", "wg0", "listen-port", "8888", "peer", ann, "remove")
    host.run("wg", "set", "wg0", "peer", bob, "preshared-key", str(key), "allowed-ips",
             "10.0.0.3/32,10.0.0.33/32", "endpoint", "192.0.2.2:9", "peer", carol)  # fmt: skip
    host.ip("address", "add", "10.0.5.1/24", "dev", "wg0")
    host.ip("address", "delete", "fd77::1/64", "dev", "wg0")
    host.ip("link", "set", "wg0", "mtu", "1280")
    host.linked("save", str(commented))
    head, tail = before.split("# Ann's laptop")
    head = head.replace("7777", "8888").replace("1300", "1280")
    head = head.replace("10.0.0.1/24 ,fd77::1/64 ", "10.0.0.1/24, 10.0.5.1/24 ")
    tail = "# Bob's laptop" + tail.split("# Bob's laptop")[1]
    tail = tail.replace(":51820", ":9").replace("10.0.0.3/32", "10.0.0.3/32, 10.0.0.33/32")
    wanted = f"{head}{tail}PresharedKey = {key.read_text()}\n\n[Peer]\nPublicKey = {carol}\n"
    assert commented.read_text() == wanted
    assert stat.S_IMODE(commented.stat().st_mode) == 0o600
    assert [path.name for path in host.files.glob("*wg0*")] == ["wg0.conf"]


@pytest.mark.root
@pytest.mark.needs("wg")
def test_save_config_saves_at_down(host: Host, commented: Path) -> None:
    host.script("resolvconf", "cat >/dev/null")
    host.ours("up", str(commented))
    host.run("wg", "set", "wg0", "listen-port", "8888")
    host.ours("down", str(commented))
    assert "ListenPort = 8888\n" in commented.read_text()


@pytest.mark.root
def test_a_mark_that_nobody_asked_for_is_not_saved(host: Host) -> None:
    peer = "[Peer]\nPublicKey = %key\nAllowedIPs = ::/0"
    file = host.write("ListenPort = 9\nAddress = 10.0.0.1/24", peer)
    before = file.read_text()
    host.ours("up", str(file))
    host.ours("save", str(file))
    assert file.read_text() == before
    host.run("wg", "set", "wg0", "fwmark", "5")
    host.ours("save", str(file))
    assert "FwMark = 0x5\n" in file.read_text()
    host.ours("down", str(file))


@pytest.mark.root
def test_what_is_not_up_cannot_be_saved(host: Host) -> None:
    file = host.write("", "")
    for program in (host.ours, host.linked):
        done = program("save", str(file), check=False)
        assert done.returncode == 1
        assert done.stderr.endswith(": `wg0' is not a WireGuard interface\n")


RESOLVCONF = '{ echo "$@"; test "$1" != -a || cat; } >>/run/said'


@pytest.mark.root
@pytest.mark.needs("wg-quick")
@pytest.mark.parametrize(
    "dns", ["DNS = 192.0.2.53", "DNS = 192.0.2.53, fd77::53\nDNS = example.org,a.b"]
)
def test_resolvconf_is_told_the_same(host: Host, dns: str) -> None:
    host.script("resolvconf", RESOLVCONF)
    host.script("systemctl", "exit 1")
    file = str(host.write(f"Address = 10.0.0.1/24\n{dns}", ""))
    said = []
    for program in (host.real, host.ours):
        for verb in ("up", "down"):
            program(verb, file)
        said.append(host.run("sh", "-c", "cat /run/said; rm /run/said").stdout)
    assert said[0] == said[1]
    assert "-a wg0 -m 0 -x" in said[0]


@pytest.mark.root
def test_resolved_is_told_where_there_is_no_resolvconf(host: Host) -> None:
    host.script("resolvectl", 'echo "$@" >>/run/said')
    host.run("mkdir", "-p", "/run/systemd/resolve")
    host.run("touch", "/run/systemd/resolve/io.systemd.Resolve")
    split = "[Peer]\nPublicKey = %key\nAllowedIPs = 10.9.0.0/16"
    for peers_, domains in ((split, "example.org"), (split + ", ::/0", "example.org ~.")):
        file = str(host.write("DNS = 192.0.2.53, 192.0.2.54, example.org", peers_))
        host.ours("up", file)
        host.ours("down", file)
        said = host.run("sh", "-c", "cat /run/said; rm /run/said").stdout
        assert said == (
            f"dns wg0 192.0.2.53 192.0.2.54\ndomain wg0 {domains}\ndefault-route wg0 true\n"
            "revert wg0\n"
        )


@pytest.mark.root
@pytest.mark.needs("wg")
def test_names_of_endpoints_are_handed_to_the_daemon(host: Host) -> None:
    host.run("mount", "--bind", str(hosts_file(host)), "/etc/hosts")
    file = str(
        host.write(
            "",
            "[Peer]\nPublicKey = %key\nEndpoint = localhost:1\n"
            "[Peer]\nPublicKey = %key\nEndpoint = nix.invalid:2\nEndpoint = 192.0.2.2:3\n"
            "[Peer]\nPublicKey = %key\nEndpoint = 192.0.2.2:4\n",
        )
    )
    done = host.ours("up", file)
    assert "[#] wiresnaked wg0: look up again 2 peers when lost\n" in done.stderr
    found = host.run("wg", "show", "wg0", "endpoints").stdout
    ports = [line.split("\t")[1] for line in found.splitlines()]
    assert sorted(ports) == ["127.0.0.1:1", "192.0.2.2:3", "192.0.2.2:4"]
    host.ours("save", file)
    assert "localhost:1" in Path(file).read_text()
    assert "nix.invalid:2" in Path(file).read_text()
    host.ours("down", file)


def hosts_file(host: Host) -> Path:
    file = host.files / "hosts"
    file.write_text("127.0.0.1 localhost\n")
    return file
