import asyncio
import errno

import pytest

from wiresnake.config.merge import TooManyPeers
from wiresnake.config.model import Change, PeerAdded, PeerChange, PeerRemoved, RequestEnded
from wiresnake.door.commands import Add, ClearSource, Forget, Keepalive, Mtu, Sockets
from wiresnake.door.notices import Handshake, PlaneFailed, SessionUnknown, TrafficWoke
from wiresnake.door.path import Path
from wiresnake.host.links import LinkGone, LinkState, PathsChanged
from wiresnake.plane.contract import PlaneLost, RejectedBatch
from wiresnake.tunnel.runtime import Tunnel
from wiresnake.values.addresses import Endpoint
from wiresnake.values.keys import PrivateKey, PublicKey

DOWN = Sockets(None, None)


def key(number):
    return PublicKey(number.to_bytes(32))


def peers(*numbers):
    return [PeerChange(key(number)) for number in numbers]


def test_a_link_that_is_up_at_the_start_is_followed_at_once(world):
    async def scene(tunnel):
        assert tunnel.is_up
        assert tunnel.listen_port == 40001
        kinds = [type(command) for command in world.plane.commands]
        assert kinds == [Mtu, Sockets, Keepalive]
        assert world.interface.said("link") == [(True,)]

    world.at_start["link"] = [Keepalive(1)]
    world.play(scene)


def test_down_ends_the_sessions_before_the_sockets_and_keeps_the_port(world, until):
    async def scene(tunnel):
        port = tunnel.listen_port
        world.interface.answers["link"] = [Keepalive(9)]
        world.link.tell(LinkState(up=False, mtu=1420))
        await until(lambda: not tunnel.is_up)
        assert world.plane.batches[-1] == [Keepalive(9), DOWN]
        assert world.pairs[0].closed
        world.link.tell(LinkState(up=True, mtu=1420))
        await until(lambda: tunnel.is_up)
        assert tunnel.listen_port == port

    world.play(scene)


def test_a_random_port_that_was_lost_is_chosen_anew(world, until):
    async def scene(tunnel):
        world.link.tell(LinkState(up=False, mtu=1420))
        await until(lambda: not tunnel.is_up)
        world.taken.add(tunnel.listen_port)
        world.link.tell(LinkState(up=True, mtu=1420))
        await until(lambda: tunnel.is_up)
        assert tunnel.listen_port == 40002

    world.play(scene)


def test_a_port_asked_for_that_is_taken_leaves_the_link_without_sockets(world, until, caplog):
    async def scene(tunnel):
        await tunnel.apply(Change(listen_port=5000))
        world.taken.add(5000)
        world.link.tell(LinkState(up=True, mtu=1420))
        await until(lambda: tunnel.is_up)
        assert DOWN in world.plane.batches[-1]
        assert "5000" in caplog.text
        with pytest.raises(OSError, match="taken"):
            await tunnel.apply(Change(listen_port=5000))
        world.taken.clear()
        await tunnel.apply(Change(listen_port=5000))
        assert isinstance(world.plane.batches[-1][0], Sockets)
        assert world.plane.batches[-1] != [DOWN]

    world.play(scene, up=False)


def test_while_down_a_port_is_only_remembered(world):
    async def scene(tunnel):
        await tunnel.apply(Change(listen_port=5000, fwmark=3))
        assert tunnel.listen_port == 5000
        assert tunnel.config.fwmark == 3
        assert not world.pairs

    world.play(scene, up=False)


def test_the_mtu_is_followed(world, until):
    async def scene(tunnel):
        world.link.tell(LinkState(up=True, mtu=34736))
        await until(lambda: world.plane.commands[-1] == Mtu(34736))
        batches = len(world.plane.batches)
        world.link.tell(LinkState(up=True, mtu=34736))
        await asyncio.sleep(0.01)
        assert len(world.plane.batches) == batches

    world.play(scene)


def test_new_sockets_are_in_place_before_the_old_are_closed(world):
    async def scene(tunnel):
        old = world.pairs[0]
        real = world.plane.apply
        seen = []

        def watched(commands):
            seen.append((type(commands[0]), old.closed))
            real(commands)

        world.plane.apply = watched
        await tunnel.apply(Change(listen_port=443))
        assert (Sockets, False) in seen
        assert old.closed
        assert tunnel.listen_port == 443

    world.play(scene)


def test_a_port_in_use_changes_nothing(world):
    async def scene(tunnel):
        world.taken.add(443)
        before = len(world.plane.batches)
        with pytest.raises(OSError, match="taken") as refused:
            await tunnel.apply(Change(listen_port=443, fwmark=7, peers=peers(1)))
        assert refused.value.errno == errno.EADDRINUSE
        assert len(world.plane.batches) == before
        assert not world.pairs[0].closed
        assert (tunnel.config.fwmark, tunnel.config.peers) == (0, {})
        assert tunnel.listen_port == 40001

    world.play(scene)


def test_the_same_port_again_is_no_change_and_zero_is_another_port(world):
    async def scene(tunnel):
        await tunnel.apply(Change(listen_port=40001))
        assert len(world.pairs) == 1
        await tunnel.apply(Change(listen_port=0))
        assert tunnel.listen_port == 40002

    world.play(scene)


def test_a_mark_is_set_on_the_sockets_that_are_open(world):
    async def scene(tunnel):
        await tunnel.apply(Change(peers=peers(1)))
        await tunnel.apply(Change(fwmark=51820))
        assert world.pairs[0].mark == 51820
        assert ClearSource(1) in world.plane.commands
        await tunnel.apply(Change(listen_port=443))
        assert world.pairs[1].mark == 51820
        world.marks_refused = True
        with pytest.raises(OSError, match="refused"):
            await tunnel.apply(Change(fwmark=1))
        assert world.pairs[1].mark == tunnel.config.fwmark == 51820

    world.play(scene)


def test_too_many_peers_are_refused_before_the_host_is_asked(world, monkeypatch):
    monkeypatch.setattr("wiresnake.config.merge.MAX_PEERS", 2)

    async def scene(tunnel):
        with pytest.raises(TooManyPeers):
            await tunnel.apply(Change(listen_port=443, peers=peers(1, 2, 3)))
        assert tunnel.listen_port == 40001
        assert not tunnel.config.peers

    world.play(scene)


def test_a_long_request_lets_others_have_their_turn(world):
    async def scene(tunnel):
        turns = 0

        async def somebody_else():
            nonlocal turns
            while True:
                turns += 1
                assert not tunnel.config.peers, "a reading sees all of a request or nothing"
                await asyncio.sleep(0)

        other = asyncio.create_task(somebody_else())
        await tunnel.apply(Change(peers=peers(*range(1, 2001))))
        other.cancel()
        assert turns >= 10
        assert max(len(batch) for batch in world.plane.batches) <= 512
        assert [c.peer for c in world.plane.commands if isinstance(c, Add)] == [*range(1, 2001)]
        assert world.interface.said("reconfigure")[-1] == ([RequestEnded()],)

    world.play(scene)


def test_requests_are_carried_out_one_after_the_other(world):
    async def scene(tunnel):
        await asyncio.gather(
            tunnel.apply(Change(peers=peers(*range(1, 1001)))),
            tunnel.apply(Change(replace_peers=True, peers=peers(5))),
        )
        assert list(tunnel.config.peers) == [key(5)]
        edits = [edit for (part,) in world.interface.said("reconfigure") for edit in part]
        ends = [index for index, edit in enumerate(edits) if isinstance(edit, RequestEnded)]
        added = [index for index, edit in enumerate(edits) if isinstance(edit, PeerAdded)]
        removed = [index for index, edit in enumerate(edits) if isinstance(edit, PeerRemoved)]
        assert added[999] < ends[0] < removed[0]
        assert sum(isinstance(c, Forget) for c in world.plane.commands) == 1000

    world.play(scene)


def test_a_caller_who_goes_away_does_not_stop_a_request_half_way(world, until):
    async def scene(tunnel):
        asking = asyncio.create_task(tunnel.apply(Change(peers=peers(*range(1, 1001)))))
        await until(lambda: world.interface.numbers)
        asking.cancel()
        await until(lambda: len(tunnel.config.peers) == 1000)

    world.play(scene)


def test_a_reading_is_of_one_moment_and_comes_in_parts(world):
    async def scene(tunnel):
        await tunnel.apply(Change(peers=peers(*range(1, 601))))
        config = tunnel.config
        reading = tunnel.peers(config)
        first = await anext(reading)
        await tunnel.apply(Change(replace_peers=True))
        rest = [each async for part in reading for each in part]
        assert [peer.public_key for peer, _ in first + rest] == [key(n) for n in range(1, 601)]
        status = first[4][1]
        assert (status.tx_bytes, status.rx_bytes, status.last_handshake_ns) == (5, 10, 7)
        assert status.endpoint == Endpoint(bytes(4), 5)
        assert rest[-1][1].tx_bytes == 0
        assert max(len(asked) for asked in world.plane.observed) < 600

    world.play(scene)


def test_notices_go_to_their_verbs_and_answers_to_the_plane(world, until):
    async def scene(tunnel):
        path = Path(Endpoint(bytes(4), 1), b"", 0, 100.0)
        world.interface.answers = {"receive": [Keepalive(1)], "notice": [Keepalive(2)]}
        world.plane.tell(SessionUnknown(3), Handshake(b"hello", path))
        await until(lambda: Keepalive(1) in world.plane.commands)
        assert world.plane.batches[-1] == [Keepalive(2), Keepalive(1)]
        assert world.interface.said("receive") == [(b"hello",)]
        assert world.interface.said("notice") == [(SessionUnknown(3),)]

    world.play(scene)


def test_the_plane_is_drained_before_a_deadline_is_acted_upon(world, until):
    async def scene(tunnel):
        world.interface.deadline_is, world.interface.due_are = 100.0, [4, 5]
        world.interface.answers["expire"] = [Keepalive(4)]
        world.plane.notices.append(TrafficWoke(4))
        world.timer.ring()
        await until(lambda: world.interface.said("expire"))
        verbs = [call[0] for call in world.interface.calls]
        assert verbs.index("notice") < verbs.index("expire")
        assert world.interface.said("expire") == [([4, 5],)]
        assert world.plane.commands[-1] == Keepalive(4)

    world.play(scene)


def test_the_timer_follows_the_deadline(world):
    async def scene(tunnel):
        world.interface.deadline_is = 123.0
        await tunnel.apply(Change(peers=peers(1)))
        assert world.timer.at == 123.0

    world.play(scene)


def test_a_deadline_without_commands_is_set_as_well(world, until):
    async def scene(tunnel):
        world.interface.deadline_is = 55.0
        world.plane.tell(TrafficWoke(1))
        await until(lambda: world.timer.at == 55.0)

    world.play(scene)


def test_a_resume_is_told(world, until):
    async def scene(tunnel):
        world.sleep.seconds = 0.2
        world.sleep.ring()
        await until(lambda: world.sleep.seconds == 0.0)
        assert not world.interface.said("resumed")
        world.sleep.seconds = 3600.0
        world.sleep.ring()
        await until(lambda: world.interface.said("resumed"))

    world.play(scene)


def test_sources_are_forgotten_once_when_paths_change_often(world, until):
    async def scene(tunnel):
        await tunnel.apply(Change(peers=peers(1, 2, 3)))
        world.sources.lost = {2, 3}
        for _ in range(5):
            world.link.tell(PathsChanged())
            await asyncio.sleep(0)
        await until(lambda: ClearSource(3) in world.plane.commands)
        await asyncio.sleep(0.05)
        cleared = [each for each in world.plane.commands if isinstance(each, ClearSource)]
        assert cleared == [ClearSource(2), ClearSource(3)]

    world.play(scene)


def test_a_deleted_interface_ends_the_tunnel_in_peace(world):
    async def scene(tunnel):
        world.link.tell(LinkGone())
        ending = await tunnel.ended
        assert not ending.failed
        assert "deleted" in ending.why

    world.play(scene)


@pytest.mark.parametrize("cause", ["lost", "failed", "rejected", "fault"])
def test_without_its_plane_a_tunnel_fails_closed(world, cause):
    async def scene(tunnel):
        if cause == "lost":
            world.plane.lost = "the plane ended"
            world.plane.ring()
        elif cause == "failed":
            world.plane.tell(PlaneFailed("the plane ended"))
        elif cause == "rejected":

            def reject(commands):
                raise RejectedBatch("the plane ended")

            world.plane.apply = reject
            world.interface.answers["notice"] = [Keepalive(1)]
            world.plane.tell(TrafficWoke(1))
        else:
            asyncio.get_running_loop().set_exception_handler(lambda *_: None)
            world.interface.notice = None
            world.plane.tell(TrafficWoke(1))
        ending = await tunnel.ended
        assert ending.failed
        assert ending.why == ("a fault in the runtime" if cause == "fault" else "the plane ended")
        with pytest.raises(PlaneLost):
            await tunnel.apply(Change(peers=peers(1)))

    world.play(scene)


def test_a_request_during_which_the_plane_is_lost_is_not_kept(world, until):
    async def scene(tunnel):
        asking = asyncio.create_task(tunnel.apply(Change(peers=peers(*range(1, 1001)))))
        await until(lambda: world.interface.numbers)
        world.plane.lost = "the plane ended"
        with pytest.raises(PlaneLost):
            await asking
        assert not tunnel.config.peers
        assert (await tunnel.ended).failed

    world.play(scene)


def test_the_private_key_is_wiped_at_the_end(world):
    private = PrivateKey(bytes(range(32)))

    async def scene(tunnel):
        await tunnel.apply(Change(private_key=private))

    world.play(scene)
    assert private.is_zero


def test_two_tunnels_fit_in_one_process(world):
    other = type(world)()

    async def both(tunnel):
        second = Tunnel(other.plane, other.host)
        second.start()
        await tunnel.apply(Change(peers=peers(1)))
        await second.apply(Change(listen_port=7))
        assert list(tunnel.config.peers) == [key(1)]
        assert not second.config.peers
        assert (tunnel.listen_port, second.listen_port) == (40001, 7)
        await second.close()

    world.play(both)
