"""Files brought up to date, and what of them stays."""

import os

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from wiresnake.config import ini
from wiresnake.config.quick import InterfaceAddress, read
from wiresnake.config.reply import Report, ReportedPeer
from wiresnake.config.rewrite import Current, rewrite
from wiresnake.values.addresses import Prefix
from wiresnake.values.keys import PresharedKey, PrivateKey, PublicKey

KEY = PrivateKey.generate(bytes(range(32)))
PEERS = [PublicKey(bytes([number]) * 32) for number in range(1, 5)]
SECRETS = [None, *(PresharedKey(bytes([number]) * 32) for number in (7, 8))]
PREFIXES = [Prefix.parse(text) for text in ("10.0.0.0/8", "10.0.0.1/32", "fd77::/64", "::/0")]
ADDRESSES = [InterfaceAddress.parse(text) for text in ("10.0.0.1/24", "10.0.0.2/32", "fd77::1/64")]

_PEERS = st.lists(
    st.builds(
        ReportedPeer,
        st.sampled_from(PEERS),
        preshared_key=st.sampled_from(SECRETS),
        endpoint=st.sampled_from(["192.0.2.1:5", "[2001:db8::1]:6"]),
        persistent_keepalive=st.sampled_from([0, 25]),
        allowed_ips=st.lists(st.sampled_from(PREFIXES), unique=True),
    ),
    unique_by=lambda peer: peer.public_key,
)
_CURRENT = st.builds(
    Current,
    st.builds(
        Report,
        private_key=st.just(KEY),
        listen_port=st.sampled_from([0, 51820]),
        fwmark=st.sampled_from([0, 51820]),
        peers=_PEERS,
    ),
    addresses=st.lists(st.sampled_from(ADDRESSES), unique=True),
    mtu=st.sampled_from([1300, 1420]),
)
_COMMENTS = st.sampled_from(["", "# a comment", "  # with = sign", "\t"])


def meaning(text: str) -> tuple[object, ...]:
    """Return what a file says, as values that can be compared."""
    config = read(text)
    change = ini.parse(config.stripped)
    peers = {
        str(peer.public_key): (
            peer.preshared_key, str(peer.endpoint), peer.persistent_keepalive or 0,
            {str(allowed.prefix) for allowed in peer.allowed_ips},
        )
        for peer in change.peers
    }  # fmt: skip
    return (
        set(config.addresses), change.private_key, change.listen_port or 0, change.fwmark or 0,
        peers,
    )  # fmt: skip


def wanted(current: Current) -> tuple[object, ...]:
    report = current.report
    peers = {
        str(peer.public_key): (
            peer.preshared_key, peer.endpoint, peer.persistent_keepalive,
            set(map(str, peer.allowed_ips)),
        )
        for peer in report.peers
    }  # fmt: skip
    return set(current.addresses), report.private_key, report.listen_port, report.fwmark, peers


def with_comments(text: str, comments: list[str]) -> str:
    lines = text.split("\n")
    for number, comment in enumerate(comments):
        lines.insert(number * 7 % len(lines), comment)
    return "\n".join(lines)


class TestAnyFile:
    @given(_CURRENT)
    def test_from_nothing_it_says_everything(self, current: Current) -> None:
        assert meaning(rewrite("", current)) == wanted(current)

    @given(_CURRENT, _CURRENT, st.lists(_COMMENTS, max_size=9))
    def test_whatever_it_said_it_says_what_is_so(
        self, before: Current, after: Current, comments: list[str]
    ) -> None:
        text = with_comments(rewrite("", before), comments)
        assert meaning(rewrite(text, after)) == wanted(after)

    @given(_CURRENT, st.lists(_COMMENTS, max_size=9), st.sampled_from(["\n", "\r\n"]))
    def test_what_is_so_already_is_left_alone(
        self, current: Current, comments: list[str], ending: str
    ) -> None:
        text = with_comments(rewrite("", current), comments)
        text = text.rstrip(" \t").replace("\n", ending)
        assert rewrite(text, current) == text

    @given(_CURRENT, _CURRENT)
    def test_unknown_keys_and_comments_stay(self, before: Current, after: Current) -> None:
        gone = {peer.public_key for peer in before.report.peers} - {
            peer.public_key for peer in after.report.peers
        }
        assume(not gone)
        marks = []
        lines = []
        for number, line in enumerate(rewrite("", before).split("\n")):
            if "=" in line and number % 2:
                lines.append(line)
            else:
                marks.append(f"{number}")
                lines += [line, f"# mark {number}.", f"Colour{number} = {number} # {number}"]
        text = rewrite("\n".join(lines), after)
        for mark in marks:
            assert f"# mark {mark}.\n" in text
            assert f"Colour{mark} = {mark} # {mark}\n" in text + "\n"

    @given(_CURRENT, st.text())
    def test_no_text_is_too_strange(self, current: Current, text: str) -> None:
        rewrite(text, current)


class TestExamples:
    REPORT = Report(private_key=KEY, peers=[ReportedPeer(PEERS[0], endpoint="192.0.2.9:9")])
    NOW = Current(REPORT, [], 1420)

    def text(self, *lines: str) -> str:
        head = f"[Interface]\nPrivateKey = {KEY.to_base64()}\n[Peer]\nPublicKey = {PEERS[0]}\n"
        return head + "".join(f"{line}\n" for line in lines)

    @pytest.mark.parametrize(
        "endpoints",
        [
            ["Endpoint = vpn.example.org:51820 # by name"],
            ["Endpoint = 192.0.2.1:1", "Endpoint = 192.0.2.2:1"],
            ["Endpoint = a.example:1", "Endpoint = 192.0.2.2:1"],
        ],
    )
    def test_names_and_lists_of_endpoints_stay(self, endpoints: list[str]) -> None:
        text = self.text(*endpoints)
        assert rewrite(text, self.NOW) == text

    def test_an_address_that_the_peer_has_left_is_replaced(self) -> None:
        text = self.text("Endpoint = 192.0.2.1:1 # there")
        assert rewrite(text, self.NOW) == self.text("Endpoint = 192.0.2.9:9 # there")

    def test_an_endpoint_that_is_not_known_any_more_stays(self) -> None:
        text = self.text("Endpoint = 192.0.2.1:1")
        now = Current(Report(private_key=KEY, peers=[ReportedPeer(PEERS[0])]), [], 1420)
        assert rewrite(text, now) == text

    def test_a_comment_above_a_peer_goes_with_it(self) -> None:
        text = self.text("# of the first", "", "# Ann", "[Peer]", f"PublicKey = {PEERS[1]}", "",
                         "# Bob", "[Peer]", f"PublicKey = {PEERS[2]}")  # fmt: skip
        peers = [ReportedPeer(key) for key in (PEERS[0], PEERS[2])]
        now = Current(Report(private_key=KEY, peers=peers), [], 1420)
        assert rewrite(text, now) == self.text("# of the first", "", "# Bob", "[Peer]",
                                               f"PublicKey = {PEERS[2]}")  # fmt: skip

    def test_a_mark_of_its_own_is_not_written(self) -> None:
        report = Report(private_key=KEY, fwmark=51820)
        assert "FwMark" not in rewrite("", Current(report, [], 1420, own_mark=51820))
        assert "FwMark = 0xca6c" in rewrite("", Current(report, [], 1420))

    def test_an_mtu_is_changed_only_where_it_was_asked_for(self) -> None:
        assert "MTU" not in rewrite("[Interface]\n", self.NOW)
        assert "MTU=1420 # small" in rewrite("[Interface]\nMTU=1300 # small\n", self.NOW)

    def test_a_key_that_is_not_clamped_is_the_same(self) -> None:
        raw = bytearray(os.urandom(32))
        raw[0] |= 7
        report = Report(private_key=PrivateKey(bytes(raw)).clamped())
        text = f"[Interface]\nPrivateKey = {PrivateKey(bytes(raw)).to_base64()}\n"
        assert rewrite(text, Current(report, [], 1420)) == text
