"""The UAPI as clients speak it, over a tunnel that only remembers what it was asked."""

import asyncio
import contextlib
import errno
import socket

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wiresnake.config.merge import Merge, TooManyPeers
from wiresnake.config.model import InterfaceConfig
from wiresnake.config.uapi import PeerStatus
from wiresnake.daemon.allowance import MAX_REQUEST, Allowance
from wiresnake.daemon.conversation import Conversation
from wiresnake.daemon.uapi import serve_uapi
from wiresnake.plane.contract import PlaneLost
from wiresnake.values.addresses import Endpoint

PEER = "01" * 32
OTHER = "02" * 32
LIMIT = 20
LINES = [b"set=1", b"get=1", b"", b"fwmark=3", b"public_key=" + PEER.encode(), b"remove=true"]
LINES += [b"x", b"=", b"\x00", b"allowed_ip=::/0", b"errno=0"]


class FakeTunnel:
    """Merges for real and applies nothing; ``gate`` holds an apply up, ``refusal`` fails it."""

    def __init__(self):
        self.config = InterfaceConfig()
        self.listen_port = 51820
        self.refusal = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.applied = []

    async def apply(self, change):
        await self.gate.wait()
        if self.refusal is not None:
            raise self.refusal
        merge = Merge(self.config)
        merge.device(change)
        merge.peers(change.peers)
        self.config = merge.config
        self.applied.append(change)

    async def peers(self, config):
        for peer in config.peers.values():
            yield [(peer, PeerStatus(Endpoint(bytes(4), 5), 1_000_000_002, 3, 4))]


@contextlib.asynccontextmanager
async def conversation(tunnel, allowance=None):
    allowance = allowance or Allowance()
    ours, theirs = socket.socketpair()
    theirs.settimeout(0)
    guest = Conversation(theirs, tunnel, allowance)
    allowance.admit(guest)
    task = asyncio.create_task(guest.run())
    reader, writer = await asyncio.open_connection(sock=ours)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        await asyncio.wait_for(task, LIMIT)


def talk(request, tunnel_made=lambda tunnel: None):
    """Send ``request``, end the sending side, return all that came back and the tunnel."""

    async def scene():
        tunnel = FakeTunnel()
        tunnel_made(tunnel)
        async with conversation(tunnel) as (reader, writer):
            writer.write(request)
            writer.write_eof()
            return await asyncio.wait_for(reader.read(), LIMIT), tunnel

    return asyncio.run(scene())


def test_an_empty_interface_has_little_to_tell():
    reply, _ = talk(b"get=1\n\n")
    assert reply == b"listen_port=51820\nerrno=0\n\n"


def test_several_operations_fit_in_one_connection():
    request = f"set=1\npublic_key={PEER}\npersistent_keepalive_interval=7\n\nget=1\n\nget=1\n\n"
    reply, tunnel = talk(request.encode())
    first, *gets = reply.split(b"errno=0\n\n")
    assert first == b""
    assert gets[0] == gets[1]
    assert gets[0].decode().splitlines() == [
        "listen_port=51820",
        f"public_key={PEER}",
        f"preshared_key={'0' * 64}",
        "protocol_version=1",
        "endpoint=0.0.0.0:5",
        "last_handshake_time_sec=1",
        "last_handshake_time_nsec=2",
        "tx_bytes=3",
        "rx_bytes=4",
        "persistent_keepalive_interval=7",
    ]
    assert len(tunnel.applied) == 1


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("listen_port=65536", -errno.EINVAL),
        ("listen_port=-1", -errno.EINVAL),
        ("colour=red", -errno.EINVAL),
        ("listen_port", -errno.EPROTO),
        ("x" * 5000, -errno.EPROTO),
        ("fwmark=" + "0" * 100_000, -errno.EPROTO),
        (f"public_key={PEER}\nfwmark=1", -errno.EINVAL),
        (f"public_key={PEER}\nallowed_ip=10.0.0.0/33", -errno.EINVAL),
        (f"public_key={PEER}\nendpoint=nowhere:1", -errno.EINVAL),
        (f"public_key={PEER}\n\xff=1", -errno.EINVAL),
    ],
)
def test_one_bad_line_undoes_the_request_and_the_conversation_goes_on(line, answer):
    request = f"set=1\nlisten_port=1\n{line}\npublic_key={OTHER}\n\nset=1\nfwmark=9\n\n"
    reply, tunnel = talk(request.encode())
    assert reply.decode() == f"errno={answer}\n\nerrno=0\n\n"
    assert [change.fwmark for change in tunnel.applied] == [9]
    assert not tunnel.config.peers


@pytest.mark.parametrize(
    "request_",
    [b"help\n", b"\n", b"get=2\n\n", b"get=1\nset=1\n\n", b"x" * 100_000 + b"\n", b"set\n\n"],
)
def test_an_unknown_operation_ends_without_a_reply(request_):
    reply, tunnel = talk(request_ + b"get=1\n\n")
    assert reply == b""
    assert not tunnel.applied


@pytest.mark.parametrize("request_", [b"", b"get=1\n", b"set=1\nfwmark=1\n", b"set=1\nfwmark=1"])
def test_a_request_that_is_not_finished_has_no_effect(request_):
    reply, tunnel = talk(request_)
    assert reply == b""
    assert not tunnel.applied


@pytest.mark.parametrize(
    ("refusal", "answer"),
    [
        (OSError(errno.EADDRINUSE, "in use"), -errno.EADDRINUSE),
        (TooManyPeers("too many"), -errno.ENOMEM),
        (OSError("no number"), -errno.EIO),
    ],
)
def test_what_the_host_refuses_is_answered_with_its_number(refusal, answer):
    def refuse(tunnel):
        tunnel.refusal = refusal

    reply, _ = talk(b"set=1\nlisten_port=1\n\nget=1\n\n", refuse)
    assert reply.decode() == f"errno={answer}\n\nlisten_port=51820\nerrno=0\n\n"


def test_a_tunnel_that_is_ending_ends_the_conversation():
    def lose(tunnel):
        tunnel.refusal = PlaneLost("gone")

    reply, _ = talk(b"set=1\nlisten_port=1\n\nget=1\n\n", lose)
    assert reply == b""


def test_what_is_written_during_an_apply_waits():
    async def scene():
        tunnel = FakeTunnel()
        tunnel.gate.clear()
        async with conversation(tunnel) as (reader, writer):
            writer.write(b"set=1\nfwmark=1\n\nget=1\n\n")
            async with conversation(tunnel) as (other, asker):
                asker.write(b"get=1\n\n")
                assert b"fwmark" not in await other.readuntil(b"errno=0\n\n")
            tunnel.gate.set()
            assert await reader.readuntil(b"\n\n") == b"errno=0\n\n"
            assert b"fwmark=1\n" in await reader.readuntil(b"\n\n")

    asyncio.run(asyncio.wait_for(scene(), LIMIT))


def test_a_slow_writer_does_not_hold_others_up():
    async def scene():
        tunnel = FakeTunnel()
        async with conversation(tunnel) as (slow, hesitant):
            hesitant.write(b"set=1\nfwm")
            async with conversation(tunnel) as (reader, writer):
                writer.write(b"set=1\nfwmark=2\n\n")
                assert await reader.readuntil(b"\n\n") == b"errno=0\n\n"
            hesitant.write(b"ark=1\n\n")
            assert await slow.readuntil(b"\n\n") == b"errno=0\n\n"
        assert [change.fwmark for change in tunnel.applied] == [2, 1]

    asyncio.run(asyncio.wait_for(scene(), LIMIT))


def test_a_request_has_a_largest_size(monkeypatch):
    monkeypatch.setattr("wiresnake.daemon.allowance.MAX_REQUEST", 100_000)
    reply, tunnel = talk(b"set=1\n" + b"fwmark=1\n" * 20_000 + b"\nset=1\nfwmark=2\n\n")
    assert reply.decode() == f"errno=-{errno.E2BIG}\n\nerrno=0\n\n"
    assert [change.fwmark for change in tunnel.applied] == [2]
    assert MAX_REQUEST == 64 << 20


def test_the_size_counts_anew_for_every_request(monkeypatch):
    monkeypatch.setattr("wiresnake.daemon.allowance.MAX_REQUEST", 100_000)
    reply, tunnel = talk((b"set=1\n" + b"fwmark=1\n" * 5_000 + b"\n") * 4)
    assert reply == b"errno=0\n\n" * 4
    assert len(tunnel.applied) == 4


def test_the_server_makes_room_for_new_connections(tmp_path):
    async def scene():
        path = str(tmp_path / "s")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen()
            listener.settimeout(0)
            server = serve_uapi(FakeTunnel(), listener)
            idle = [await asyncio.open_unix_connection(path) for _ in range(256)]
            reader, writer = await asyncio.open_unix_connection(path)
            writer.write(b"get=1\n\n")
            assert (await reader.readuntil(b"\n\n")).endswith(b"errno=0\n\n")
            assert await idle[0][0].read() == b""
            writer.close()
            for _, each in idle:
                each.close()
            await server.close()

    asyncio.run(asyncio.wait_for(scene(), LIMIT))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(LINES), max_size=20))
def test_no_sequence_of_lines_gets_a_reply_that_is_not_one(lines):
    reply, _ = talk(b"\n".join(lines) + b"\n")
    if reply:
        assert reply.endswith(b"\n\n")
        for part in reply[:-2].split(b"\n\n"):
            assert part.splitlines()[-1].startswith(b"errno=")
