"""The configuration file beside the real `wg`: what it sends to a daemon is what we read."""

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from tests.fake_daemon import FakeDaemon, serving_where_wg_looks
from wiresnake.config import ini
from wiresnake.config.ini import IniError, Unresolved
from wiresnake.config.merge import Merge
from wiresnake.config.model import Change, InterfaceConfig, PeerChange, PeerConfig
from wiresnake.config.uapi import PeerStatus, SetReader, interface_text, peer_text
from wiresnake.values.addresses import Endpoint, Prefix
from wiresnake.values.keys import PresharedKey, PrivateKey, PublicKey

SECRET = "QGh0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0U="
PUBLIC = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="
PEER = f"[Peer]\nPublicKey = {PUBLIC}\n"

FILES = {
    "nothing": "",
    "an interface": f"[Interface]\nPrivateKey = {SECRET}\nListenPort = 51820\nFwMark = 0xca6c\n",
    "decimal mark": "[Interface]\nFwMark = 51820",
    "leading zeros": "[Interface]\nFwMark = 00052\nListenPort=0077",
    "no mark": "[Interface]\nFwMark = oFF",
    "comments and blanks": "# one\n  [ iNTER face ] # two\nLISTEN port\t=\v5 1 8 2 0#3\r\n\n"
    f"{PEER}",
    "a full peer": f"{PEER}PresharedKey = {SECRET}\nEndpoint = 192.0.2.1:51820\n"
    "PersistentKeepalive = 25\nAllowedIPs = 10.0.0.0/24, 2001:db8::/32,192.0.2.7 ,::1\n",
    "allowed IPs on several lines": f"{PEER}AllowedIPs=10.0.0.0/8\nAllowedIPs=::/0",
    "a key that comes last": f"[Peer]\nAllowedIPs = ::/0\nPublicKey = {PUBLIC}",
    "host bits": f"{PEER}AllowedIPs = 10.1.2.3/8, 2001:db8::1/32",
    "no keepalive": f"{PEER}PersistentKeepalive = off",
    "IPv6 endpoint": f"{PEER}Endpoint = [2001:db8::1]:7",
    "IPv6 endpoint without brackets": f"{PEER}Endpoint = 2001:db8::1:7",
    "IPv4 endpoint in brackets": f"{PEER}Endpoint = [192.0.2.1]:7",
    "link-local endpoint": f"{PEER}Endpoint = [fe80::1%lo]:7",
    "two peers, an interface between": f"{PEER}[Interface]\nListenPort=1\n{PEER}AllowedIPs=::/0",
}  # fmt: skip


@pytest.fixture(scope="module")
def daemon() -> Iterator[FakeDaemon]:
    with serving_where_wg_looks() as daemon:
        yield daemon


def wg(daemon: FakeDaemon, command: str, path: Path, text: str) -> subprocess.CompletedProcess[str]:
    path.write_text(text)
    daemon.asked.clear()
    return subprocess.run(
        ["wg", command, daemon.name, str(path)], capture_output=True, text=True, check=False
    )


def sent(daemon: FakeDaemon) -> Change:
    operation, *lines = daemon.asked[-1].splitlines()
    assert operation == b"set=1"
    reader = SetReader()
    for line in lines:
        reader.feed(line)
    return reader.finish()


@pytest.mark.root
@pytest.mark.needs("wg")
@pytest.mark.parametrize("name", FILES)
def test_a_file_means_what_wg_sends(name: str, daemon: FakeDaemon, tmp_path: Path) -> None:
    ours = ini.parse(FILES[name])
    wg(daemon, "addconf", tmp_path / "f", FILES[name])
    assert ours == sent(daemon)
    wg(daemon, "setconf", tmp_path / "f", FILES[name])
    assert ini.replacing(ours) == sent(daemon)


@pytest.mark.root
@pytest.mark.needs("wg")
def test_warnings_are_those_of_wg(daemon: FakeDaemon, tmp_path: Path) -> None:
    warned: list[str] = []
    ini.parse(FILES["host bits"], warn=warned.append)
    theirs = wg(daemon, "addconf", tmp_path / "f", FILES["host bits"]).stderr
    assert warned == theirs.splitlines()
    assert len(warned) == 2


INTERFACE_ERRORS = ["foo", "foo=1", "ListenPort", "ListenPort=", "ListenPort=x", "ListenPort=-1",
    "ListenPort=0x10", "FwMark=x", "FwMark=0X10", "FwMark=0x", "FwMark=", "FwMark=+1",
    "FwMark=4294967296", "FwMark=0x100000000", "PrivateKey=", "PublicKey=abc", "[Peer]x",
    "[Peer", "[Peer]"]  # fmt: skip
PEER_ERRORS = ["foo=", "ListenPort=1", "PublicKey=abc", "PublicKey", "PresharedKey=", "Endpoint=",
    "Endpoint=[::1", "Endpoint=[::1]", "Endpoint=[::1]:", "Endpoint=[::1]7", "Endpoint=1.2.3.4",
    "Endpoint=1.2.3.4:", "Endpoint=:5", "Endpoint=[]:5", "PersistentKeepalive=x",
    "PersistentKeepalive=65536", "PersistentKeepalive=", "PersistentKeepalive=-1", "AllowedIPs=x",
    "AllowedIPs=10.0.0.1/33", "AllowedIPs=10.0.0.0/", "AllowedIPs=10.0.0.0/24,",
    "AllowedIPs=,10.0.0.0/24", "AllowedIPs=10.0.0.0/24/3", "AllowedIPs=10.0.0.0/24x",
    "AllowedIPs=/24", "AllowedIPs=10.0.0.0/-1", "AllowedIPs=::/129",
    "Endpoint=name.invalid:1"]  # fmt: skip
ERRORS = [
    *(f"[Interface]\n{line}" for line in INTERFACE_ERRORS),
    *(f"{PEER}{line}" for line in PEER_ERRORS),
    "ListenPort=1", "PublicKey=x", f"{PEER}[Peer]\n[Interface]\nListenPort=1",
]  # fmt: skip


@pytest.mark.root
@pytest.mark.needs("wg")
@pytest.mark.parametrize("text", ERRORS, ids=range(len(ERRORS)))
def test_errors_are_those_of_wg(
    text: str, daemon: FakeDaemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WG_ENDPOINT_RESOLUTION_RETRIES", "0")
    theirs = wg(daemon, "addconf", tmp_path / "f", text)
    assert (theirs.returncode, daemon.asked) == (1, [])
    with pytest.raises(IniError) as bad:
        ini.parse(text)
    ours = list(bad.value.lines)
    if "name.invalid" in text:  # what the resolver says depends on the machine
        assert ours[-2:] == ["Name or service not known: `name.invalid:1'", ours[-1]]
    else:
        assert ours == theirs.stderr.splitlines()


@pytest.mark.parametrize(
    "text",
    [
        f"[Interface]\nPrivateKey={SECRET}x", f"[Interface]\nPrivateKey={SECRET[:-1]}",
        f"[Interface]\nPrivateKey {SECRET}", f"[Interface]\nPrivatKey={SECRET}", SECRET,
        f"[Interface]\n{SECRET}", f"[Interface]\nFwMark={SECRET}", f"{PEER}PresharedKey={SECRET}=",
        f"[Interface]\nListenPort={SECRET}",
        f"{PEER}PrivateKey={SECRET}", f"{PEER}PublicKey={SECRET[:-1]}",
        f"{PEER}AllowedIPs={SECRET}", f"{PEER}Endpoint={SECRET}", f"{PEER}Endpoint={SECRET}:1",
        f"{PEER}PersistentKeepalive={SECRET}",
        f"{PEER}AllowedIPs=10.0.0.0/{SECRET}", f"PrivateKey=x{SECRET[:10]}", f"[{SECRET}]",
        f"{PEER}Endpoint=[{SECRET}", f"{PEER}Endpoint=[{SECRET}]",
    ],
)  # fmt: skip
def test_no_error_shows_a_secret(text: str) -> None:
    with pytest.raises(IniError) as bad:
        ini.parse(text)
    assert not any(SECRET[start : start + 8] in repr(bad.value) for start in range(36))


def test_a_private_key_is_clamped() -> None:
    key = ini.parse(f"[Interface]\nPrivateKey = {'/' * 42}8=").private_key
    assert key is not None
    assert key.reveal() == b"\xf8" + b"\xff" * 30 + b"\x7f"


def test_names_are_for_the_resolver() -> None:
    asked = []

    def resolve(host: str, service: str) -> Endpoint:
        asked.append((host, service))
        if host == "gone":
            raise Unresolved("Gone fishing")
        return Endpoint(b"\x0a\x00\x00\x01", 7)

    text = f"[Interface]\nListenPort = ssh\n{PEER}Endpoint = vpn.example:wireguard\n"
    change = ini.parse(text, resolve=resolve)
    assert asked == [("", "ssh"), ("vpn.example", "wireguard")]
    assert (change.listen_port, str(change.peers[0].endpoint)) == (7, "10.0.0.1:7")
    with pytest.raises(IniError) as bad:
        ini.parse(f"{PEER}Endpoint = gone:1", resolve=resolve)
    assert bad.value.lines == ("Gone fishing: `gone:1'", "Configuration parsing error")


def test_a_port_out_of_range_is_not_cut_to_size() -> None:
    for text in ("[Interface]\nListenPort=65536", f"{PEER}Endpoint=192.0.2.1:65536"):
        with pytest.raises(IniError):
            ini.parse(text)


def test_allowed_ips_can_be_added_taken_away_and_cleared() -> None:
    peer = ini.parse(f"{PEER}AllowedIPs = +10.0.0.0/8, -::/0").peers[0]
    assert [(str(each.prefix), each.remove) for each in peer.allowed_ips] == [
        ("10.0.0.0/8", False), ("::/0", True),
    ]  # fmt: skip
    assert not peer.replace_allowed_ips
    cleared = ini.parse(f"{PEER}AllowedIPs =").peers[0]
    assert cleared == PeerChange(PublicKey.from_base64(PUBLIC), replace_allowed_ips=True)


@given(
    st.text(max_size=60)
    | st.lists(
        st.sampled_from(
            [*FILES["a full peer"].split("\n"), *FILES["an interface"].split("\n"), "=", "#"]
        )
        | st.text("[]=:/,.%#0123456789 \tabcXYZ", max_size=20),
        max_size=8,
    ).map("\n".join)
)
@example("[Peer]\nEndpoint=[fe80::1%\0]:1")
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        assert isinstance(ini.parse(text), Change)
    except IniError as bad:
        assert bad.lines[-1] in {"Configuration parsing error", "Invalid configuration"}  # noqa: PT017


RAW = st.binary(min_size=32, max_size=32).filter(any)
ADDRESS = st.binary(min_size=4, max_size=4) | st.binary(min_size=16, max_size=16)
CONFIGS = st.builds(
    lambda private, port, fwmark, peers: InterfaceConfig(
        private, port, fwmark, {peer.public_key: peer for peer in peers}
    ),
    st.none() | RAW.map(PrivateKey.generate),
    st.integers(0, 65535),
    st.integers(0, 0xFFFFFFFF),
    st.lists(
        st.builds(
            PeerConfig,
            RAW.map(PublicKey),
            st.none() | RAW.map(PresharedKey),
            st.none() | st.builds(Endpoint, ADDRESS, st.integers(1, 65535)),
            st.integers(0, 65535),
            st.lists(st.builds(Prefix.of, ADDRESS, st.integers(0, 32)), max_size=3).map(
                dict.fromkeys
            ),
        ),
        max_size=3,
        unique_by=lambda peer: peer.public_key,
    ),
)


@given(CONFIGS)
def test_a_configuration_survives_its_own_text(config: InterfaceConfig) -> None:
    owners = {each: key for key, peer in config.peers.items() for each in peer.allowed_ips}
    assume(len(owners) == sum(len(peer.allowed_ips) for peer in config.peers.values()))
    change = ini.replacing(ini.parse(ini.format_config(config)))
    merge = Merge(InterfaceConfig(listen_port=1, fwmark=1))
    merge.device(change)
    merge.peers(change.peers)
    assert merge.config == replace(config, owners=owners)


@pytest.mark.root
@pytest.mark.needs("wg")
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(CONFIGS)
def test_showconf_is_that_of_wg(daemon: FakeDaemon, config: InterfaceConfig) -> None:
    status = [PeerStatus(peer.endpoint, None, 0, 0) for peer in config.peers.values()]
    text = interface_text(config, config.listen_port) + "".join(
        map(peer_text, config.peers.values(), status)
    )
    daemon.reply = f"{text}errno=0\n\n".encode()
    theirs = subprocess.run(
        ["wg", "showconf", daemon.name], capture_output=True, text=True, check=True
    )
    assert ini.format_config(config) == theirs.stdout
