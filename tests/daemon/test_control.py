"""The control socket as clients speak it, over a tunnel that exists in memory only."""

import asyncio
import contextlib
import json
import socket

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wiresnake import __version__
from wiresnake.config.model import InterfaceConfig, PeerConfig
from wiresnake.daemon import control as control_module
from wiresnake.daemon import desk as desk_module
from wiresnake.daemon import subscription as subscription_module
from wiresnake.daemon.allowance import Allowance
from wiresnake.daemon.control import MAX_LINE, Client, serve_control
from wiresnake.daemon.desk import Desk
from wiresnake.daemon.keylog import KeyLog
from wiresnake.daemon.statistics import Statistics
from wiresnake.door.commands import SetEndpoint
from wiresnake.door.snapshots import Observed
from wiresnake.host.tun import Tun
from wiresnake.plane.contract import PlaneLost
from wiresnake.protocol.activity import LONG_AGO
from wiresnake.protocol.handshake import Remote
from wiresnake.tunnel.events import Completed, Ended, Events, GaveUp, LinkChanged
from wiresnake.tunnel.lookout import Lookout
from wiresnake.values.addresses import Endpoint, NamedEndpoint
from wiresnake.values.instants import Now
from wiresnake.values.keys import PresharedKey, PrivateKey, PublicKey

LIMIT = 20
KEY = PublicKey(bytes([7]) * 32)
HOME = Endpoint(bytes([192, 0, 2, 1]), 51820)


class FakeStanding:
    plane = "paper"
    lost = None

    def now(self):
        return Now(1000.0, 1_700_000_000 * 10**9)

    def counters(self):
        if self.lost is not None:
            raise PlaneLost(self.lost)
        return {"dropped_forged": 3}

    def observe(self, keys):
        return {
            key: Observed(
                1, 5, None, 999.0, True, 998.5, 990.0, None, 1, 2, HOME, bytes([127, 0, 0, 1])
            )
            for key in keys
            if key == KEY
        }

    def last_handshake(self, key):
        return LONG_AGO


class FakeTunnel:
    listen_port, is_up, mtu, families = 51820, True, 1420, ["ipv4"]

    def __init__(self):
        self.config = InterfaceConfig(peers={KEY: PeerConfig(KEY, endpoint=HOME)}, fwmark=9)
        self.standing = FakeStanding()
        self.events = Events({1: KEY}.get)


class Scene:
    def __init__(self, *, key_log=None):
        self.tunnel = FakeTunnel()
        self.lookout = Lookout(self.tunnel, lambda _: [])
        statistics = Statistics(self.tunnel, Tun(-1, "wg0", True, True, False), self.lookout)
        self.desk = Desk(self.tunnel, self.lookout, statistics, key_log)

    @contextlib.asynccontextmanager
    async def client(self):
        allowance = Allowance()
        ours, theirs = socket.socketpair()
        theirs.settimeout(0)
        guest = Client(theirs, self.desk, allowance)
        assert allowance.admit(guest)
        task = asyncio.create_task(guest.run())
        reader, writer = await asyncio.open_connection(sock=ours, limit=2 * MAX_LINE)
        try:
            yield reader, writer
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
            await asyncio.wait_for(task, LIMIT)
            assert guest.held == 0 or task.done()


def play(scene, **options):
    async def run():
        stage = Scene(**options)
        try:
            return await asyncio.wait_for(scene(stage), LIMIT)
        finally:
            await stage.lookout.close()

    return asyncio.run(run())


def replies_to(*lines: bytes, **options) -> list[dict]:
    """Send lines, end the sending side, return all that came back."""

    async def scene(stage):
        async with stage.client() as (reader, writer):
            writer.write(b"".join(lines))
            writer.write_eof()
            said = await reader.read()
        assert said == b"" or said.endswith(b"\n")
        return [json.loads(line) for line in said.splitlines()]

    return play(scene, **options)


def request(**words) -> bytes:
    return json.dumps(words).encode() + b"\n"


async def told(reader) -> dict:
    return json.loads(await reader.readline())


def test_statistics_say_what_the_uapi_cannot():
    [reply] = replies_to(request(ask="statistics"))
    assert reply == {
        "version": __version__,
        "interface": "wg0",
        "plane": "paper",
        "uptime": 0.0,
        "up": True,
        "sockets": {"port": 51820, "fwmark": 9, "families": ["ipv4"]},
        "tun": {"mtu": 1420, "vnet_header": True, "tso": True, "uso": False},
        "counters": {"dropped_forged": 3},
        "peer_count": 1,
        "peers": {
            str(KEY): {
                "sent_ago": 1.5,
                "received_ago": 10.0,
                "staged_ago": None,
                "unanswered_for": None,
                "source": "127.0.0.1",
                "names": [],
            }
        },
    }


def test_statistics_are_of_the_peers_that_are_named():
    other = PublicKey(bytes(32))
    none, both, many = replies_to(
        request(ask="statistics", peers=[]),
        request(ask="statistics", peers=[str(KEY), str(other)]),
        request(ask="statistics", peers=[str(other)] * 257),
    )
    assert none["peers"] == {}
    assert list(both["peers"]) == [str(KEY)]
    assert "257 peers" in many["error"]


def test_of_very_many_peers_only_the_named_are_read(monkeypatch):
    monkeypatch.setattr(desk_module, "MAX_STAMPS", 0)
    [reply] = replies_to(request(ask="statistics"))
    assert reply["peers"] == {}
    assert reply["peer_count"] == 1


def test_a_lost_plane_is_an_error_and_not_the_end():
    async def scene(stage):
        stage.tunnel.standing.lost = "the plane's process is gone"
        async with stage.client() as (reader, writer):
            writer.write(request(ask="statistics") + request(ask="resolve", endpoints={}))
            return [await told(reader), await told(reader)]

    assert play(scene) == [{"error": "the plane's process is gone"}, {"done": True}]


def test_names_are_handed_over():
    async def scene(stage):
        async with stage.client() as (reader, writer):
            writer.write(request(ask="resolve", endpoints={str(KEY): ["[::1]:5", "a.example:wg"]}))
            assert await told(reader) == {"done": True}
        return stage.lookout.names_of(KEY)

    assert play(scene) == (NamedEndpoint("::1", "5"), NamedEndpoint("a.example", "wg"))


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"\n", "not a request"),
        (b"[]\n", "not a request"),
        (b"\xff\n", "not a request"),
        (b'{"ask": "resolve"}\n', "endpoints"),
        (request(ask="destroy"), "unknown request 'destroy'; there are statistics, resolve"),
        (request(ask="resolve", endpoints={"x": []}), "Key is not"),
        (request(ask="resolve", endpoints={str(PublicKey(bytes(32))): []}), "there is no peer"),
        (request(ask="resolve", endpoints={str(KEY): ["example"]}), "not an endpoint"),
        (request(ask="resolve", endpoints={str(KEY): ["a:1"] * 17}), "at most 16"),
        (request(ask="statistics", peers=["x"]), "Key is not"),
        (request(ask="keylog"), "--allow-keylog"),
        (request(ask="events", keylog=True), "--allow-keylog"),
    ],
)
def test_a_bad_request_costs_one_line_and_the_next_is_answered(line, why):
    bad, good = replies_to(line, request(ask="statistics"))
    assert why in bad["error"]
    assert "\n" not in bad["error"]
    assert good["interface"] == "wg0"


def test_a_line_without_end_ends_the_conversation():
    [reply] = replies_to(b"x" * MAX_LINE)
    assert "more than" in reply["error"]


@given(cuts=st.lists(st.integers(0, 200), max_size=8))
@settings(max_examples=30)
def test_however_the_bytes_are_cut_the_replies_are_the_same(cuts):
    text = request(ask="resolve", endpoints={str(KEY): ["a:1"]}) + request(ask="x") + b"{}\n"

    async def scene(stage):
        async with stage.client() as (reader, writer):
            begin = 0
            for cut in [*sorted(cuts), len(text)]:
                writer.write(text[begin:cut])
                await writer.drain()
                await asyncio.sleep(0)
                begin = max(begin, cut)
            writer.write_eof()
            return [json.loads(line) for line in (await reader.read()).splitlines()]

    assert play(scene) == replies_to(text)


@given(st.binary(max_size=200))
def test_whatever_is_said_is_answered_line_by_line(noise):
    replies = replies_to(noise.replace(b"events", b""))
    assert len(replies) <= noise.count(b"\n")
    assert all("error" in reply or "version" in reply or "done" in reply for reply in replies)


def test_events_are_told_as_they_happen():
    async def scene(stage):
        async with stage.client() as (reader, writer):
            writer.write(request(ask="events"))
            assert await told(reader) == {"done": True}
            stage.tunnel.events.tell(Completed(KEY, initiator=True, endpoint=HOME))
            stage.tunnel.events.tell(LinkChanged(up=False, port=0))
            first, second = await told(reader), await told(reader)
            stage.tunnel.events.tell(Ended("SIGTERM", failed=False))
            await stage.desk.close()
            return first, second, await told(reader), await reader.read()

    first, second, last, rest = play(scene)
    at = 1_700_000_000.0
    assert first == {
        "at": at,
        "event": "handshake",
        "peer": str(KEY),
        "role": "initiator",
        "endpoint": "192.0.2.1:51820",
    }
    assert second == {"at": at, "event": "link", "up": False, "port": 0}
    assert last == {"at": at, "event": "ended", "why": "SIGTERM", "failed": False}
    assert rest == b""


def test_a_peer_moves_from_where_it_was_when_the_stream_began():
    away = Endpoint(bytes([192, 0, 2, 9]), 1)

    async def scene(stage):
        async with stage.client() as (reader, writer):
            writer.write(request(ask="events"))
            await told(reader)
            stage.tunnel.events.carried_out([SetEndpoint(1, HOME), SetEndpoint(1, away)])
            return await told(reader)

    moved = play(scene)
    assert (moved["before"], moved["endpoint"]) == ("192.0.2.1:51820", "192.0.2.9:1")


def test_who_leaves_a_stream_is_forgotten():
    async def scene(stage):
        async with stage.client() as (reader, writer):
            writer.write(request(ask="events"))
            await told(reader)
            assert len(stage.desk._subscriptions) == 1
        assert not stage.desk._subscriptions

    play(scene)


def test_a_slow_reader_is_told_so_and_ended(monkeypatch):
    monkeypatch.setattr(subscription_module, "MAX_WAITING", 5)

    async def scene(stage):
        async with stage.client() as (reader, writer):
            writer.write(request(ask="events"))
            await told(reader)
            for _ in range(50):  # none of which can be written in between
                stage.tunnel.events.tell(GaveUp(KEY))
            lines = [json.loads(line) for line in (await reader.read()).splitlines()]
        assert [line.get("event") for line in lines[:-1]] == ["gave_up"] * 5
        assert "too slowly" in lines[-1]["error"]

    play(scene)


def test_a_reader_that_never_reads_is_ended(monkeypatch):
    monkeypatch.setattr(control_module, "PATIENCE", 0.05)

    async def scene(stage):
        async with stage.client() as (_, writer):
            writer.transport.pause_reading()
            writer.write(request(ask="events"))
            while not stage.desk._subscriptions:  # noqa: ASYNC110 (it tells nobody)
                await asyncio.sleep(0)
            [subscription] = stage.desk._subscriptions
            while not subscription.ended.done():
                stage.tunnel.events.tell(Ended("x" * 10_000, failed=False))
                await asyncio.sleep(0)
            await asyncio.wait_for(asyncio.shield(subscription.finished), LIMIT)

    play(scene)


def test_the_key_log_is_for_who_follows_it():
    ours, ephemeral = (PrivateKey.generate(bytes([n]) * 32) for n in (1, 2))
    preshared = PresharedKey(bytes([3]) * 32)
    key_log = KeyLog()

    async def scene(stage):
        key_log(ours, Remote(KEY), ephemeral)
        async with stage.client() as (reader, writer):
            writer.write(request(ask="keylog"))
            assert await told(reader) == {"done": True}
            key_log(ours, Remote(KEY), ephemeral)
            key_log(ours, Remote(KEY, preshared), ephemeral)
            return await told(reader), await told(reader)

    bare, whole = play(scene, key_log=key_log)
    lines = [
        f"LOCAL_STATIC_PRIVATE_KEY = {ours.to_base64()}",
        f"REMOTE_STATIC_PUBLIC_KEY = {KEY}",
        f"LOCAL_EPHEMERAL_PRIVATE_KEY = {ephemeral.to_base64()}",
    ]
    assert bare == {"lines": lines}
    assert whole == {"lines": [*lines, f"PRESHARED_KEY = {preshared.to_base64()}"]}
    assert not key_log._listeners


def test_one_stream_may_have_events_and_keys():
    key_log = KeyLog()

    async def scene(stage):
        async with stage.client() as (reader, writer):
            writer.write(request(ask="events", keylog=True))
            await told(reader)
            key = PrivateKey.generate(bytes(32))
            key_log(key, Remote(KEY), key)
            stage.tunnel.events.tell(GaveUp(KEY))
            return await told(reader), await told(reader)

    keys, event = play(scene, key_log=key_log)
    assert len(keys["lines"]) == 3
    assert event["event"] == "gave_up"


def test_many_connections_are_served_at_once(tmp_path):
    path = str(tmp_path / "s")

    async def scene(stage):
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen()
            listener.settimeout(0)
            reception = serve_control(stage.desk, listener)
            ends = [await asyncio.open_unix_connection(path) for _ in range(40)]
            for _, writer in ends:
                writer.write(request(ask="events"))
            for reader, _ in ends:
                assert await told(reader) == {"done": True}
            stage.tunnel.events.tell(GaveUp(KEY))
            for reader, _ in ends:
                assert (await told(reader))["event"] == "gave_up"
            await stage.desk.close()
            for reader, writer in ends:
                assert await reader.read() == b""
                writer.close()
            await reception.close()

    play(scene)
