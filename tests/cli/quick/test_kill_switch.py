"""What leaves by the cable when the daemon is killed."""

import contextlib
import select
import socket

import pytest

from tests.cli.quick.conftest import Host

pytestmark = [pytest.mark.root, pytest.mark.needs("nft")]

FAR = {False: "203.0.113.9", True: "2001:db8:9::9"}
PEERS = "[Peer]\nPublicKey = %key\nEndpoint = 192.0.2.2:51820\nAllowedIPs = "
ADDRESSES = "Address = 10.0.0.1/24, fd77::1/64\n"
WORD = b"a word that must not be seen"


@contextlib.contextmanager
def listening_on_the_cable(host: Host):
    """Yield a function that counts the packets with the word in them that came since."""
    with host.gateway.enter():
        cable = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        cable.bind(("eth0", 3))
    with cable:
        # What was sent before `count` is called is in the socket: a veth delivers at once. What
        # the gateway answers does not count.
        def count() -> int:
            seen = 0
            while select.select([cable], [], [], 0.2)[0]:
                packet, (_, _, kind, *_) = cable.recvfrom(65536)
                seen += WORD in packet and kind != socket.PACKET_OUTGOING
            return seen

        yield count


def speak(host: Host) -> list[bool]:
    """Send the word to the far address of each family; return which ones were refused."""
    refused = []
    for ipv6, address in FAR.items():
        with host.namespace.enter():
            speaker = socket.socket(socket.AF_INET6 if ipv6 else socket.AF_INET, socket.SOCK_DGRAM)
        with speaker:
            try:
                for _ in range(10):
                    speaker.sendto(WORD, (address, 9))
            except OSError:
                refused.append(True)
            else:
                refused.append(False)
    return refused


@pytest.fixture
def cabled(host: Host) -> Host:
    """Let the gateway's address be known, so that what leaks leaves at once."""
    for gateway in ("192.0.2.2", "2001:db8::2"):
        host.run("ping", "-c1", "-W2", gateway)
    return host


@pytest.mark.parametrize("allowed", ["0.0.0.0/0, ::/0", "0.0.0.0/0", "::/0"])
def test_nothing_leaves_without_the_daemon(cabled: Host, allowed: str) -> None:
    file = str(cabled.write(ADDRESSES, PEERS + allowed))
    before = cabled.state()
    cabled.ours("up", "--kill-switch", file)
    with listening_on_the_cable(cabled) as count:
        speak(cabled)
        assert count() == 0
        cabled.kill_daemon()
        assert speak(cabled) == [True, True]
        assert count() == 0
        cabled.ours("down", file)
        assert cabled.state() == before
        assert speak(cabled) == [False, False]
        assert count() == 20


def test_without_the_switch_everything_would_leave(cabled: Host) -> None:
    file = str(cabled.write(ADDRESSES, PEERS + "0.0.0.0/0, ::/0"))
    cabled.ours("up", file)
    with listening_on_the_cable(cabled) as count:
        speak(cabled)
        assert count() == 0
        cabled.kill_daemon()
        assert speak(cabled) == [False, False]
        assert count() == 20


def test_neighbours_are_reached_all_the_same(cabled: Host) -> None:
    file = str(cabled.write(ADDRESSES, PEERS + "0.0.0.0/0, ::/0"))
    cabled.ours("up", "--kill-switch", file)
    cabled.kill_daemon()
    for gateway in ("192.0.2.2", "2001:db8::2"):
        cabled.run("ping", "-c1", "-W2", gateway)


def test_a_table_of_ones_own_has_a_last_resort_too(cabled: Host) -> None:
    file = str(cabled.write(ADDRESSES + "Table = 1234", PEERS + "0.0.0.0/0, ::/0"))
    before = cabled.state()
    cabled.ours("up", "--kill-switch", file)
    for family in ("-4", "-6"):
        cabled.ip(family, "rule", "add", "table", "1234")
    cabled.kill_daemon()
    with listening_on_the_cable(cabled) as count:
        assert speak(cabled) == [True, True]
        assert count() == 0
    for family in ("-4", "-6"):
        cabled.ip(family, "rule", "delete", "table", "1234")
    cabled.ours("down", file)
    assert cabled.state() == before


@pytest.mark.parametrize(
    ("interface", "allowed", "why"),
    [
        ("Table = off", "0.0.0.0/0", "--kill-switch needs routes, and Table is off"),
        ("", "10.9.0.0/16", "--kill-switch needs AllowedIPs with 0.0.0.0/0 or ::/0"),
        ("Table = main", "0.0.0.0/0", "--kill-switch needs a routing table of its own"),
    ],
)
def test_where_it_makes_no_sense_it_is_refused(
    host: Host, interface: str, allowed: str, why: str
) -> None:
    before = host.state()
    file = str(host.write(ADDRESSES + interface, PEERS + allowed))
    done = host.ours("up", "--kill-switch", file, check=False)
    assert done.returncode == 1
    assert why in done.stderr.splitlines()[-1] or why in done.stderr
    assert host.state() == before
