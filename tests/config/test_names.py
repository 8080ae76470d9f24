"""Names in comments: whose they are, and that any text is read."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiresnake.config.names import LONGEST, friendly_names
from wiresnake.values.keys import PublicKey

ONE, TWO = (base64.b64encode(bytes([n]) * 32).decode() for n in (1, 2))
KEYS = {PublicKey.from_base64(ONE): "one", PublicKey.from_base64(TWO): "two"}


def named(text: str) -> dict[str, str]:
    return {KEYS[key]: name for key, name in friendly_names(text).items()}


PEER_ONE = f"[Peer]\nPublicKey = {ONE}\nAllowedIPs = 10.0.0.1/32\n"
PEER_TWO = f"[Peer]\nPublicKey = {TWO}\nAllowedIPs = 10.0.0.2/32\n"
PLACES = {
    "below the header": f"[Peer]\n# Name = a\nPublicKey = {ONE}\n[Peer]\n#name=b\nPublicKey={TWO}",
    "last in the block": f"{PEER_ONE}# friendly_name = a\n\n{PEER_TWO}# friendly_name = b\n",
    "last in the block, no empty lines": f"{PEER_ONE}# Name = a\n{PEER_TWO}# Name = b",
    "above the header": f"# Name = a\n{PEER_ONE}\n# Name = b\n{PEER_TWO}",
    "above the header, no empty lines": "[Interface]\n# Name = a\n"
    f"{PEER_ONE}# Name = b\n{PEER_TWO}",
    "above, parted by empty lines": f"# Name = a\n\n{PEER_ONE}\n# Name = b\n\n{PEER_TWO}",
    "beside a key": f"[Peer]\nPublicKey = {ONE} # Name = a\n[PEER] # FRIENDLY_NAME = b\npublickey="
    f"{TWO}",
    "both ways": f"{PEER_ONE}# Name = a\n\n# Name = b\n{PEER_TWO}",
    "before other comments": f"## Name = a\n# likes cats\n{PEER_ONE}\n# Name = b\n#\n{PEER_TWO}",
    "the first one counts": f"# Name = a\n[Peer]\n# Name = c\nPublicKey={ONE}\n"
    f"# Name = b\n{PEER_TWO}",
    "parted from the interface": f"[Interface]\n\n# Name = a\n\n{PEER_ONE}\n# Name = b\n{PEER_TWO}",
    "an empty line inside": f"[Peer]\nPublicKey={ONE}\n\n# Name = a\nEndpoint=x\n\n"
    f"[Peer]\n# Name = b\n\nPublicKey={TWO}",
}  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
def test_a_name_belongs_to_the_block_it_is_written_at(place: str) -> None:
    assert named(PLACES[place]) == {"one": "a", "two": "b"}
    assert named(PLACES[place].replace("\n", "\r\n")) == {"one": "a", "two": "b"}


@pytest.mark.parametrize(
    "text",
    [
        f"[Interface]\n# Name = a\nListenPort = 1\n{PEER_ONE}",
        f"{PEER_ONE}\n# [Peer]\n# Name = a\n# PublicKey = {TWO}\n\n[Interface]\n",
        f"# [Peer]\n# Name = a\n# PublicKey = {TWO}\n{PEER_ONE}",
        f"{PEER_ONE}\n# Name = a\n[Interface]\nListenPort = 1\n",
        f"# Names = a\n{PEER_ONE}", f"# Name\n{PEER_ONE}", f"# Name =\t \n{PEER_ONE}",
        f"# my Name = a\n{PEER_ONE}", "[Peer]\n# Name = a\nPublicKey = abc", "# Name = a\n[Peer]",
        f"[Interface]\nListenPort = 1\n# Name = a\n\n{PEER_ONE}",
        f"[Interface]\nPublicKey = {ONE}\n# Name = a\n", f"Name = a\n{PEER_ONE}",
    ],
)  # fmt: skip
def test_what_names_no_peer_is_passed_over(text: str) -> None:
    assert named(text) == {}


def test_a_name_is_printable_and_not_too_long() -> None:
    assert named(f"# Name =  a\x1b[31m \u202e b\x00\tc ü 猫 \n{PEER_ONE}") == {
        "one": "a [31m b c ü 猫"
    }
    assert named(f"# Name = {'a' * 1000}\n{PEER_ONE}") == {"one": "a" * LONGEST}
    assert named(f"# Name = C# = fine\n{PEER_ONE}") == {"one": "C# = fine"}


@given(
    st.text()
    | st.lists(
        st.sampled_from([*PEER_ONE.split("\n"), "# Name = x", "#[Peer]", "[Interface]", "#"])
        | st.text(max_size=12)
    ).map("\n".join)
)
def test_any_text_is_read(text: str) -> None:
    for name in friendly_names(text).values():
        assert name
        assert name.isprintable()
        assert len(name) <= LONGEST
        assert name == name.strip()


@given(st.lists(st.sampled_from("ab "), max_size=3), st.booleans(), st.booleans())
def test_names_inside_blocks_are_all_found(names: list[str], blank: bool, last: bool) -> None:
    """A naive twin: every block writes its name itself, so each has its own."""
    text = ""
    wanted = {}
    for number, name in enumerate(names):
        key = base64.b64encode(bytes([number + 9]) * 32).decode()
        comment = f"# Name = {name}\n" if name.strip() else ""
        lines = [f"PublicKey = {key}\n", comment]
        text += "[Peer]\n" + "".join(lines if last else reversed(lines)) + "\n" * blank
        if comment:
            wanted[PublicKey.from_base64(key)] = name
    assert friendly_names(text) == wanted
