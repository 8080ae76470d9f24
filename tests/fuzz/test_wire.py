"""What reads the network, the inner side and the kernel. Nothing raises but its own error."""

import contextlib
import ipaddress

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.damage import damaged
from wiresnake.door.commands import Mtu, Route, Sockets
from wiresnake.door.notices import PlaneFailed
from wiresnake.host import netlink
from wiresnake.plane import frames
from wiresnake.plane.portable import ecn, icmp, virtio
from wiresnake.plane.portable.coalesce import Coalescer
from wiresnake.plane.portable.segment import MalformedTrain, Train
from wiresnake.protocol import messages
from wiresnake.protocol.cookies import mac1_key, seal_macs
from wiresnake.protocol.errors import MalformedDatagram
from wiresnake.values.addresses import Endpoint, Prefix

ANYWHERE = Endpoint(b"\xc6\x33\x64\x07", 7)
shaken = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@given(st.binary(max_size=200))
def test_a_message_is_decoded_or_refused(datagram: bytes) -> None:
    for kind in (1, 2, 3, 4):
        for decode in (messages.message_type_untrusted, messages.decode_handshake_untrusted):
            with contextlib.suppress(MalformedDatagram):
                decode(bytes([kind, 0, 0, 0]) + datagram)


@shaken
@given(data=st.data())
def test_no_datagram_harms_a_plane_or_its_control(tunnel, data) -> None:
    datagram = data.draw(damaged(tunnel.datagrams))
    source = data.draw(st.sampled_from([tunnel.alice.home, ANYWHERE]))
    if data.draw(st.booleans()) and len(datagram) in {148, 92}:
        datagram = seal_macs(datagram, mac1_key(tunnel.bob.key.public.raw), None)
    replies = tunnel.bob.hear(datagram, source)
    assert sum(map(len, replies)) <= len(datagram)


@shaken
@given(data=st.data())
def test_no_plaintext_of_a_peer_harms_a_plane(tunnel, data) -> None:
    plain = data.draw(damaged(tunnel.packets) | st.binary(max_size=100))
    tunnel.bob.received.clear()
    tunnel.bob.hear(tunnel.alice.seal(plain), tunnel.alice.home)
    for packet in tunnel.bob.received:
        assert len(packet) <= len(plain)
        source = packet[12:16] if packet[0] >> 4 == 4 else packet[8:24]
        assert any(
            ipaddress.ip_address(source) in ipaddress.ip_network((prefix.network, prefix.length))
            for prefix in tunnel.alice.prefixes
        )


@shaken
@given(data=st.data())
def test_no_packet_from_inside_harms_a_plane(tunnel, data) -> None:
    packet = data.draw(damaged(tunnel.packets) | st.binary(min_size=1, max_size=100))
    for datagram in tunnel.alice.send(packet):
        assert len(datagram) <= len(packet) + 148


IPV4_TCP = bytes.fromhex("4500003b00010000400600000a0000010a000002")
IPV4_UDP = bytes.fromhex("4500002d00010000401100000a0000010a000002")
IPV6_TCP = bytes.fromhex("6000000000270640" + "20010db8" * 8)
TCP = bytes.fromhex("0001000200000000000000005010ffff00000000") + b"segments of a train"
UDP = bytes.fromhex("0001000200190000") + b"and of a datagram"
PACKETS = [IPV4_TCP + TCP, IPV6_TCP + TCP, IPV4_UDP + UDP]
FRAMES = [
    virtio.HEADER.pack(virtio.NEEDS_CSUM, kind, header, 4, start, offset) + packet
    for kind, header, start, offset, packet in [
        (virtio.GSO_TCPV4, 40, 20, 16, IPV4_TCP + TCP),
        (virtio.GSO_TCPV6, 60, 40, 16, IPV6_TCP + TCP),
        (virtio.GSO_UDP_L4, 28, 20, 6, IPV4_UDP + UDP),
        (virtio.GSO_NONE, 0, 20, 6, IPV4_UDP + UDP),
    ]
]


def with_its_length(packet: bytes) -> bytes:
    """Write the length that the packet has into its header, as only such are delivered."""
    if packet[:1] and packet[0] >> 4 == 4:
        return packet[:2] + len(packet).to_bytes(2) + packet[4:]
    return packet[:4] + max(0, len(packet) - 40).to_bytes(2) + packet[6:]


WHOLE = (
    damaged(PACKETS)
    .map(with_its_length)
    .filter(lambda packet: len(packet) >= {4: 20, 6: 40}.get(packet[0] >> 4, 1 << 16))
)


@given(damaged(FRAMES))
def test_a_train_is_cut_or_refused(frame: bytes) -> None:
    with contextlib.suppress(MalformedTrain):
        train = Train(memoryview(bytearray(frame)))
        lengths = [len(packet) for packet in train.cut()]
        assert len(lengths) == train.count
        assert lengths[:-1] == [train.length] * (train.count - 1)
        assert lengths[-1] == train.last_length


@given(st.lists(WHOLE, max_size=6), st.booleans())
def test_joining_packets_loses_none(packets: list[bytes], verify: bool) -> None:
    coalescer = Coalescer(vnet_header=True, tso=True, uso=True, verify_tcp=verify)
    for packet in packets:
        coalescer.add(memoryview(bytearray(packet)))
    frames = [Train(memoryview(bytearray(b"".join(frame)))) for frame in coalescer.take()]
    assert sum(train.count for train in frames) == len(packets)


@given(damaged(PACKETS))
def test_an_answer_is_no_larger_than_allowed(packet: bytes) -> None:
    answer = icmp.unreachable(packet)
    assert answer is None or len(answer) <= (576 if answer[0] >> 4 == 4 else 1280)
    assert ecn.outer_tos(packet) in range(3)


@given(WHOLE, st.integers(0, 255))
def test_marking_touches_two_fields_at_most(packet: bytes, outer: int) -> None:
    marked = bytearray(packet)
    ecn.decapsulate(memoryview(marked), outer)
    changed = {at for at, (old, new) in enumerate(zip(packet, marked, strict=True)) if old != new}
    assert changed <= {1, 10, 11}


LINK = bytes.fromhex(
    "2c0000001000000000000000000000000000010002000000431000000000000008000400dc050000"
)


@given(damaged([LINK, LINK + LINK]))
def test_what_the_kernel_says_is_read_to_its_end(received: bytes) -> None:
    for _, _, body in netlink.messages(memoryview(received)):
        netlink.parse_link(body)
        netlink.parse_namespace_id(body)


@pytest.mark.parametrize("kind", [frames.Request, frames.Reply])
@given(data=st.data())
def test_a_frame_is_decoded_or_refused(kind, data) -> None:
    every = [
        frames.Apply([Sockets(1, None), Mtu(1420), Route(1, (Prefix.parse("::/0"),))]),
        frames.Drain(),
        frames.Observe([1, 2]),
        frames.Counted({"a": 1}),
        frames.Rejected("why"),
        frames.Drained([PlaneFailed("why")]),
    ]
    seeds = [msgspec.msgpack.encode(each) for each in every]
    with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):
        msgspec.msgpack.Decoder(kind).decode(data.draw(damaged(seeds)))
