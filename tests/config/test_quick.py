"""The grammar of `wg-quick`'s file."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiresnake.config.quick import (
    InterfaceAddress,
    PeerEndpoints,
    QuickError,
    choosing,
    endpoints,
    lines_of,
    read,
    strip,
)
from wiresnake.values.addresses import InvalidAddress

_PIECES = st.lists(
    st.sampled_from(
        ["[Interface]", "[Peer]", " [peer] # x", "Address = 10.0.0.1/24", "PublicKey = a b",
         "Endpoint = a:1 # b", " endpoint=[::1]:2", "PostUp = x # y", "#", "", "Foo = bar = 1"]
    )
)  # fmt: skip
_TEXTS = _PIECES.map(lambda pieces: "\n".join([*pieces, ""]))


class TestReading:
    def test_everything_it_knows(self) -> None:
        config = read(
            "[Interface]\nADDRESS=10.0.0.1/24 , fd77::1\naddress = 10.0.0.2 # more\nMTU = 1300\n"
            "DNS = 1.1.1.1, example.org\ndns = fe80::1%eth0, b\nTable = 0x1f\nSaveConfig = true\n"
            "PreUp = a # b\nPreUp = c\nPostDown = d; %i\nListenPort = 5 # five\n[Peer]\nMTU = 3\n"
        )
        assert list(map(str, config.addresses)) == ["10.0.0.1/24", "fd77::1/128", "10.0.0.2/32"]
        assert (config.mtu, config.table, config.save) == (1300, "0x1f", True)
        assert (config.dns, config.search) == (["1.1.1.1", "fe80::1%eth0"], ["example.org", "b"])
        assert config.hooks == {"preup": ["a # b", "c"], "postdown": ["d; %i"]}
        assert config.stripped == "[Interface]\nListenPort = 5 # five\n[Peer]\nMTU = 3\n"

    def test_nothing(self) -> None:
        config = read("")
        assert (config.addresses, config.mtu, config.table) == ([], None, "auto")
        assert (config.hooks, config.save, config.stripped) == ({}, False, "")

    @pytest.mark.parametrize(
        ("line", "why"),
        [
            ("Address = 10.0.0.1/33", r"line 2: not an address and a prefix length: `10.0.0.1/33'"),
            ("Address = wg0", r"line 2: not an IP address: `wg0'"),
            ("MTU = 1a", r"line 2: MTU is not 68 to 65535: `1a'"),
            ("MTU = 67", "line 2: MTU is not"),
            ("MTU", "line 2: MTU is not"),
            ("Table =", "line 2: Table is empty"),
            ("SaveConfig = yes", "line 2: `yes' is neither true nor false"),
            ("DNS = 1.2.3.4.5", r"line 2: not an IP address: `1.2.3.4.5'"),
            ("DNS = -x", "line 2: not a domain to search: `-x'"),
        ],
    )
    def test_what_has_no_meaning_is_an_error(self, line: str, why: str) -> None:
        with pytest.raises(QuickError, match=why):
            read(f"[Interface]\n{line}\n")

    @given(_TEXTS)
    def test_what_is_stripped_is_what_is_passed_on(self, text: str) -> None:
        assert strip(text) == read(text).stripped
        assert strip(strip(text)) == strip(text)

    @given(st.text())
    def test_no_text_is_too_strange(self, text: str) -> None:
        assert "\n".join(line.raw for line in lines_of(text)) in text
        with contextlib.suppress(QuickError):
            read(text)

    @given(st.binary(min_size=4, max_size=4), st.integers(0, 32))
    def test_an_address_comes_back_as_it_was_written(self, packed: bytes, length: int) -> None:
        address = InterfaceAddress(packed, length)
        assert InterfaceAddress.parse(str(address)) == address

    @pytest.mark.parametrize("text", ["", "/", "10.0.0.1/", "10.0.0.1/-1", "10.0.0.1/ 1", "::/129"])
    def test_what_is_no_address(self, text: str) -> None:
        with pytest.raises(InvalidAddress):
            InterfaceAddress.parse(text)


class TestEndpoints:
    TEXT = (
        "[Peer]\nEndpoint = a:1\nPublic Key = x\nEndpoint= b:2 # why\n"
        "[ peer ]\nPublicKey = y\n[Interface]\nEndpoint = no:3\n[PEER]\nPublicKey=z\nendpoint=c:4\n"
    )

    def test_each_peer_has_its_own(self) -> None:
        assert endpoints(self.TEXT) == [
            PeerEndpoints("x", ["a:1", "b:2"]),
            PeerEndpoints("y", []),
            PeerEndpoints("z", ["c:4"]),
        ]

    def test_one_of_each_is_chosen(self) -> None:
        first = choosing(self.TEXT, [0, 0, 0])
        second = choosing(self.TEXT, [1, 0, 0])
        assert [peer.endpoints for peer in endpoints(first)] == [["a:1"], [], ["c:4"]]
        assert [peer.endpoints for peer in endpoints(second)] == [["b:2"], [], ["c:4"]]
        assert "Endpoint = no:3" in first

    @given(_TEXTS, st.data())
    def test_all_other_lines_stay(self, text: str, data: st.DataObject) -> None:
        listed = endpoints(text)
        chosen = [data.draw(st.integers(0, max(0, len(peer.endpoints) - 1))) for peer in listed]
        kept = choosing(text, chosen)
        wanted = [peer.endpoints[at : at + 1] for peer, at in zip(listed, chosen, strict=True)]
        assert [peer.endpoints for peer in endpoints(kept)] == wanted
        others = [raw for raw in text.split("\n") if "ndpoint" not in raw]
        assert [raw for raw in kept.split("\n") if "ndpoint" not in raw] == others
