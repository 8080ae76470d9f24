"""A server and its clients match, as the real `wg-quick` and our own reader see them."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiresnake.config import enrol, ini
from wiresnake.config.enrol import EVERYTHING, Client, NotAServer, Terms, read_server
from wiresnake.config.outline import entries
from wiresnake.values.addresses import Prefix
from wiresnake.values.keys import PresharedKey, PrivateKey

KEY = PrivateKey.generate(os.urandom(32))
NETWORKS = (Prefix.parse("10.7.0.0/24"), Prefix.parse("fd07::/64"))
TERMS = Terms("vpn.example.org:51820", NETWORKS, ("10.7.0.1", "home.arpa"))
SERVER = enrol.server_text(KEY, NETWORKS, 51820, TERMS, gateway=False)
BY_HAND = f"""\
# my server, do not touch
[Interface]
address = 10.9.0.5/24 , fd09::5/64 # ours
Address = 10.10.0.5/24
PRIVATEKEY = {KEY.to_base64()}
PostUp = echo # kept

[Peer] # the other site
PublicKey = {PrivateKey.generate(os.urandom(32)).public}
AllowedIPs = 10.9.0.1/32, +10.9.0.2/31, 0.0.0.0/0"""


def stripped(text: str) -> str:
    """Return what `wg` understands of a text."""
    ours = {"address", "dns", "postup", "postdown"}
    kept = text.split("\n")
    for entry in entries(text):
        if entry.key in ours:
            kept[entry.line - 1] = ""
    return "\n".join(kept)


def enrolled(text: str, *, preshared: bool = False) -> tuple[str, str, Client]:
    server = read_server(text)
    client = Client(
        "laptop",
        PrivateKey.generate(os.urandom(32)),
        server.addresses(),
        PresharedKey(os.urandom(32)) if preshared else None,
    )
    given = enrol.client_text(client, server.public_key, server.terms("192.0.2.1:7", None, ()))
    return enrol.with_client(text, client), given, client


@pytest.mark.parametrize("preshared", [False, True])
@pytest.mark.parametrize("text", [SERVER, BY_HAND, f"{BY_HAND}\n", f"{BY_HAND}\n\n"])
def test_each_is_the_others_peer(text: str, preshared: bool) -> None:
    with_client, client_file, client = enrolled(text, preshared=preshared)
    server, own = ini.parse(stripped(with_client)), ini.parse(stripped(client_file))
    seen, known = server.peers[-1], own.peers[0]
    assert server.private_key is not None
    assert own.private_key is not None
    assert known.public_key == server.private_key.public
    assert seen.public_key == own.private_key.public
    assert seen.preshared_key == known.preshared_key
    assert (seen.preshared_key is None) == (not preshared)
    assert [each.prefix.network for each in seen.allowed_ips] == list(client.addresses)
    assert str(known.endpoint) == "192.0.2.1:7"
    assert known.persistent_keepalive == 25


@given(st.integers(1, 20))
def test_nobody_gets_what_is_anothers(clients: int) -> None:
    text = BY_HAND
    for _ in range(clients):
        text, _, _ = enrolled(text)
    allotted = [
        each.prefix for peer in ini.parse(stripped(text)).peers[1:] for each in peer.allowed_ips
    ]
    assert len({*allotted}) == 2 * clients
    assert all(
        int(str(each).split(".")[3].split("/")[0]) not in {0, 1, 2, 3, 5}
        for each in allotted
        if not each.is_ipv6
    )


@pytest.mark.parametrize("end", ["", "\n", "\n\n"])
def test_what_was_in_the_file_stays_to_the_letter(end: str) -> None:
    text = BY_HAND + end
    after, _, _ = enrolled(text)
    assert after.startswith(text)
    assert after[len(text) :].lstrip("\n").startswith("[Peer]\n# friendly_name = laptop\n")
    assert "\n\n[Peer]\n# friendly_name" in after
    assert "\n\n\n" not in after


def test_the_next_client_is_told_what_the_first_was() -> None:
    terms = read_server(SERVER).terms(None, None, ())
    assert terms == TERMS
    assert read_server(SERVER).terms("x:1", EVERYTHING, ("::1",)) == Terms(
        "x:1", EVERYTHING, ("::1",)
    )
    assert read_server(BY_HAND).terms("x:1", None, ()).allowed_ips == (
        Prefix.parse("10.9.0.0/24"), Prefix.parse("fd09::/64"),
    )  # fmt: skip
    with pytest.raises(NotAServer, match="where clients reach"):
        read_server(BY_HAND).terms(None, None, ())


def test_a_server_says_what_it_was_made_for() -> None:
    server = read_server(SERVER)
    assert server.networks == NETWORKS
    assert server.public_key == KEY.public
    assert server.taken == (Prefix.parse("10.7.0.1"), Prefix.parse("fd07::1"))
    assert server.addresses() == (bytes([10, 7, 0, 2]), Prefix.parse("fd07::2").network)
    assert read_server(enrolled(SERVER)[0]).names == {"laptop"}


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "no PrivateKey"),
        (f"[Interface]\nPrivateKey = {KEY.to_base64()}\n", "no Address"),
        (f"[Interface]\nPrivateKey = {KEY.to_base64()[:-2]}\n", "line 2"),
        (f"[Interface]\nAddress = 10.0.0.1/33\nPrivateKey = {KEY.to_base64()}\n", "line 2"),
        (f"{BY_HAND}, nonsense", "line 10"),
    ],
    ids=["empty", "no address", "a short key", "a long prefix", "nonsense"],
)
def test_what_is_no_server_is_refused(text: str, what: str) -> None:
    with pytest.raises(NotAServer, match=what) as refused:
        read_server(text)
    assert KEY.to_base64()[:-2] not in str(refused.value)


def test_a_bad_comment_for_clients_is_told_apart() -> None:
    text = SERVER.replace("Clients: AllowedIPs = ", "Clients: AllowedIPs = x")
    with pytest.raises(NotAServer, match="comment for clients"):
        read_server(text).terms(None, None, ())
