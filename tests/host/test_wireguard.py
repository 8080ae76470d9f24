"""The kernel's WireGuard: reports and changes of many parts, and what may go wrong."""

import contextlib
import errno
import socket
import struct
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fake_kernel import Device, FakeKernel, Peer, running_kernel
from wiresnake.config.merge import Merge
from wiresnake.config.model import AllowedIpChange, Change, InterfaceConfig, PeerChange
from wiresnake.config.reply import Report, ReportedPeer
from wiresnake.host import wireguard
from wiresnake.host.genetlink import Conversation
from wiresnake.host.namespaces import Namespace
from wiresnake.host.wireguard_attributes import change_parts, question, read_report
from wiresnake.values.addresses import Endpoint, Prefix
from wiresnake.values.keys import PresharedKey, PrivateKey, PublicKey


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeKernel]:
    with running_kernel() as kernel:
        speak_to(kernel, monkeypatch)
        yield kernel


def speak_to(kernel: FakeKernel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Conversation, "open", lambda _: Conversation(kernel.connect()))


def key(number: int) -> PublicKey:
    return PublicKey(number.to_bytes(32))


def many_peers(count: int, prefixes: int) -> Change:
    """Return a change as large as a provider's, of peers with some prefixes of either family."""
    peers = []
    for number in range(1, count + 1):
        networks = [Prefix.of((number << 12 | each).to_bytes(4), 32) for each in range(prefixes)]
        networks += [Prefix.of(number.to_bytes(16), 128)]
        peers.append(
            PeerChange(
                key(number),
                preshared_key=PresharedKey(number.to_bytes(32)) if number % 2 else None,
                endpoint=Endpoint((number + (10 << 24)).to_bytes(4 if number % 3 else 16), number),
                persistent_keepalive=number % 50,
                replace_allowed_ips=True,
                allowed_ips=[AllowedIpChange(each) for each in networks],
            )
        )
    return Change(PrivateKey.generate(bytes(32)), 51820, 7, replace_peers=True, peers=peers)


def reported(config: InterfaceConfig) -> Report:
    peers = [
        ReportedPeer(
            peer.public_key,
            peer.preshared_key,
            str(peer.endpoint or ""),
            persistent_keepalive=peer.persistent_keepalive,
            allowed_ips=list(peer.allowed_ips),
        )
        for peer in config.peers.values()
    ]
    return Report(config.private_key, config.listen_port, config.fwmark, peers)


def merged(config: InterfaceConfig, change: Change) -> InterfaceConfig:
    merge = Merge(config)
    merge.device(change)
    merge.peers(change.peers)
    return merge.config


@pytest.mark.parametrize(("peers", "prefixes"), [(1000, 1), (3, 1000), (0, 0), (1, 0)])
@pytest.mark.parametrize("room", [600, 3800, 30000])
def test_many_peers_go_in_and_come_out(
    peers: int, prefixes: int, room: int, kernel: FakeKernel
) -> None:
    kernel.devices["wg0"] = Device(peers={key(99999).raw: Peer()})
    kernel.room = room
    change = many_peers(peers, prefixes)
    wireguard.apply("wg0", change)
    size = 28 * peers * (prefixes + 1)
    assert len(kernel.requests) >= 1 + size // 16384
    report = wireguard.ask("wg0")
    assert report == reported(merged(InterfaceConfig(), change))
    assert kernel.parts_of_report >= 1 + size // room


def test_only_the_first_part_replaces(kernel: FakeKernel) -> None:
    kernel.devices["wg0"] = Device()
    wireguard.apply("wg0", many_peers(1000, 1))
    wireguard.apply("wg0", Change(peers=[PeerChange(key(7), persistent_keepalive=9)]))
    assert len(kernel.devices["wg0"].peers) == 1000
    assert wireguard.ask("wg0").peers[6].persistent_keepalive == 9
    assert all(len(body) < 24000 for body in kernel.requests)


def test_what_the_kernel_counts_is_reported(kernel: FakeKernel) -> None:
    link_local = struct.pack("=H", socket.AF_INET6) + struct.pack("!HI", 7, 0)
    link_local += socket.inet_pton(socket.AF_INET6, "fe80::1") + struct.pack("=I", 1)
    kernel.devices["wg0"] = Device(
        peers={
            key(1).raw: Peer(handshake=(1700000000, 5), rx=1 << 40, tx=(1 << 64) - 1),
            key(2).raw: Peer(endpoint=link_local),
        }
    )
    first, second = wireguard.ask("wg0").peers
    assert first.last_handshake_ns == 1700000000_000000005
    assert (first.rx_bytes, first.tx_bytes) == (1 << 40, (1 << 64) - 1)
    assert second.endpoint == "[fe80::1%lo]:7"


def test_a_disturbed_report_is_asked_for_again(kernel: FakeKernel) -> None:
    kernel.devices["wg0"] = Device(port=5)
    kernel.interruptions = 3
    assert wireguard.ask("wg0").listen_port == 5
    assert len(kernel.requests) == 4
    kernel.interruptions = 1000
    with pytest.raises(InterruptedError):
        wireguard.ask("wg0")


def test_errors_of_the_kernel_are_the_callers(kernel: FakeKernel) -> None:
    kernel.devices["wg0"] = Device()
    for name in ("wg1", "", "a" * 16, "w\0"):
        assert errno_of(lambda name=name: wireguard.ask(name)) == errno.ENODEV
        assert errno_of(lambda name=name: wireguard.apply(name, Change())) == errno.ENODEV
    kernel.refusal = errno.EPERM
    assert errno_of(lambda: wireguard.ask("wg0")) == errno.EPERM
    assert errno_of(lambda: wireguard.apply("wg0", many_peers(500, 1))) == errno.EPERM
    kernel.has_wireguard = False
    assert errno_of(lambda: wireguard.ask("wg0")) == errno.ENODEV
    assert errno_of(lambda: wireguard.apply("wg0", Change())) == errno.ENODEV


def test_a_kernel_without_netlink_has_no_interfaces(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPROTONOSUPPORT, "no")

    monkeypatch.setattr(socket, "socket", refuse)
    assert wireguard.names() == []
    assert errno_of(lambda: wireguard.ask("wg0")) == errno.ENODEV


def test_interfaces_are_found_by_their_kind(kernel: FakeKernel) -> None:
    assert wireguard.names() == []
    kernel.devices |= {"wg0": Device(), "other": Device()}
    assert wireguard.names() == ["wg0", "other"]
    assert wireguard.names("veth") == ["eth0"]


def errno_of(call) -> int:
    with pytest.raises(OSError, match=r".") as bad:
        call()
    return bad.value.errno


ADDRESS = st.binary(min_size=4, max_size=4) | st.binary(min_size=16, max_size=16)
PEERS = st.builds(
    PeerChange,
    st.integers(1, 6).map(key),
    remove=st.sampled_from([False, False, True]),
    update_only=st.booleans(),
    preshared_key=st.none() | st.binary(min_size=32, max_size=32).map(PresharedKey),
    endpoint=st.none() | st.builds(Endpoint, ADDRESS, st.integers(0, 65535)),
    persistent_keepalive=st.none() | st.integers(0, 65535),
    replace_allowed_ips=st.booleans(),
    allowed_ips=st.lists(
        st.builds(
            AllowedIpChange,
            st.builds(Prefix.of, st.sampled_from([b"\1" * 4, b"\2" * 16]), st.integers(0, 32)),
            st.sampled_from([False, False, True]),
        ),
        max_size=9,
    ),
)
CHANGES = st.builds(
    Change,
    st.none() | st.binary(min_size=32, max_size=32).map(PrivateKey.generate),
    st.none() | st.integers(0, 65535),
    st.none() | st.integers(0, 2**32 - 1),
    st.booleans(),
    st.lists(PEERS, max_size=6),
)


@given(st.lists(CHANGES, max_size=4), st.integers(64, 1000), st.integers(300, 2000))
def test_a_change_in_parts_does_what_the_whole_does(
    changes: list[Change], limit: int, room: int
) -> None:
    """The merge of `config` is the naive twin: it never cuts anything."""
    kernel = FakeKernel(room)
    kernel.devices["wg0"] = Device()
    config = InterfaceConfig()
    for change in changes:
        for part in change_parts("wg0", change, limit):
            kernel._answer(0x1F, 0x5, part)
        config = merged(config, change)
    parts = kernel._answer(0x1F, 0x301, question("wg0"))
    report = read_report(memoryview(body) for kind, _, body in parts if kind == 0x1F)
    assert by_key(report) == by_key(reported(config))


def by_key(report: Report) -> tuple:
    """Order apart, which for allowed IPs is that of the kernel's trie."""
    peers = {
        str(peer.public_key): (
            peer.preshared_key, peer.endpoint, peer.persistent_keepalive, sorted(peer.allowed_ips)
        )
        for peer in report.peers
    }  # fmt: skip
    return report.private_key, report.listen_port, report.fwmark, peers


@given(st.lists(st.binary(max_size=200), max_size=3))
def test_any_answer_is_read_or_refused(parts: list[bytes]) -> None:
    with contextlib.suppress(ValueError):
        assert isinstance(read_report(map(memoryview, parts)), Report)


@given(st.data())
def test_a_damaged_answer_is_read_or_refused(data: st.DataObject) -> None:
    kernel = FakeKernel(1000)
    kernel.devices["wg0"] = Device()
    for part in change_parts("wg0", many_peers(5, 3)):
        kernel._answer(0x1F, 0x5, part)
    bodies = [bytearray(body) for kind, _, body in kernel._answer(0x1F, 0x301, question("wg0"))][
        :-1
    ]
    for body in bodies:
        for at in data.draw(st.lists(st.integers(0, len(body) - 1), max_size=3)):
            body[at] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(ValueError):
        assert isinstance(read_report(map(memoryview, bodies)), Report)


@pytest.mark.root
def test_the_real_kernel_knows_a_veth_by_its_kind(host: Namespace, elsewhere: Namespace) -> None:
    host.ip("link", "add", "one", "type", "veth", "peer", "name", "two")
    with host.enter():
        assert sorted(wireguard.names("veth")) == ["one", "two"]
        assert wireguard.names() == []
        assert errno_of(lambda: wireguard.ask("one")) in {errno.ENODEV, errno.EOPNOTSUPP}


@pytest.mark.root
def test_the_real_kernel_takes_and_tells_a_thousand_peers(host: Namespace) -> None:
    made = host.run(["ip", "link", "add", "wg0", "type", "wireguard"], check=False)
    if made.returncode:
        pytest.skip("this kernel has no WireGuard")  # the one thing no program could bring
    change = many_peers(1000, 3)
    with host.enter():
        assert wireguard.names() == ["wg0"]
        wireguard.apply("wg0", change)
        assert by_key(wireguard.ask("wg0")) == by_key(reported(merged(InterfaceConfig(), change)))
