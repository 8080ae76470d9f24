"""Interfaces and their addresses, held to what `ip` says of them."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from wiresnake.host import interfaces, tun
from wiresnake.host.interfaces import Held
from wiresnake.host.namespaces import Namespace
from wiresnake.host.netlink import Requests
from wiresnake.values.addresses import pack_address

pytestmark = pytest.mark.root


@pytest.fixture
def requests(host: Namespace) -> Iterator[Requests]:
    with host.enter():
        opened = Requests()
    with opened:
        yield opened


@pytest.fixture
def link(host: Namespace) -> Iterator[str]:
    with host.enter():
        device = tun.create("wg0", 1420)
    yield device.name
    os.close(device.fd)


def test_an_interface_is_set_up_and_deleted(host: Namespace, requests: Requests, link: str) -> None:
    assert interfaces.exists(requests, link)
    assert not interfaces.is_wireguard(requests, link)
    interfaces.set_up(requests, link, 1300)
    shown = host.ip("link", "show", link)
    assert "mtu 1300" in shown
    assert re.search(r"<[^>]*\bUP\b", shown)
    assert interfaces.mtu_of(requests, interfaces.index_of(requests, link)) == 1300
    assert interfaces.delete(requests, link)
    assert not interfaces.exists(requests, link)
    assert not interfaces.delete(requests, link)
    with pytest.raises(OSError, match="No such device"):
        interfaces.set_up(requests, link, 1300)


def test_addresses(host: Namespace, requests: Requests, link: str) -> None:
    wanted = [Held(pack_address(text), length) for text, length in (
        ("10.0.0.1", 24), ("10.0.0.2", 24), ("127.0.0.9", 8), ("192.0.2.1", 32), ("fd77::1", 64),
        ("2001:db8::1", 128),
    )]  # fmt: skip
    for held in wanted:
        interfaces.add_address(requests, link, held)
    interfaces.set_up(requests, link, 1420)
    assert sorted(interfaces.addresses(requests, link)) == sorted(wanted)
    shown = host.ip("-brief", "address", "show", "dev", link).split()[2:]
    assert {text for text in shown if not text.startswith("fe80:")} == {
        "10.0.0.1/24", "10.0.0.2/24", "127.0.0.9/8", "192.0.2.1/32", "fd77::1/64",
        "2001:db8::1/128",
    }  # fmt: skip
    assert "127.0.0.9/8 scope host" in host.ip("address", "show", "dev", link)
    with pytest.raises(FileExistsError):
        interfaces.add_address(requests, link, wanted[0])


def test_many_addresses_come_in_several_parts(requests: Requests, link: str) -> None:
    wanted = [Held(bytes([10, 9, high, low]), 32) for high in range(8) for low in range(250)]
    for held in wanted:
        interfaces.add_address(requests, link, held)
    assert sorted(interfaces.addresses(requests, link)) == sorted(wanted)


def test_a_kernel_without_wireguard_says_so(requests: Requests) -> None:
    if Path("/sys/module/wireguard").exists():
        interfaces.create_wireguard(requests, "wg9")
        assert interfaces.is_wireguard(requests, "wg9")
        interfaces.delete(requests, "wg9")
        return
    with pytest.raises(OSError, match="not supported"):
        interfaces.create_wireguard(requests, "wg9")
