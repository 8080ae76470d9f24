"""What is carried to a phone means there what it means here."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiresnake.config import ini
from wiresnake.config.carry import NotCarried, carried

SECRET = "QGh0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0U="
PUBLIC = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="
HEAD = f"[Interface]\nPrivateKey = {SECRET}\n"


def test_comments_go_and_spaces_go() -> None:
    text = f"# mine\n\n{HEAD}\nAddress = 10.0.0.2/32 , fd00::2/128 # here\n"
    assert carried(text) == (
        f"[Interface]\nPrivateKey={SECRET}\nAddress=10.0.0.2/32,fd00::2/128\n", []
    )  # fmt: skip


def test_what_only_this_host_understands_is_left_and_named() -> None:
    text = f"{HEAD}Table = off\nPostUp = echo # x\nPOSTUP = again\nfwmark = 7\nSaveConfig = true\n"
    assert carried(text) == (
        f"[Interface]\nPrivateKey={SECRET}\n", ["Table", "PostUp", "FwMark", "SaveConfig"]
    )  # fmt: skip


@given(
    st.lists(
        st.sampled_from(
            [
                "AllowedIPs = 10.0.0.0/8, ::/0", "AllowedIPs =", f"PresharedKey = {SECRET}",
                "Endpoint = [2001:db8::1]:7", "PersistentKeepalive = off", "# comment", "",
                "  allowed IPs=192.0.2.1",
            ]
        ),
        max_size=6,
    ),
    st.integers(0, 3),
)  # fmt: skip
def test_the_peers_are_the_same(lines: list[str], peers: int) -> None:
    block = "\n".join(["[Peer]", *lines, f"PublicKey = {PUBLIC}", ""])
    text = HEAD + block * peers
    assert ini.parse(carried(text).text) == ini.parse(text)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "PrivateKey"),
        (f"[Peer]\nPublicKey = {PUBLIC}\n", "PrivateKey"),
        (f"{HEAD}nonsense\n", "line 3"),
        (f"{HEAD}PublicKey = {PUBLIC}\n", "line 3"),
        (f"stray = {SECRET}\n{HEAD}", "line 1"),
        (f"{HEAD}[Elsewhere]\nPrivateKey = {SECRET}\n", "line 4"),
        (f"[Interface]\nPrivateKey =\nAddress = {SECRET}", "line 2"),
    ],
)
def test_what_is_no_configuration_is_refused_by_line_and_unquoted(text: str, what: str) -> None:
    with pytest.raises(NotCarried, match=what) as refused:
        carried(text)
    assert SECRET not in str(refused.value)
