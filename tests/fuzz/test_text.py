"""What reads text: a request, a reply, a file, a value. It reads, or raises its own error."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.damage import damaged
from wiresnake.config import ini
from wiresnake.config.ini import IniError
from wiresnake.config.merge import Merge
from wiresnake.config.model import InterfaceConfig
from wiresnake.config.reply import ReplyError, read_reply
from wiresnake.config.uapi import PeerStatus, SetReader, UapiError, interface_text, peer_text
from wiresnake.values.addresses import Endpoint, InvalidAddress, Prefix
from wiresnake.values.keys import InvalidKey, PresharedKey, PrivateKey, PublicKey

HEX = "a1" * 32
REQUEST = (
    f"private_key={HEX}\nlisten_port=51820\nfwmark=1\nreplace_peers=true\npublic_key={HEX}\n"
    f"preshared_key={HEX}\nendpoint=[fe80::1%lo]:7\npersistent_keepalive_interval=25\n"
    "replace_allowed_ips=true\nallowed_ip=10.0.0.0/24\nallowed_ip=-2001:db8::/32\n"
    f"protocol_version=1\npublic_key={HEX}\nremove=true\npublic_key={'b2' * 32}\n"
    "update_only=true\nendpoint=192.0.2.1:7\nallowed_ip=10.0.0.0/24\n"
).encode()
REPLY = (
    f"private_key={HEX}\nlisten_port=51820\nfwmark=1\npublic_key={HEX}\npreshared_key={HEX}\n"
    "protocol_version=1\nendpoint=[2001:db8::1]:7\nlast_handshake_time_sec=1\n"
    "last_handshake_time_nsec=2\ntx_bytes=3\nrx_bytes=4\npersistent_keepalive_interval=5\n"
    "allowed_ip=10.0.0.0/24\nerrno=0\n\n"
).encode()
BASE64 = "QGh0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0U="
FILE = (
    f"[Interface]\nPrivateKey = {BASE64}\nListenPort = 51820 # why\nFwMark = 0xca6c\n\n[Peer]\n"
    f"PublicKey = {BASE64}\nPresharedKey={BASE64}\n"
    "AllowedIPs = 10.0.0.0/24, +2001:db8::/32, -::/0\n"
    "Endpoint = [fe80::1%lo]:51820\nPersistentKeepalive = off\n"
).encode()


@given(damaged([REQUEST]))
def test_a_request_is_refused_whole_or_merges_whole(text: bytes) -> None:
    reader = SetReader()
    try:
        for line in text.split(b"\n"):
            if line:
                reader.feed(line)
    except UapiError:
        return
    change = reader.finish()
    merge = Merge(InterfaceConfig())
    merge.device(change)
    merge.peers(change.peers)
    config = merge.config
    written = interface_text(config, config.listen_port)
    for key, peer in config.peers.items():
        assert all(config.owners[prefix] == key for prefix in peer.allowed_ips)
        written += peer_text(peer, PeerStatus(peer.endpoint, None, 0, 0))
    report = read_reply(f"{written}errno=0\n\n".encode().splitlines(keepends=True))
    assert [peer.public_key for peer in report.peers] == list(config.peers)


@given(damaged([REPLY]))
def test_a_reply_is_read_or_refused(text: bytes) -> None:
    with contextlib.suppress(ReplyError):
        assert len(read_reply(text.splitlines(keepends=True)).peers) <= text.count(b"public_key=")


@given(damaged([FILE]))
def test_a_file_is_read_or_refused(text: bytes) -> None:
    with contextlib.suppress(IniError):
        change = ini.parse(text.decode("latin-1"))
        assert len(change.peers) <= text.lower().count(b"peer")


@pytest.mark.parametrize(
    ("parse", "error", "seeds"),
    [
        (Endpoint.parse, InvalidAddress, [b"192.0.2.1:51820", b"[fe80::1%lo]:1", b"[::1]:1"]),
        (Prefix.parse, InvalidAddress, [b"10.0.0.0/24", b"2001:db8::/32", b"::1"]),
        (PublicKey.from_base64, InvalidKey, [BASE64.encode()]),
        (PublicKey.from_hex, InvalidKey, [HEX.encode()]),
        (PrivateKey.from_base64, InvalidKey, [BASE64.encode()]),
        (PresharedKey.from_hex, InvalidKey, [HEX.encode()]),
    ],
)
@given(data=st.data())
def test_a_value_is_read_or_refused(parse, error, seeds, data) -> None:
    text = data.draw(damaged(seeds)).decode("latin-1")
    with contextlib.suppress(error):
        value = parse(text)
        if isinstance(value, Endpoint | Prefix):
            assert parse(str(value)) == value
