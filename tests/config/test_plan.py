"""The plan of `up`, whatever the file and the host are like."""

import dataclasses
import ipaddress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiresnake.config.plan import Impossible, Situation, Wish, opening, rest
from wiresnake.config.quick import InterfaceAddress, QuickConfig
from wiresnake.config.steps import (
    MAIN,
    AddAddress,
    AddLastResort,
    AddRoutes,
    AddRule,
    HandOver,
    MakeLink,
    RaiseGuard,
    RunHook,
    SetDns,
    SetMark,
    SetUp,
    Step,
    WriteSetting,
)
from wiresnake.values.addresses import Prefix

WISH = Wish("wg0", "/etc/wireguard/wg0.conf", "daemon", ["wiresnaked"], "token", {})
NOW = Situation(
    mark=0, allowed=[], path_mtu=1500, table=0, free_table=51820, priorities=(32765, 32760),
    setting="0", setting_is_writable=True, guard="nft", dns="resolvconf", dns_record="tun.wg0",
    ipv6_is_off=False, looks_again=True,
)  # fmt: skip

_ADDRESSES = st.one_of(
    st.builds(InterfaceAddress, st.binary(min_size=4, max_size=4), st.integers(0, 32)),
    st.builds(InterfaceAddress, st.binary(min_size=16, max_size=16), st.integers(0, 128)),
)
_PREFIXES = st.one_of(
    st.builds(Prefix.of, st.binary(min_size=4, max_size=4), st.integers(0, 32)),
    st.builds(Prefix.of, st.binary(min_size=16, max_size=16), st.integers(0, 128)),
    st.sampled_from([Prefix(bytes(4), 0), Prefix(bytes(16), 0)]),
)
_TABLES = st.sampled_from(["auto", "off", "1234"])
_SITUATIONS = st.builds(
    Situation,
    mark=st.sampled_from([0, 7]),
    allowed=st.lists(_PREFIXES),
    path_mtu=st.integers(1280, 9000),
    table=st.just(1234),
    free_table=st.integers(51820, 51830),
    priorities=st.tuples(st.integers(3, 32765), st.integers(3, 32765)),
    setting=st.sampled_from(["", "0", "1"]),
    setting_is_writable=st.booleans(),
    guard=st.sampled_from(["nft", "iptables", ""]),
    dns=st.sampled_from(["resolvconf", "resolvectl", ""]),
    dns_record=st.just("wg0"),
    ipv6_is_off=st.booleans(),
    looks_again=st.booleans(),
)
_CONFIGS = st.builds(QuickConfig, addresses=st.lists(_ADDRESSES), table=_TABLES)


def allowing(*texts: str, **more: object) -> Situation:
    return dataclasses.replace(NOW, allowed=list(map(Prefix.parse, texts)), **more)


def of(kind: type, steps: list[Step]) -> list:
    return [step for step in steps if isinstance(step, kind)]


class TestAnyPlan:
    @given(_CONFIGS, _SITUATIONS)
    def test_a_journal_gives_it_back(self, config: QuickConfig, now: Situation) -> None:
        steps = [*opening(config, WISH), *rest(config, WISH, now).steps]
        assert msgspec.json.decode(msgspec.json.encode(steps), type=list[Step]) == steps
        for step in steps:
            assert "\n" not in step.words + step.backwards
            assert step.words

    @given(_CONFIGS, _SITUATIONS)
    def test_every_prefix_is_led_into_the_interface(
        self, config: QuickConfig, now: Situation
    ) -> None:
        """With the kernel's own routes; and never a prefix that was not asked for."""
        steps = rest(config, WISH, now).steps
        routed = [Prefix.parse(text) for step in of(AddRoutes, steps) for text in step.prefixes]
        wanted = {each for each in now.allowed if not (each.is_ipv6 and now.ipv6_is_off)}
        if config.table == "off":
            assert routed == []
            return
        assert len(set(routed)) == len(routed)
        assert set(routed) <= wanted
        connected = [network(str(held)) for held in config.addresses]
        for prefix in wanted - set(routed):
            assert config.table == "auto"
            assert any(inside(network(str(prefix)), each) for each in connected)

    @given(_CONFIGS, _SITUATIONS)
    def test_a_rule_stands_only_where_a_default_route_does(
        self, config: QuickConfig, now: Situation
    ) -> None:
        steps = rest(config, WISH, now).steps
        for rule in of(AddRule, steps):
            assert rule.table in {MAIN, now.mark or now.free_table}
            ways = [step.prefixes for step in of(AddRoutes, steps) if step.table != MAIN]
            assert ["::/0" if rule.ipv6 else "0.0.0.0/0"] in ways
            assert rule.priority > 0
        assert len({(rule.ipv6, rule.priority) for rule in of(AddRule, steps)}) == len(
            of(AddRule, steps)
        )
        assert bool(of(SetMark, steps)) == (bool(of(AddRule, steps)) and not now.mark)

    @given(_CONFIGS, _SITUATIONS)
    def test_with_a_kill_switch_no_family_is_left_out(
        self, config: QuickConfig, now: Situation
    ) -> None:
        wish = dataclasses.replace(WISH, kill_switch=True)
        try:
            steps = [*opening(config, wish), *rest(config, wish, now).steps]
        except Impossible:
            whole = [each for each in now.allowed if not each.length]
            if now.ipv6_is_off:
                whole = [each for each in whole if not each.is_ipv6]
            assert config.table == "off" or (config.table == "auto" and not whole)
            return
        families = {False} if now.ipv6_is_off else {False, True}
        assert {step.ipv6 for step in of(AddLastResort, steps)} == families
        for last in of(AddLastResort, steps):
            for rule in of(AddRule, steps):
                assert rule.ipv6 != last.ipv6 or steps.index(rule) > steps.index(last)


def network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    return ipaddress.ip_network(text, strict=False)


def inside(inner, outer) -> bool:
    return inner.version == outer.version and inner.subnet_of(outer)


class TestExamples:
    def test_the_order_of_things(self) -> None:
        hooks = {key: [f"{key} %i"] for key in ("preup", "postup", "predown", "postdown")}
        config = QuickConfig(
            addresses=[InterfaceAddress.parse("10.0.0.1/24"), InterfaceAddress.parse("fd77::1/64")],
            dns=["192.0.2.53"],
            hooks=hooks,
        )
        wish = dataclasses.replace(WISH, endpoints={"key": ["a:1"]})
        plan = rest(config, wish, allowing("0.0.0.0/0", "::/0", "10.9.0.0/16"))
        assert [type(step).__name__ for step in (*opening(config, wish), *plan.steps)] == [
            "MakeLink", "RunHook", "Configure", "HandOver", "AddAddress", "AddAddress", "SetUp",
            "SetDns", "AddRoutes", "SetMark",
            "RaiseGuard", "AddRoutes", "AddRule", "AddRule",
            "WriteSetting", "RaiseGuard", "AddRoutes", "AddRule", "AddRule", "RunHook",
        ]  # fmt: skip
        assert plan.warnings == []
        assert of(RunHook, plan.steps) == [RunHook("postup wg0")]
        assert of(SetUp, plan.steps) == [SetUp("wg0", 1420)]
        assert of(AddRule, plan.steps)[-2:] == [
            AddRule(ipv6=False, priority=32765, table=51820, mark=51820),
            AddRule(ipv6=False, priority=32764, table=MAIN),
        ]

    def test_hooks_can_be_left_out(self) -> None:
        config = QuickConfig(hooks={"preup": ["a"], "postup": ["b"]})
        wish = dataclasses.replace(WISH, hooks=False)
        assert not of(RunHook, [*opening(config, wish), *rest(config, wish, NOW).steps])

    @pytest.mark.parametrize(
        ("allowed", "warning"),
        [
            (["0.0.0.0/0"], ("all of IPv4 goes into the tunnel and IPv6 goes past it: "
             "AllowedIPs lack ::/0")),
            (["::/0"], ("all of IPv6 goes into the tunnel and IPv4 goes past it: "
             "AllowedIPs lack 0.0.0.0/0")),
            (["0.0.0.0/1", "128.0.0.0/1"], ("all of IPv4 goes into the tunnel and IPv6 goes past "
             "it: AllowedIPs lack ::/0")),
        ],
    )  # fmt: skip
    def test_a_family_that_leaks_is_told(self, allowed: list[str], warning: str) -> None:
        assert rest(QuickConfig(), WISH, allowing(*allowed)).warnings == [warning]

    @pytest.mark.parametrize(
        "now",
        [
            allowing("0.0.0.0/0", "::/0"),
            allowing("10.0.0.0/8"),
            allowing("0.0.0.0/1"),
            allowing("0.0.0.0/0", ipv6_is_off=True),
            allowing("0.0.0.0/0", "::/1", "8000::/1"),
        ],
    )
    def test_nothing_is_said_where_nothing_leaks(self, now: Situation) -> None:
        assert rest(QuickConfig(), WISH, now).warnings == []

    def test_a_family_that_is_blocked_is_told(self) -> None:
        wish = dataclasses.replace(WISH, kill_switch=True)
        plan = rest(QuickConfig(), wish, allowing("0.0.0.0/0"))
        assert plan.warnings == ["AllowedIPs lack ::/0: IPv6 is blocked by the kill switch"]

    def test_what_the_host_has_is_not_set_again(self) -> None:
        now = allowing("0.0.0.0/0", "::/0", setting="1", mark=9, looks_again=False)
        steps = rest(QuickConfig(), dataclasses.replace(WISH, endpoints={"k": ["a:1"]}), now).steps
        for kind in (WriteSetting, SetMark, HandOver):
            assert not of(kind, steps)
        assert {step.mark for step in of(RaiseGuard, steps)} == {9}

    @pytest.mark.parametrize(
        ("mtu", "path", "found", "warns"),
        [(None, 1500, 1420, False), (1300, 1500, 1300, False), (None, 1340, 1260, True)],
    )
    def test_the_mtu(self, mtu: int | None, path: int, found: int, warns: bool) -> None:
        config = QuickConfig(addresses=[InterfaceAddress.parse("fd77::1/64")], mtu=mtu)
        plan = rest(config, WISH, dataclasses.replace(NOW, path_mtu=path))
        assert of(SetUp, plan.steps) == [SetUp("wg0", found)]
        assert bool(plan.warnings) == warns

    def test_name_servers_without_a_tool_are_told(self) -> None:
        config = QuickConfig(dns=["192.0.2.53"], search=["example.org"])
        plan = rest(config, WISH, dataclasses.replace(NOW, dns=""))
        assert not of(SetDns, plan.steps)
        assert "192.0.2.53, example.org" in plan.warnings[0]

    def test_domains_without_a_server_are_told(self) -> None:
        plan = rest(QuickConfig(search=["example.org"]), WISH, NOW)
        assert plan.warnings == ["DNS names domains to search and no server: it is left out"]

    def test_a_host_without_ipv6_gets_none(self) -> None:
        config = QuickConfig(addresses=[InterfaceAddress.parse("fd77::1/64")])
        plan = rest(config, WISH, allowing("::/0", "fd88::/64", "10.0.0.0/8", ipv6_is_off=True))
        assert not of(AddAddress, plan.steps)
        assert [step.prefixes for step in of(AddRoutes, plan.steps)] == [["10.0.0.0/8"]]
        assert plan.warnings == ["IPv6 is off on this host: its addresses and routes are left out"]

    def test_the_daemon_is_named_by_its_program(self) -> None:
        assert MakeLink("wg0", "daemon", ["/opt/wiresnaked"], "").words == "wiresnaked wg0"
