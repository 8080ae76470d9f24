"""UAPI requests: what is read, what is refused with which errno, and what a reply looks like."""

from collections.abc import Iterable
from errno import EINVAL, EPROTO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiresnake.config.merge import Merge
from wiresnake.config.model import AllowedIpChange, Change, InterfaceConfig, PeerChange
from wiresnake.config.uapi import (
    MAX_LINE,
    PeerStatus,
    SetReader,
    UapiError,
    interface_text,
    peer_text,
)
from wiresnake.values.addresses import Endpoint, Prefix
from wiresnake.values.keys import PresharedKey, PrivateKey, PublicKey

KEY = "11" * 32
PEER = f"public_key={KEY}"
ZERO = "0" * 64
SILENT = PeerStatus(None, None, 0, 0)


def read(*lines: str) -> Change:
    reader = SetReader()
    for line in lines:
        reader.feed(line.encode())
    return reader.finish()


def errno_of(*lines: str) -> int:
    with pytest.raises(UapiError) as refused:
        read(*lines)
    return refused.value.errno


def test_an_empty_request_changes_nothing() -> None:
    assert read() == Change()


def test_every_key_is_read_into_its_place() -> None:
    private = PrivateKey.generate(b"\x77" * 32)
    change = read(
        f"private_key={private.reveal().hex()}",
        "listen_port=51820",
        "fwmark=4294967295",
        "replace_peers=true",
        PEER,
        "update_only=true",
        f"preshared_key={'22' * 32}",
        "endpoint=[fe80::1%lo]:51820",
        "persistent_keepalive_interval=65535",
        "replace_allowed_ips=true",
        "allowed_ip=10.0.0.77/24",
        "allowed_ip=-2001:db8::/32",
        "protocol_version=1",
        f"public_key={KEY.replace('1', 'A')}",
        "remove=true",
    )
    assert change == Change(
        private_key=private,
        listen_port=51820,
        fwmark=0xFFFFFFFF,
        replace_peers=True,
        peers=[
            PeerChange(
                PublicKey(b"\x11" * 32),
                update_only=True,
                preshared_key=PresharedKey(b"\x22" * 32),
                endpoint=Endpoint(bytes.fromhex("fe80" + "00" * 13 + "01"), 51820, 1),
                persistent_keepalive=65535,
                replace_allowed_ips=True,
                allowed_ips=[
                    AllowedIpChange(Prefix.parse("10.0.0.0/24")),
                    AllowedIpChange(Prefix.parse("2001:db8::/32"), remove=True),
                ],
            ),
            PeerChange(PublicKey(b"\xaa" * 32), remove=True),
        ],
    )


def test_a_private_key_is_clamped_and_zeros_stay_zeros() -> None:
    key = read(f"private_key={'ff' * 32}").private_key
    assert key is not None
    assert key.reveal() == b"\xf8" + b"\xff" * 30 + b"\x7f"
    none = read(f"private_key={ZERO}").private_key
    assert none is not None
    assert none.is_zero


@pytest.mark.parametrize("line", ["", "private_key", "listen_port", "what is this", KEY])
def test_a_line_without_an_equals_sign_is_a_protocol_error(line: str) -> None:
    assert errno_of(line) == -EPROTO
    assert errno_of(PEER, line) == -EPROTO


def test_a_line_is_bounded() -> None:
    exact = "listen_port=" + "1".rjust(MAX_LINE - 12, "0")
    assert read(exact).listen_port == 1
    assert errno_of(exact.replace("=", "=0")) == -EPROTO


DEVICE_LINES = [
    f"private_key={KEY}", "listen_port=1", "fwmark=1", "replace_peers=true",
]  # fmt: skip
PEER_LINES = [
    "remove=true", "update_only=true", f"preshared_key={KEY}", "endpoint=1.2.3.4:5",
    "persistent_keepalive_interval=1", "replace_allowed_ips=true", "allowed_ip=::/0",
    "protocol_version=1",
]  # fmt: skip


@pytest.mark.parametrize("line", DEVICE_LINES)
def test_keys_of_the_device_come_before_the_peers(line: str) -> None:
    read(line)
    assert errno_of(PEER, line) == -EINVAL


@pytest.mark.parametrize("line", PEER_LINES)
def test_keys_of_a_peer_come_after_its_public_key(line: str) -> None:
    read(PEER, line)
    assert errno_of(line) == -EINVAL


@pytest.mark.parametrize("line", ["=", "=1", "errno=0", "Listen_port=1", " fwmark=1", "get=1"])
def test_unknown_keys_are_invalid(line: str) -> None:
    assert errno_of(line) == -EINVAL
    assert errno_of(PEER, line) == -EINVAL


@pytest.mark.parametrize("line", [PEER, *DEVICE_LINES, *PEER_LINES])
def test_a_value_may_not_be_empty(line: str) -> None:
    empty = line.partition("=")[0] + "="
    assert errno_of(empty) == -EINVAL
    assert errno_of(PEER, empty) == -EINVAL


@pytest.mark.parametrize(
    "line",
    [
        f"private_key={KEY[:-1]}", f"private_key={KEY}0", f"private_key={KEY[:-1]}g",
        "listen_port=65536", "listen_port=-1", "listen_port=+1", "listen_port=1 ",
        "listen_port=0x10", "listen_port=1_0", "listen_port=٣", "fwmark=4294967296", "fwmark=0x1",
        "fwmark=off", "replace_peers=false", "replace_peers=1", "public_key=", "public_key=11",
    ],
)  # fmt: skip
def test_bad_values_of_the_device_are_invalid(line: str) -> None:
    assert errno_of(line) == -EINVAL


@pytest.mark.parametrize(
    "line",
    [
        "remove=false", "update_only=True", f"preshared_key={KEY[1:]}", "endpoint=1.2.3.4",
        "endpoint=host:1", "endpoint=::1:1", "endpoint=[::1]:65536", "endpoint=[fe80::1%nix]:1",
        "endpoint=[fe80::1%\0]:1", "persistent_keepalive_interval=65536",
        "persistent_keepalive_interval=off", "replace_allowed_ips=0", "allowed_ip=10.0.0.1",
        "allowed_ip=10.0.0.1/33", "allowed_ip=--10.0.0.1/32", "allowed_ip=+10.0.0.1/32",
        "allowed_ip=::/129", "allowed_ip=-", "protocol_version=2", "protocol_version=01",
    ],
)  # fmt: skip
def test_bad_values_of_a_peer_are_invalid(line: str) -> None:
    assert errno_of(PEER, line) == -EINVAL
    assert errno_of(PEER, "remove=true", line) == -EINVAL


def test_the_same_peer_may_appear_twice() -> None:
    change = read(PEER, "remove=true", PEER, "allowed_ip=0.0.0.0/0")
    assert [block.remove for block in change.peers] == [True, False]


@pytest.mark.parametrize("line", [KEY, f"{KEY}=", f"private_key={KEY}zz", f"fwmark={KEY}x"])
def test_an_error_says_where_and_shows_no_secret(line: str) -> None:
    with pytest.raises(UapiError) as refused:
        read("listen_port=1", line)
    assert "line 2" in str(refused.value)
    assert "1111" not in repr(refused.value)
    assert refused.value.__cause__ is None


KEYS = [line.partition("=")[0].encode() for line in (PEER, *DEVICE_LINES, *PEER_LINES)]


@given(
    st.lists(
        st.binary(max_size=80)
        | st.builds(
            lambda key, value: key + b"=" + value,
            st.sampled_from(KEYS),
            st.binary(max_size=80)
            | st.text("0123456789abcdef.:/[]%-", max_size=70).map(str.encode),
        ),
        max_size=6,
    )
)
def test_any_bytes_are_read_or_refused(lines: list[bytes]) -> None:
    assert outcome(lines) in {0, -EINVAL, -EPROTO}


def outcome(lines: list[bytes]) -> int:
    reader = SetReader()
    try:
        for line in lines:
            reader.feed(line)
        reader.finish()
    except UapiError as refused:
        return refused.errno
    return 0


def test_a_reply_names_everything_that_is_known() -> None:
    private = PrivateKey.generate(b"\x77" * 32)
    change = read(
        f"private_key={private.reveal().hex()}",
        "fwmark=51820",
        PEER,
        f"preshared_key={KEY}",
        "persistent_keepalive_interval=25",
        "allowed_ip=10.0.0.0/24",
        "allowed_ip=::/0",
    )
    config = merged(change)
    status = PeerStatus(Endpoint.parse("192.0.2.1:7"), 1_700_000_000_123_456_789, 148, 1 << 40)
    assert interface_text(config, 51820) == (
        f"private_key={private.reveal().hex()}\nlisten_port=51820\nfwmark=51820\n"
    )
    assert peer_text(config.peers[PublicKey.from_hex(KEY)], status) == (
        f"public_key={KEY}\npreshared_key={KEY}\nprotocol_version=1\nendpoint=192.0.2.1:7\n"
        "last_handshake_time_sec=1700000000\nlast_handshake_time_nsec=123456789\n"
        "tx_bytes=148\nrx_bytes=1099511627776\npersistent_keepalive_interval=25\n"
        "allowed_ip=10.0.0.0/24\nallowed_ip=::/0\n"
    )


def test_a_reply_leaves_out_what_is_not_set() -> None:
    config = merged(read(PEER))
    assert interface_text(config, 0) == ""
    assert peer_text(config.peers[PublicKey.from_hex(KEY)], SILENT) == (
        f"public_key={KEY}\npreshared_key={ZERO}\nprotocol_version=1\n"
        "last_handshake_time_sec=0\nlast_handshake_time_nsec=0\n"
        "tx_bytes=0\nrx_bytes=0\npersistent_keepalive_interval=0\n"
    )


def merged(change: Change) -> InterfaceConfig:
    merge = Merge(InterfaceConfig())
    merge.device(change)
    merge.peers(change.peers)
    return merge.config


def as_request(config: InterfaceConfig) -> Iterable[str]:
    """Turn the reply to a get into the request that makes the same configuration."""
    yield from interface_text(config, config.listen_port).splitlines()
    for peer in config.peers.values():
        for line in peer_text(peer, PeerStatus(peer.endpoint, None, 0, 0)).splitlines():
            if not line.startswith(("last_handshake", "tx_bytes", "rx_bytes")):
                yield line


SECRET = st.binary(min_size=32, max_size=32)
ADDRESS = st.binary(min_size=4, max_size=4) | st.binary(min_size=16, max_size=16)
PREFIX = st.builds(
    lambda address, length: Prefix.of(address, min(length, len(address) * 8)),
    ADDRESS,
    st.integers(0, 128),
)
PEERS = st.builds(
    PeerChange,
    st.binary(min_size=32, max_size=32).map(PublicKey),
    preshared_key=st.none() | SECRET.map(PresharedKey),
    endpoint=st.none() | st.builds(Endpoint, ADDRESS, st.integers(0, 65535)),
    persistent_keepalive=st.none() | st.integers(0, 65535),
    allowed_ips=st.lists(st.builds(AllowedIpChange, PREFIX), max_size=5),
)


@given(
    st.builds(
        Change,
        private_key=st.none() | SECRET.map(PrivateKey.generate),
        listen_port=st.integers(0, 65535),
        fwmark=st.integers(0, 0xFFFFFFFF),
        peers=st.lists(PEERS, max_size=4),
    )
)
def test_a_configuration_survives_its_own_text(change: Change) -> None:
    config = merged(change)
    assert merged(read(*as_request(config))) == config
