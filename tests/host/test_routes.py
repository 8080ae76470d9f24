"""Routes and rules, held to what `ip` says of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from wiresnake.host import routes
from wiresnake.host.namespaces import Namespace, two_hosts
from wiresnake.host.netlink import Requests
from wiresnake.host.routes import MAIN, Route, Rule
from wiresnake.values.addresses import Prefix, pack_address

EVERYTHING = (Prefix.parse("0.0.0.0/0"), Prefix.parse("::/0"))


@pytest.fixture
def cabled() -> Iterator[Namespace]:
    with two_hosts() as (left, _):
        yield left


@pytest.fixture
def requests(cabled: Namespace) -> Iterator[Requests]:
    with cabled.enter():
        opened = Requests()
    with opened:
        yield opened


def index_of(cabled: Namespace) -> int:
    return int(cabled.ip("link", "show", "eth0").partition(":")[0])


def lines(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


@pytest.mark.root
class TestRoutes:
    @pytest.mark.parametrize(
        ("prefix", "table", "words"),
        [
            ("10.9.0.0/16", MAIN, "-4 route add 10.9.0.0/16 dev eth0"),
            ("0.0.0.0/0", 51820, "-4 route add 0.0.0.0/0 dev eth0 table 51820"),
            ("fd99::/64", MAIN, "-6 route add fd99::/64 dev eth0"),
            ("::/0", 200, "-6 route add ::/0 dev eth0 table 200"),
        ],
    )
    def test_a_route_is_the_one_that_ip_makes(
        self, cabled: Namespace, requests: Requests, prefix: str, table: int, words: str
    ) -> None:
        family = words.split()[0]
        show = ("-d", family, "route", "show", "table", str(table))
        before = cabled.run(["ip", *show], check=False).stdout
        cabled.ip(*words.split())
        theirs = cabled.ip(*show)
        cabled.ip(*words.replace("add", "delete").split())
        route = Route(Prefix.parse(prefix), table, index_of(cabled))
        routes.add_route(requests, route)
        assert cabled.ip(*show) == theirs
        with pytest.raises(FileExistsError):
            routes.add_route(requests, route)
        assert routes.remove_route(requests, route)
        assert not routes.remove_route(requests, route)
        assert cabled.run(["ip", *show], check=False).stdout == before

    @pytest.mark.parametrize("ipv6", [False, True])
    def test_a_last_resort_leads_nowhere(
        self, cabled: Namespace, requests: Requests, ipv6: bool
    ) -> None:
        family = "-6" if ipv6 else "-4"
        last = Route(EVERYTHING[ipv6], 51820, index=0, metric=4_000_000_000)
        better = Route(EVERYTHING[ipv6], 51820, index_of(cabled))
        routes.add_route(requests, last)
        routes.add_route(requests, better)
        shown = lines(cabled.ip(family, "route", "show", "table", "51820"))
        assert len(shown) == 2
        assert any(line.startswith("unreachable default metric 4000000000") for line in shown) or (
            any(line.startswith("unreachable default") and "4000000000" in line for line in shown)
        )
        assert routes.remove_route(requests, last)
        shown = lines(cabled.ip(family, "route", "show", "table", "51820"))
        assert len(shown) == 1
        assert shown[0].startswith("default dev eth0")

    def test_an_empty_table_is_empty_in_both_families(
        self, cabled: Namespace, requests: Requests
    ) -> None:
        assert routes.is_empty(requests, 51820)
        assert not routes.is_empty(requests, MAIN)
        cabled.ip("-6", "route", "add", "fd99::/64", "dev", "eth0", "table", "51820")
        assert not routes.is_empty(requests, 51820)
        assert routes.is_empty(requests, 51821)

    def test_the_mtu_on_the_way(self, cabled: Namespace, requests: Requests) -> None:
        near, far = pack_address("192.0.2.2"), pack_address("203.0.113.1")
        assert routes.route_mtu(requests, near) == 1500
        assert routes.route_mtu(requests, far) is None
        assert routes.default_mtu(requests) is None
        cabled.ip("route", "add", "203.0.113.0/24", "via", "192.0.2.2", "mtu", "1400")
        assert routes.route_mtu(requests, far) == 1400
        cabled.ip("route", "add", "unreachable", "198.51.100.0/24")
        assert routes.route_mtu(requests, pack_address("198.51.100.1")) is None
        cabled.ip("-6", "route", "add", "default", "via", "2001:db8::2", "mtu", "1350")
        assert routes.route_mtu(requests, pack_address("2001:db8:9::1")) == 1350
        assert routes.default_mtu(requests) == 1350
        cabled.ip("route", "add", "default", "via", "192.0.2.2")
        assert routes.default_mtu(requests) == 1350
        cabled.ip("-6", "route", "delete", "default")
        assert routes.default_mtu(requests) == 1500


@pytest.mark.root
class TestRules:
    @pytest.mark.parametrize(
        ("rule", "words"),
        [
            (Rule(False, 32765, 51820, mark=51820), "-4 rule add not fwmark 51820 table 51820"),
            (Rule(True, 32765, 51820, mark=51820), "-6 rule add not fwmark 51820 table 51820"),
            (
                Rule(False, 32765, MAIN, suppress=0),
                "-4 rule add table main suppress_prefixlength 0",
            ),
            (Rule(True, 32765, MAIN, suppress=0), "-6 rule add table main suppress_prefixlength 0"),
        ],
    )
    def test_a_rule_is_the_one_that_ip_makes(
        self, cabled: Namespace, requests: Requests, rule: Rule, words: str
    ) -> None:
        family = words.split()[0]
        cabled.ip(*words.split())
        theirs = cabled.ip("-d", family, "rule")
        assert rule in routes.rules(requests, ipv6=rule.ipv6)
        cabled.ip(*words.replace("add", "delete").split())
        before = cabled.ip("-d", family, "rule")
        routes.add_rule(requests, rule)
        assert cabled.ip("-d", family, "rule") == theirs
        with pytest.raises(FileExistsError):
            routes.add_rule(requests, rule)
        assert routes.remove_rule(requests, rule)
        assert not routes.remove_rule(requests, rule)
        assert cabled.ip("-d", family, "rule") == before

    def test_they_come_in_their_order(self, cabled: Namespace, requests: Requests) -> None:
        for priority in ("500", "90", "7000"):
            cabled.ip("rule", "add", "from", "10.0.0.1", "table", "7", "priority", priority)
        found = [rule.priority for rule in routes.rules(requests, ipv6=False)]
        assert found == [0, 90, 500, 7000, 32766, 32767]


class TestTableNames:
    @pytest.fixture(autouse=True)
    def files(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "more").mkdir()
        (tmp_path / "more" / "a.conf").write_text("201 office\nx y\n")
        (tmp_path / "more" / "b.txt").write_text("202 never\n")
        (tmp_path / "rt_tables").write_text("# reserved\n255\tlocal\n200 \thome # mine\n")
        names = (str(tmp_path / "rt_tables"), str(tmp_path / "more"), str(tmp_path / "nowhere"))
        monkeypatch.setattr(routes, "NAME_FILES", names)

    @pytest.mark.parametrize(
        ("word", "number"),
        [
            ("main", 254), ("local", 255), ("default", 253), ("51820", 51820), ("0x10", 16),
            ("4294967295", 4294967295), ("4294967296", None), ("0", None), ("-1", None),
            ("home", 200), ("office", 201), ("never", None), ("", None), ("1 2", None),
        ],
    )  # fmt: skip
    def test_a_word_is_a_number_or_has_one(self, word: str, number: int | None) -> None:
        assert routes.table_number(word) == number
