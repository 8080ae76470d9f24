"""What `new` writes joins two hosts by the real `wg-quick`, and leads one through the other.

client 192.0.2.2 ---- 192.0.2.1 server 198.51.100.1 ---- 198.51.100.2 elsewhere
       2001:db8::2   2001:db8::1      2001:db8:1::1      2001:db8:1::2
"""

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from bench.lab.hosts import Host, cable
from bench.lab.traffic import reaches

pytestmark = [
    pytest.mark.root,
    pytest.mark.needs("wg", "wg-quick", "nft", "ping", "sysctl"),
    pytest.mark.skipif(
        Path("/sys/module/wireguard").exists(), reason="the kernel would serve wg-quick itself"
    ),
]
FAR = {4: "198.51.100.2", 6: "2001:db8:1::2"}


@pytest.fixture
def hosts() -> Iterator[tuple[Host, Host, Host]]:
    with ExitStack() as stack:
        client, server, far = (
            stack.enter_context(Host(each)) for each in ("client", "server", "elsewhere")
        )
        cable(client, server, ["192.0.2.2/24", "2001:db8::2/64"],
              ["192.0.2.1/24", "2001:db8::1/64"])  # fmt: skip
        cable(server, far, ["198.51.100.1/24", "2001:db8:1::1/64"],
              [f"{FAR[4]}/24", f"{FAR[6]}/64"], ("eth1", "eth0"))  # fmt: skip
        yield client, server, far


def quick(host: Host, verb: str, path: Path) -> str:
    program = Path(sys.executable).with_name("wiresnaked")
    environment = {**os.environ, "WG_QUICK_USERSPACE_IMPLEMENTATION": str(program)}
    return host.run(["wg-quick", verb, str(path)], env=environment).stderr


def new(*words: str, where: Path) -> None:
    from wiresnake.cli.main import main

    assert main(["new", *words, "--output", str(where)]) == 0


def inside(path: Path) -> dict[int, str]:
    """Return the addresses of a client by family."""
    line = next(each for each in path.read_text().splitlines() if each.startswith("Address"))
    four, six = (each.partition("/")[0] for each in line.partition(" = ")[2].split(", "))
    return {4: four, 6: six}


def test_both_ends_come_up_and_one_more_is_let_in(hosts, tmp_path: Path) -> None:
    client, server, far = hosts
    new("--endpoint", "192.0.2.1", "--client", "laptop", "--psk", where=tmp_path)
    quick(server, "up", tmp_path / "wg0.conf")
    quick(client, "up", tmp_path / "laptop.conf")
    for address in inside(tmp_path / "wg0.conf").values():
        reaches(client, address)

    new("--add", str(tmp_path / "wg0.conf"), "--client", "phone", "--endpoint", "198.51.100.1",
        where=tmp_path)  # fmt: skip
    stripped = server.call("wg-quick", "strip", str(tmp_path / "wg0.conf"))
    server.call("wg", "syncconf", "wg0", "/dev/stdin", text=stripped)
    quick(far, "up", tmp_path / "phone.conf")
    for address in inside(tmp_path / "wg0.conf").values():
        reaches(far, address)
        reaches(client, address)


def test_everything_goes_through_the_server(hosts, tmp_path: Path) -> None:
    client, server, far = hosts
    server.sysctl({"net.ipv6.conf.eth1.accept_ra": 1})
    new("--endpoint", "[2001:db8::1]:5000", "--client", "laptop", "--route-all", where=tmp_path)
    quick(server, "up", tmp_path / "wg0.conf")
    quick(client, "up", tmp_path / "laptop.conf")
    assert server.call("sysctl", "-n", "net.ipv6.conf.eth1.accept_ra").strip() == "2"
    for family, address in FAR.items():
        reaches(client, address)
        assert seen_from(client, far, family) in {"198.51.100.1", "2001:db8:1::1"}
    quick(server, "down", tmp_path / "wg0.conf")
    assert server.call("nft", "list", "ruleset") == ""


def seen_from(client: Host, far: Host, family: int) -> str:
    """Return the address under which a far host sees the client."""
    kind = socket.AF_INET if family == 4 else socket.AF_INET6
    with (
        far.socket(kind, socket.SOCK_DGRAM) as listening,
        client.socket(kind, socket.SOCK_DGRAM) as sending,
    ):
        listening.bind((FAR[family], 7000))
        sending.sendto(b"hello", (FAR[family], 7000))
        return str(listening.recvfrom(100)[1][0])
