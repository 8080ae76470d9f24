"""Replies are read back into what they were made of, and anything else is refused."""

from errno import EPERM, EPROTO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiresnake.config.model import InterfaceConfig, PeerConfig
from wiresnake.config.reply import ReplyError, Report, ReportedPeer, read_reply
from wiresnake.config.uapi import PeerStatus, interface_text, peer_text
from wiresnake.values.addresses import Endpoint, Prefix
from wiresnake.values.keys import PresharedKey, PrivateKey, PublicKey

SECRET = st.binary(min_size=32, max_size=32).filter(any)
ADDRESS = st.binary(min_size=4, max_size=4) | st.binary(min_size=16, max_size=16)
COUNT = st.integers(0, (1 << 64) - 1)
CONFIG = st.builds(
    PeerConfig,
    st.binary(min_size=32, max_size=32).map(PublicKey),
    st.none() | SECRET.map(PresharedKey),
    st.none(),
    st.integers(0, 65535),
    st.lists(st.builds(Prefix.of, ADDRESS, st.integers(0, 32)), max_size=4, unique=True).map(
        dict.fromkeys
    ),
)
STATUS = st.builds(
    PeerStatus,
    st.none() | st.builds(Endpoint, ADDRESS, st.integers(0, 65535)),
    st.none() | st.integers(0, 1 << 62),
    COUNT,
    COUNT,
)


@given(
    st.none() | SECRET.map(PrivateKey.generate),
    st.integers(0, 65535),
    st.integers(0, 0xFFFFFFFF),
    st.lists(st.tuples(CONFIG, STATUS), max_size=4),
)
def test_what_a_daemon_writes_is_what_a_client_reads(
    private: PrivateKey | None,
    port: int,
    fwmark: int,
    peers: list[tuple[PeerConfig, PeerStatus]],
) -> None:
    text = interface_text(InterfaceConfig(private, 0, fwmark), port)
    text += "".join(peer_text(peer, status) for peer, status in peers)
    report = read_reply(f"{text}errno=0\n\nmore".encode().splitlines(keepends=True))
    assert report == Report(
        private,
        port,
        fwmark,
        [
            ReportedPeer(
                peer.public_key,
                peer.preshared_key,
                str(status.endpoint or ""),
                status.last_handshake_ns or 0,
                status.tx_bytes,
                status.rx_bytes,
                peer.persistent_keepalive,
                list(peer.allowed_ips),
            )
            for peer, status in peers
        ],
    )


@pytest.mark.parametrize(
    ("text", "errno"),
    [
        ("", EPROTO), ("\n", EPROTO), ("errno=0", EPROTO), ("errno=0\n", EPROTO),
        ("errno=-1\n\n", EPERM), ("errno=1\n\n", EPERM), ("errno=\n\n", EPROTO),
        ("errno=4096\n\n", EPROTO), ("errno\n\n", EPROTO), ("fwmark=-1\nerrno=0\n\n", EPROTO),
        ("tx_bytes=1\npublic_key=1\nerrno=0\n\n", EPROTO),
    ],
)  # fmt: skip
def test_what_is_no_reply_is_refused(text: str, errno: int) -> None:
    assert errno_of(text.encode().splitlines(keepends=True)) == errno


@pytest.mark.parametrize(
    "line", ["endpoint=1", "endpoint=\x1b[2J:1", "endpoint=:1", "endpoint=a:b", "allowed_ip=x/8",
             "rx_bytes=18446744073709551616", "preshared_key=00"],
)  # fmt: skip
def test_a_bad_value_of_a_peer_is_refused(line: str) -> None:
    text = f"public_key={'11' * 32}\n{line}\nerrno=0\n\n"
    assert errno_of(text.encode().splitlines(keepends=True)) == EPROTO


@given(st.lists(st.binary(max_size=60).map(lambda line: line + b"\n"), max_size=6))
def test_any_lines_are_read_or_refused(lines: list[bytes]) -> None:
    assert errno_of(lines) in range(4096)


def errno_of(lines: list[bytes]) -> int:
    try:
        read_reply(lines)
    except ReplyError as bad:
        return bad.errno
    return 0
