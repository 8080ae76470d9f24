"""What the real `wg-quick` does to a host, and what we do."""

import pytest

from tests.cli.quick.conftest import Host, until

pytestmark = [pytest.mark.root, pytest.mark.needs("wg-quick", "wg", "nft", "bash")]

SPLIT = "[Peer]\nPublicKey = %key\nEndpoint = 192.0.2.2:51820\nAllowedIPs = "
ADDRESSES = "Address = 10.0.0.1/24, fd77::1/64\n"

CASES = {
    "split": (ADDRESSES, SPLIT + "10.0.0.0/24, 10.8.0.0/16, fd77::/48, fd88::/64, 10.0.0.7/32"),
    "both": (ADDRESSES, SPLIT + "0.0.0.0/0, ::/0"),
    "both and more": (ADDRESSES, SPLIT + "0.0.0.0/0, 10.9.0.0/16, ::/0, fd99::/64, 10.0.0.9/32"),
    "IPv4 alone": ("Address = 10.0.0.1/32\nAddress=10.7.0.9/30", SPLIT + "0.0.0.0/0"),
    "IPv6 alone": (ADDRESSES, SPLIT + "::/0"),
    "halves": (ADDRESSES, SPLIT + "0.0.0.0/1, 128.0.0.0/1"),
    "off": (ADDRESSES + "Table = off", SPLIT + "0.0.0.0/0, 10.9.0.0/16"),
    "a table": (ADDRESSES + "table = 1234", SPLIT + "0.0.0.0/0, ::/0, 10.9.0.0/16, 10.0.0.0/24"),
    "main": (ADDRESSES + "Table = main", SPLIT + "10.9.0.0/16, fd99::/64"),
    "a mark": (ADDRESSES + "FwMark = 0x4d2", SPLIT + "0.0.0.0/0, ::/0"),
    "an MTU": (ADDRESSES + "MTU = 1300", SPLIT + "10.9.0.0/16"),
    "two peers": (ADDRESSES, SPLIT + "10.9.0.0/16\n" + SPLIT + "0.0.0.0/0,10.9.0.1, fd88::/64"),
    "no peer": (ADDRESSES, ""),
    "no address": ("", SPLIT + "10.9.0.0/16"),
    "single addresses": ("Address = 10.0.0.1,fd77::1", SPLIT + "10.0.0.1/32, fd77::1/128"),
}


@pytest.mark.parametrize("case", CASES)
def test_the_host_is_the_same_after_up_and_as_before_after_down(host: Host, case: str) -> None:
    file = str(host.write(*CASES[case]))
    before = host.state()

    host.real("up", file)
    theirs = host.state()
    host.real("down", file)
    until(lambda: not host.programs())
    assert host.state() == before

    host.ours("up", file)
    ours = host.state()
    ours["files"] = [name for name in ours["files"] if "/run/wiresnake/" not in name]
    theirs["files"] = [name for name in theirs["files"] if "/run/wiresnake/" not in name]
    assert ours == theirs
    host.ours("down", file)
    assert host.programs() == []
    assert host.state() == before
    assert host.setting() == (
        "1" if "0.0.0.0/0" in CASES[case][1] and "able" not in CASES[case][0] else "0"
    )


@pytest.mark.parametrize("verb", ["up", "down"])
@pytest.mark.parametrize("case", ["both", "split", "a table"])
def test_one_can_undo_what_the_other_did(host: Host, case: str, verb: str) -> None:
    file = str(host.write(*CASES[case]))
    before = host.state()
    (host.real if verb == "up" else host.linked)("up", file)
    (host.linked if verb == "up" else host.real)("down", file)
    until(lambda: not host.programs())
    after = host.state()
    assert {**after, "files": []} == {**before, "files": []}
