"""Following an interface: its state, its moves, its end; and the paths around it."""

import os
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Self

import pytest

from wiresnake.host import links, tun
from wiresnake.host.links import LinkEvent, LinkGone, LinkState, LinkWatch, PathsChanged
from wiresnake.host.namespaces import Namespace, join, two_hosts
from wiresnake.host.tun import Tun

UP, DOWN = LinkState(up=True, mtu=1420), LinkState(up=False, mtu=1420)


class Events:
    """What a `LinkWatch` told, all of it.

    rtnetlink tells before the program that changed something hears of its success, so what `ip`
    did can be read at once; only what a namespace does at its end must be waited for.
    """

    def __init__(self, watch: LinkWatch) -> None:
        self.watch = watch
        self.told: list[LinkEvent] = []

    def states(self) -> list[LinkEvent]:
        """Read, and return what was told but of paths."""
        fresh = self.watch.read()
        self.told += fresh
        return [event for event in fresh if event != PathsChanged()]

    def until(self, wanted: LinkEvent, limit: float = 5.0) -> None:
        end = time.monotonic() + limit
        while wanted not in self.told:
            left = end - time.monotonic()
            assert left > 0, (wanted, self.told)
            select.select([self.watch], [], [], left)
            self.told += self.watch.read()

    def forget_paths(self) -> None:
        """Wait until a report of changed paths is over, and the next would come at once."""
        while True:
            self.told += self.watch.read()
            if not select.select([self.watch], [], [], 2 * links._QUIET_TIME)[0]:
                return


@pytest.fixture
def made(host: Namespace) -> Iterator[Tun]:
    with host.enter():
        inner = tun.create("wg0", 1420)
    yield inner
    os.close(inner.fd)


@pytest.fixture
def events(host: Namespace, made: Tun) -> Iterator[Events]:
    with host.enter():
        watch = LinkWatch(made)
    with closing(watch):
        yield Events(watch)


@pytest.mark.root
class TestAtHome:
    def test_begins_with_what_is(self, host: Namespace, made: Tun) -> None:
        host.ip("link", "set", "wg0", "up", "mtu", "1380")
        with host.enter(), closing(LinkWatch(made)) as watch:
            assert watch.state() == LinkState(up=True, mtu=1380)

    def test_every_change_is_told_in_order(self, host: Namespace, events: Events) -> None:
        assert events.watch.state() == DOWN
        for words in ("up", "mtu 34736", "down", "up", "mtu 1420", "down"):
            host.ip("link", "set", "wg0", *words.split())
        assert events.states() == [
            UP,
            LinkState(up=True, mtu=34736),
            LinkState(up=False, mtu=34736),
            LinkState(up=True, mtu=34736),
            UP,
            DOWN,
        ]
        assert events.watch.state() == DOWN

    def test_what_changes_neither_is_not_told(self, host: Namespace, events: Events) -> None:
        host.ip("link", "set", "wg0", "alias", "the office")
        host.ip("link", "set", "wg0", "txqueuelen", "900")
        assert events.states() == []

    def test_other_links_are_not_ours(self, host: Namespace, events: Events) -> None:
        host.ip("link", "add", "other", "type", "veth", "peer", "name", "end")
        host.ip("link", "set", "other", "up", "mtu", "1300")
        host.ip("link", "delete", "other")
        assert events.states() == []

    def test_a_new_name_changes_nothing(self, host: Namespace, events: Events) -> None:
        host.ip("link", "set", "wg0", "name", "office")
        host.ip("link", "set", "office", "up")
        assert events.states() == [UP]

    def test_deleted_is_told_last_and_once(self, host: Namespace, events: Events) -> None:
        host.ip("link", "set", "wg0", "up")
        host.ip("link", "delete", "wg0")
        told = events.watch.read()
        assert told[0] == UP
        assert told[-1] == LinkGone()
        assert events.watch.read() == []
        assert not select.select([events.watch], [], [], 0)[0]

    def test_gone_before_the_watch_is_an_error(self, host: Namespace, made: Tun) -> None:
        host.ip("link", "delete", "wg0")
        before = len(list(Path("/proc/self/fd").iterdir()))
        with host.enter(), pytest.raises(FileNotFoundError, match="wg0 is gone"):
            LinkWatch(made)
        assert len(list(Path("/proc/self/fd").iterdir())) == before

    def test_a_lost_message_makes_it_look_again(self, host: Namespace, events: Events) -> None:
        events.watch._links.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        flaps = ["link set wg0 up", "link set wg0 down"] * 20
        script = "\n".join([*flaps, "link set wg0 up", "link set wg0 mtu 1281", ""])
        host.run(["ip", "-batch", "-"], text=script)
        events.until(LinkState(up=True, mtu=1281))
        assert len(events.told) < len(flaps)
        assert events.states() == []
        host.ip("link", "set", "wg0", "down")
        assert events.states() == [LinkState(up=False, mtu=1281)]

    def test_close_may_be_repeated_and_leaves_the_tun(self, host: Namespace, made: Tun) -> None:
        before = len(list(Path("/proc/self/fd").iterdir()))
        with host.enter():
            watch = LinkWatch(made)
        watch.close()
        watch.close()
        assert len(list(Path("/proc/self/fd").iterdir())) == before
        assert tun.attached_name(made.fd) == "wg0"


@pytest.mark.root
class TestAway:
    def test_is_followed_and_followed_back(
        self, host: Namespace, elsewhere: Namespace, events: Events
    ) -> None:
        host.ip("link", "set", "wg0", "up")
        assert events.states() == [UP]
        host.ip("link", "set", "wg0", "netns", str(elsewhere.pid))
        assert events.states() == [DOWN]
        elsewhere.ip("link", "set", "wg0", "up")
        elsewhere.ip("link", "set", "wg0", "mtu", "1280")
        assert events.states()[-2:] == [UP, LinkState(up=True, mtu=1280)]
        elsewhere.ip("link", "set", "wg0", "netns", str(host.pid))
        assert events.states()[-1] == LinkState(up=False, mtu=1280)
        host.ip("link", "set", "wg0", "up")
        assert events.states() == [LinkState(up=True, mtu=1280)]
        host.ip("link", "delete", "wg0")
        assert events.states() == [LinkState(up=False, mtu=1280), LinkGone()]

    def test_is_followed_from_there_to_a_third(
        self, host: Namespace, elsewhere: Namespace, events: Events
    ) -> None:
        with Namespace("third") as third:
            host.ip("link", "set", "wg0", "netns", str(elsewhere.pid))
            events.states()
            elsewhere.ip("link", "set", "wg0", "netns", str(third.pid), "name", "moved")
            events.states()
            third.ip("link", "set", "moved", "up")
            assert events.states()[-1] == UP

    def test_several_moves_between_two_readings(
        self, host: Namespace, elsewhere: Namespace, events: Events
    ) -> None:
        for _ in range(5):
            host.ip("link", "set", "wg0", "netns", str(elsewhere.pid))
            elsewhere.ip("link", "set", "wg0", "netns", str(host.pid))
        host.ip("link", "set", "wg0", "netns", str(elsewhere.pid))
        elsewhere.ip("link", "set", "wg0", "up")
        events.until(UP)
        assert events.watch.state() == UP

    def test_one_of_the_same_name_and_index_at_home_is_another(
        self, host: Namespace, elsewhere: Namespace, events: Events
    ) -> None:
        index = events.watch._where.index
        host.ip("link", "set", "wg0", "netns", str(elsewhere.pid))
        host.ip("link", "add", "wg0", "index", str(index), "type", "veth", "peer", "name", "end")
        host.ip("link", "set", "wg0", "up", "mtu", "1333")
        host.ip("link", "delete", "wg0")
        assert events.states() == []
        elsewhere.ip("link", "set", "wg0", "up")
        assert events.states() == [UP]

    def test_deleted_there_it_is_gone(
        self, host: Namespace, elsewhere: Namespace, events: Events
    ) -> None:
        host.ip("link", "set", "wg0", "netns", str(elsewhere.pid))
        assert events.states() == []
        elsewhere.ip("link", "delete", "wg0")
        assert events.states() == [LinkGone()]

    def test_it_goes_with_its_namespace(self, host: Namespace, events: Events) -> None:
        with Namespace("short-lived") as there:
            host.ip("link", "set", "wg0", "netns", str(there.pid))
            there.ip("link", "set", "wg0", "up")
            assert events.states()[-1] == UP
        events.until(LinkGone())

    def test_a_tun_handed_in_from_elsewhere(
        self, host: Namespace, elsewhere: Namespace, made: Tun
    ) -> None:
        with elsewhere.enter(), closing(LinkWatch(made)) as watch:
            events = Events(watch)
            assert watch.state() == DOWN
            host.ip("link", "set", "wg0", "up", "mtu", "1300")
            assert events.states()[-1] == LinkState(up=True, mtu=1300)
            host.ip("link", "delete", "wg0")
            assert events.states() == [LinkState(up=False, mtu=1300), LinkGone()]


class Watcher:
    """link_watcher.py at work inside ``host``, for half a minute at most."""

    def __init__(self, host: Namespace, when: str, interval: float) -> None:
        program = str(Path(__file__).with_name("link_watcher.py"))
        argv = [sys.executable, program, when, str(interval)]
        self.process = host.popen(argv, stdout=subprocess.PIPE)
        self._limit = threading.Timer(30, self.process.kill)
        self._limit.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._limit.cancel()
        self._limit.join()
        with self.process:
            self.process.kill()

    def expect(self, *wanted: LinkEvent) -> None:
        """Wait until these events were told, in this order."""
        assert self.process.stdout is not None
        for event in wanted:
            while (line := self.process.stdout.readline().decode().strip()) != repr(event):
                assert line, f"it ended without {event}"


@pytest.mark.root
class TestWithReducedRights:
    """CAP_NET_ADMIN alone. Made ``late`` the watch may not listen everywhere, and looks."""

    @pytest.mark.parametrize(("when", "interval"), [("early", 3600), ("late", 0.02)])
    def test_it_is_followed_all_the_same(
        self, host: Namespace, elsewhere: Namespace, when: str, interval: float
    ) -> None:
        with Watcher(host, when, interval) as watcher:
            watcher.expect(DOWN)
            host.ip("link", "set", "wg0", "up")
            watcher.expect(UP)
            host.ip("link", "set", "wg0", "netns", str(elsewhere.pid))
            watcher.expect(DOWN)
            elsewhere.ip("link", "set", "wg0", "up")
            watcher.expect(UP)
            elsewhere.ip("link", "set", "wg0", "mtu", "9000")
            watcher.expect(LinkState(up=True, mtu=9000))
            elsewhere.ip("link", "delete", "wg0")
            watcher.expect(LinkGone())
            assert watcher.process.wait(5) == 0

    @pytest.mark.parametrize("when", ["early", "late"])
    def test_it_goes_with_its_namespace(self, host: Namespace, when: str) -> None:
        with Watcher(host, when, 0.02) as watcher:
            watcher.expect(DOWN)
            with Namespace("short-lived") as there:
                host.ip("link", "set", "wg0", "netns", str(there.pid))
                there.ip("link", "set", "wg0", "up")
                watcher.expect(UP)
            watcher.expect(LinkGone())


@pytest.mark.root
class TestPaths:
    @pytest.fixture
    def cabled(
        self,
        host: Namespace,
        elsewhere: Namespace,
        made: Tun,
        monkeypatch: pytest.MonkeyPatch,
    ) -> Iterator[Events]:
        monkeypatch.setattr(links, "_QUIET_TIME", 0.05)
        join(host, elsewhere, ("eth0", "eth0"))
        host.add_address("eth0", "192.0.2.1/24")
        with host.enter():
            watch = LinkWatch(made)
        with closing(watch):
            events = Events(watch)
            host.ip("link", "set", "lo", "down")  # from here on the carriers are known
            host.ip("link", "set", "lo", "up")
            events.forget_paths()
            yield events

    @pytest.mark.parametrize(
        "change",
        [
            "address add 192.0.2.7/24 dev eth0",
            "address delete 192.0.2.1/24 dev eth0",
            "address add 2001:db8::1/64 dev eth0 nodad",
            "route add 198.51.100.0/24 via 192.0.2.2",
            "route add 2001:db8:1::/48 dev eth0",
            "link set eth0 down",
            "link delete eth0",
        ],
    )
    def test_each_change_is_told_once(self, host: Namespace, cabled: Events, change: str) -> None:
        host.ip(*change.split())
        assert select.select([cabled.watch], [], [], 1)[0]
        assert cabled.watch.read() == [PathsChanged()]

    def test_a_cable_pulled_at_the_other_end(self, elsewhere: Namespace, cabled: Events) -> None:
        cabled.told.clear()
        elsewhere.ip("link", "set", "eth0", "down")
        cabled.until(PathsChanged())

    def test_what_changes_no_path_is_not_told(self, host: Namespace, cabled: Events) -> None:
        host.ip("link", "set", "wg0", "alias", "office")
        assert cabled.watch.read() == []

    def test_elsewhere_is_not_here(
        self, host: Namespace, elsewhere: Namespace, cabled: Events
    ) -> None:
        host.ip("link", "set", "wg0", "netns", str(elsewhere.pid))
        cabled.forget_paths()
        elsewhere.ip("link", "add", "other", "type", "veth", "peer", "name", "end")
        elsewhere.add_address("other", "198.51.100.1/24")
        elsewhere.ip("link", "set", "other", "up")
        assert cabled.watch.read() == []

    def test_a_storm_of_routes_wakes_nobody_often(self, host: Namespace, cabled: Events) -> None:
        routes = [f"route add 10.{n >> 8}.{n & 255}.0/24 via 192.0.2.2\n" for n in range(1000)]
        cabled.told.clear()
        began = time.monotonic()
        storm = host.popen(["ip", "-batch", "-"], stdin=subprocess.PIPE)
        assert storm.stdin is not None
        with storm:
            storm.stdin.write("".join(routes).encode())
            storm.stdin.close()
            while storm.poll() is None:
                if select.select([cabled.watch], [], [], 0.05)[0]:
                    cabled.told += cabled.watch.read()
        cabled.forget_paths()
        took = time.monotonic() - began
        assert 1 <= len(cabled.told) <= took / links._QUIET_TIME + 2

    def test_a_plain_descriptor_hears_of_paths_too(self, undo: ExitStack) -> None:
        here, _ = undo.enter_context(two_hosts())
        ours, theirs = map(undo.enter_context, socket.socketpair())
        with here.enter():
            watch = undo.enter_context(closing(LinkWatch(tun.adopt(ours.fileno()))))
        assert watch.state() == LinkState(up=True, mtu=links.UNKNOWN_MTU)
        here.add_address("eth0", "192.0.2.9/24")
        assert watch.read() == [PathsChanged()]
        theirs.close()
