"""Faults planted for real, between hosts on this machine: `doctor` names each of them.

Each function below harms a healthy tunnel and returns on which end the doctor is asked, and with
which words of the finding.
"""

import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from bench.lab.hosts import Host
from bench.lab.programs import wiresnake
from bench.lab.traffic import reaches
from bench.lab.tunnels import PORT, End, Tunnel, new_key, new_preshared_key, tunnel

pytestmark = [pytest.mark.root, pytest.mark.needs("wg", "nft", "ping", "sysctl")]
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
COMMAND = str(Path(sys.executable).with_name("wiresnake"))


class Found(NamedTuple):
    """Where the doctor is asked, about what, in which environment, and what it must say."""

    host: Host
    words: str
    about: str = "wg0"
    path: str = PATH
    note: bool = False


class Patient:
    """A healthy tunnel, and a file of the left end that fits it."""

    def __init__(self, made: Tunnel, directory: Path) -> None:
        self.tunnel = made
        self.left, self.right = made.left, made.right
        self.file = directory / "wg0.conf"
        self.write(self.text())

    def text(self, interface: str = "", peer: str = "") -> str:
        """Return the left end's file, with more lines for its sections."""
        config = self.tunnel.config(self.left)
        address = f"Address = {self.left.inner(4)}/24, {self.left.inner(6)}/64\n"
        return config.replace("[Peer]\n", f"{address}{interface}[Peer]\n{peer}")

    def write(self, text: str) -> None:
        self.file.write_text(text)
        self.file.chmod(0o600)

    def in_file(self, words: str, **more: object) -> Found:
        return Found(self.left.host, words, str(self.file), **more)  # type: ignore[arg-type]

    def is_up(self) -> None:
        """See that packets come and go."""
        reaches(self.left.host, self.right.inner(4))

    def set_peer(self, end: End, *words: str, text: str = "") -> None:
        other = self.right if end is self.left else self.left
        end.set("peer", other.public_key, *words, text=text)


def block(end: End, chain: str, rule: str) -> None:
    """Let the firewall of an end drop what the rule says, as it comes in or goes out."""
    hook = f"type filter hook {chain} priority 0;"
    text = f"table inet fault {{\n chain one {{\n {hook}\n {rule} drop\n }}\n}}\n"
    end.host.call("nft", "-f", "-", text=text)


@pytest.fixture
def patient(tmp_path: Path) -> Iterator[Patient]:
    with tunnel(wiresnake(), wiresnake()) as made:
        tmp_path.chmod(0o755)
        yield Patient(made, tmp_path)


def doctor(host: Host, *words: str, path: str = PATH) -> tuple[int, str]:
    done = host.run(["env", f"PATH={path}", COMMAND, "doctor", *words], check=False)
    assert done.stderr == "", done.stderr
    return done.returncode, done.stdout


def our_own_key(patient: Patient) -> Found:
    patient.write(patient.text().replace(patient.right.public_key, patient.left.public_key))
    return patient.in_file(f"its own public key {patient.left.public_key}")


def one_key_for_two(patient: Patient) -> Found:
    peer = patient.text().partition("[Peer]")[2]
    patient.write(patient.text() + f"[Peer]{peer}")
    return patient.in_file("2 peers in")


def one_prefix_for_two(patient: Patient) -> Found:
    prefix = f"{patient.right.inner(4)}/32"
    patient.write(
        f"{patient.text()}[Peer]\nPublicKey = {new_key().public}\nAllowedIPs = {prefix}\n"
    )
    return patient.in_file(f"{prefix} is in AllowedIPs of two peers")


def another_key_than_in_the_file(patient: Patient) -> Found:
    text = patient.text().replace(patient.left.key.to_base64(), new_key().to_base64())
    patient.write(text)
    return patient.in_file("its private key is not the one in")


def a_peer_that_was_only_written_down(patient: Patient) -> Found:
    key = new_key().public
    patient.write(f"{patient.text()}[Peer]\nPublicKey = {key}\nAllowedIPs = 10.88.0.1/32\n")
    return patient.in_file(f"not on the interface: {key}")


def a_peer_that_knows_us_not(patient: Patient) -> Found:
    patient.set_peer(patient.right, "remove")
    return Found(patient.left.host, "are not answered")


def a_caller_we_know_not(patient: Patient) -> Found:
    patient.set_peer(patient.right, "remove")
    patient.right.set("peer", str(new_key().public), "allowed-ips", "10.88.0.1/32")
    call(patient)
    return Found(patient.right.host, "whose public key is not among the peers")


def another_key_for_the_peer(patient: Patient) -> Found:
    patient.set_peer(patient.left, "remove")
    wrong = str(new_key().public)
    patient.left.set("peer", wrong, "allowed-ips", f"{patient.right.inner(4)}/32",
                     "endpoint", patient.right.endpoint)  # fmt: skip
    call(patient)
    return Found(patient.right.host, "expects another public key")


def another_preshared_key(patient: Patient) -> Found:
    patient.set_peer(patient.left, "preshared-key", "/dev/stdin", text=new_preshared_key())
    return Found(patient.left.host, "the preshared keys differ")


def our_firewall(patient: Patient) -> Found:
    block(patient.left, "output", f"udp dport {PORT}")
    return Found(patient.left.host, f"lets no UDP out to {patient.right.endpoint}")


def their_firewall(patient: Patient) -> Found:
    block(patient.right, "input", f"udp dport {PORT}")
    return Found(patient.left.host, "are not answered")


def nobody_there(patient: Patient) -> Found:
    patient.right.running.stop()
    return Found(patient.left.host, f"nothing listens at {patient.right.endpoint}")


def no_network(patient: Patient) -> Found:
    patient.left.host.ip("address", "flush", "dev", "eth0")
    return Found(patient.left.host, f"no way to {patient.right.endpoint}")


def one_way(patient: Patient) -> Found:
    patient.is_up()
    # Handshakes pass; transport messages, which begin with 4, do not.
    block(patient.left, "input", f"udp sport {PORT} @th,64,8 4")
    return Found(patient.left.host, "what we send is not answered")


def a_silent_address(patient: Patient) -> Found:
    patient.is_up()
    allowed = f"{patient.left.inner(6)}/128"
    patient.set_peer(patient.right, "allowed-ips", allowed)
    return Found(patient.left.host, "behind it does not answer pings", note=True)


def a_source_that_may_not_be(patient: Patient) -> Found:
    patient.is_up()
    patient.set_peer(patient.right, "allowed-ips", f"{patient.left.inner(6)}/128")
    patient.set_peer(patient.right, "endpoint", patient.left.endpoint)
    patient.left.host.start("ping", "-i", "0.1", "-w", "20", patient.right.inner(4))
    words = "from addresses that its AllowedIPs here do not hold"
    return Found(patient.right.host, words, note=True)


def a_black_hole(patient: Patient) -> Found:
    patient.right.host.ip("link", "set", "eth0", "mtu", "1300")
    return Found(patient.left.host, "bytes to")


def no_route(patient: Patient) -> Found:
    patient.set_peer(patient.left, "allowed-ips", f"{patient.right.inner(4)}/32,10.99.0.0/24")
    return Found(patient.left.host, "packets to 10.99.0.0/24 go nowhere")


def another_route(patient: Patient) -> Found:
    patient.set_peer(patient.left, "allowed-ips", f"{patient.right.inner(4)}/32,10.99.0.0/24")
    patient.left.host.ip("route", "add", "10.99.0.0/16", "dev", "eth0")
    return Found(patient.left.host, "packets to 10.99.0.0/24 go out by eth0")


def a_leak(patient: Patient) -> Found:
    patient.set_peer(patient.left, "allowed-ips", "0.0.0.0/0")
    patient.left.host.ip("route", "add", "default", "dev", "wg0")
    patient.left.host.ip("-6", "route", "add", "default", "dev", "eth0")
    return Found(patient.left.host, "IPv6 leaves beside it by eth0")


def a_gateway_that_forwards_not(patient: Patient) -> Found:
    patient.write(patient.text("# Clients: AllowedIPs = 0.0.0.0/0\n"))
    patient.left.host.sysctl({"net.ipv4.ip_forward": 0})
    return patient.in_file("clients send IPv4 through this host, and it does not forward")


def a_gateway_that_masquerades_not(patient: Patient) -> Found:
    patient.write(patient.text("# Clients: AllowedIPs = 0.0.0.0/0\n"))
    patient.left.host.sysctl({"net.ipv4.ip_forward": 1})
    return patient.in_file("nothing here masquerades")


def a_file_for_all_to_read(patient: Patient) -> Found:
    patient.file.chmod(0o644)
    return patient.in_file("others can read")


def a_directory_for_all_to_write(patient: Patient) -> Found:
    patient.file.parent.chmod(0o777)
    return patient.in_file("others than root can write")


def no_resolvconf(patient: Patient) -> Found:
    patient.write(patient.text("DNS = 9.9.9.9\n"))
    return patient.in_file("DNS = 9.9.9.9 is asked for", path="/nonexistent")


def no_such_name(patient: Patient) -> Found:
    text = patient.text().replace(patient.right.endpoint, f"nowhere.invalid:{PORT}")
    patient.write(text)
    return patient.in_file(f"nowhere.invalid:{PORT} is not found")


def a_port_that_is_taken(patient: Patient) -> Found:
    patient.left.running.stop()
    taken = patient.left.host.socket(socket.AF_INET, socket.SOCK_DGRAM)
    patient.left.host.resources.enter_context(taken)
    taken.bind(("0.0.0.0", PORT))
    return patient.in_file(f"ListenPort = {PORT} is in use")


def strict_reverse_path(patient: Patient) -> Found:
    host = patient.left.host
    patient.set_peer(patient.left, "allowed-ips", "0.0.0.0/0,::/0")
    patient.left.set("fwmark", "51820")
    for family in ("-4", "-6"):
        host.ip(family, "route", "add", "default", "dev", "wg0", "table", "51820")
        host.ip(family, "rule", "add", "not", "fwmark", "51820", "table", "51820")
        host.ip(family, "rule", "add", "table", "main", "suppress_prefixlength", "0")
    host.sysctl({"net.ipv4.conf.eth0.rp_filter": 1, "net.ipv4.conf.all.src_valid_mark": 0})
    return Found(host, "rp_filter of eth0 is strict")


def a_killed_daemon(patient: Patient) -> Found:
    patient.left.running.kill()
    return Found(patient.left.host, "/var/run/wireguard/wg0.sock is left")


def a_clock_that_was_set_back(patient: Patient) -> Found:
    later = time.time() + 86400
    os.utime(patient.file, (later, later))
    return patient.in_file("the clock of this host is earlier than the last change")


def a_link_that_is_down(patient: Patient) -> Found:
    patient.left.host.ip("link", "set", "wg0", "down")
    return Found(patient.left.host, "it is down")


def no_address(patient: Patient) -> Found:
    patient.left.host.ip("address", "flush", "dev", "wg0")
    return Found(patient.left.host, "it has no address")


def no_private_key(patient: Patient) -> Found:
    patient.left.set("private-key", "/dev/null")
    return Found(patient.left.host, "it has no private key")


def no_peers(patient: Patient) -> Found:
    patient.set_peer(patient.left, "remove")
    return Found(patient.left.host, "it has no peers")


def a_line_that_is_wrong(patient: Patient) -> Found:
    patient.write(patient.text("Adress = 10.0.0.1\n"))
    return patient.in_file("Line unrecognized: `Adress=10.0.0.1'")


def call(patient: Patient) -> None:
    """Let the left end call, until its call has arrived at the other."""
    patient.left.host.start("ping", "-i", "0.2", "-w", "20", patient.right.inner(4))
    give_up = time.monotonic() + 10
    while patient.left.transfer()[1] == 0:
        assert time.monotonic() < give_up
        time.sleep(0.02)


FAULTS: list[Callable[[Patient], Found]] = [
    our_own_key, one_key_for_two, one_prefix_for_two, another_key_than_in_the_file,
    a_peer_that_was_only_written_down, a_peer_that_knows_us_not, a_caller_we_know_not,
    another_key_for_the_peer, another_preshared_key, our_firewall, their_firewall, nobody_there,
    no_network, one_way, a_silent_address, a_source_that_may_not_be, a_black_hole, no_route,
    another_route, a_leak, a_gateway_that_forwards_not, a_gateway_that_masquerades_not,
    a_file_for_all_to_read, a_directory_for_all_to_write, no_resolvconf, no_such_name,
    a_port_that_is_taken, strict_reverse_path, a_killed_daemon, a_clock_that_was_set_back,
    a_link_that_is_down, no_address, no_private_key, no_peers, a_line_that_is_wrong,
]  # fmt: skip


@pytest.mark.parametrize("plant", FAULTS, ids=lambda each: each.__name__)
def test_it_is_found(plant: Callable[[Patient], Found], patient: Patient) -> None:
    expected = plant(patient)
    status, said = doctor(expected.host, expected.about, path=expected.path)
    kind = "note" if expected.note else "problem"
    heading = [line for line in said.splitlines() if line.startswith(f"wg0: {kind}: ")]
    assert any(expected.words in line for line in heading), said
    assert status == (0 if expected.note else 1), said
    assert patient.left.key.to_base64() not in said


def test_a_healthy_tunnel_has_none(patient: Patient) -> None:
    for end, about in ((patient.left, str(patient.file)), (patient.right, "wg0")):
        status, said = doctor(end.host, about)
        assert status == 0, said
        assert said.count("\n") == 1
        assert said.startswith("wg0: 1 of 1 peers are there, MTU 1420")
    assert doctor(patient.left.host) == doctor(patient.left.host, "wg0")


def test_the_size_of_a_black_hole_is_told_to_a_few_bytes(patient: Patient) -> None:
    patient.right.host.ip("link", "set", "eth0", "mtu", "1300")
    _, said = doctor(patient.left.host)
    line = next(each for each in said.splitlines() if "vanish" in each)
    told = int(line.partition("more than ")[2].split()[0])
    # Around it go IPv4 (20), UDP (8), a transport message (16) and its tag (16), and padding to 16;
    # a veth lets pass four bytes more than its MTU, for a VLAN.
    assert 1300 - 60 - 16 - 8 <= told <= 1304 - 60
    patient.left.host.ip("link", "set", "wg0", "mtu", str(told))
    assert "vanish" not in doctor(patient.left.host)[1]


def test_whom_it_knows_by_name(patient: Patient) -> None:
    patient.write(patient.text(peer="# friendly_name = office\n"))
    patient.set_peer(patient.right, "remove")
    assert "handshakes to office at" in doctor(patient.left.host, str(patient.file))[1]


def test_a_client_that_went_away_is_no_problem_of_its_server(patient: Patient) -> None:
    patient.is_up()
    text = patient.text().replace(f"Endpoint = {patient.right.endpoint}\n", "")
    patient.write(text)
    patient.right.running.stop()
    status, said = doctor(patient.left.host, str(patient.file))
    assert "note: nothing listens at" in said
    assert status == 0


def test_an_interface_of_another_program_is_examined_too() -> None:
    from bench.lab.programs import wireguard_go

    with tunnel(wireguard_go(), wiresnake()) as made:
        assert doctor(made.left.host)[0] == 0
        made.right.running.stop()
        assert "nothing listens at" in doctor(made.left.host)[1]


def test_where_nothing_is_up_that_is_said(patient: Patient) -> None:
    patient.left.running.stop()
    done = patient.left.host.run([COMMAND, "doctor"], check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == ("wiresnake doctor: no interface is up; name a configuration file\n")
    assert "no WireGuard interface wg0, and no file" in doctor(patient.left.host, "wg0")[1]
    assert "no WireGuard interface eth0" in doctor(patient.left.host, "eth0")[1]
    status, said = doctor(patient.left.host, str(patient.file))
    assert (status, said.count("\n")) == (0, 1)
    assert said.startswith("wg0: it is not up; nothing is wrong")
