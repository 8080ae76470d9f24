"""Names as the C library looks them up; numbers need no server."""

import socket

import pytest

from wiresnake.host import names
from wiresnake.host.names import look_up
from wiresnake.values.addresses import Endpoint, NamedEndpoint


@pytest.mark.parametrize(
    ("name", "endpoints"),
    [
        ("192.0.2.1:51820", ["192.0.2.1:51820"]),
        ("[2001:db8::1]:7", ["[2001:db8::1]:7"]),
        ("[fe80::1%lo]:7", ["[fe80::1%lo]:7"]),
    ],
)
def test_numbers_lead_to_themselves(name: str, endpoints: list[str]) -> None:
    assert look_up(NamedEndpoint.parse(name)) == [Endpoint.parse(each) for each in endpoints]


def test_names_lead_to_both_families_in_the_hosts_order(monkeypatch: pytest.MonkeyPatch) -> None:
    def answers(host: str, service: str, **how: object) -> list:
        assert (host, service, how) == ("peer.example", "wg", {"type": socket.SOCK_DGRAM})
        kind = (socket.SOCK_DGRAM, 17, "")
        return [
            (socket.AF_INET6, *kind, ("2001:db8::1", 5, 0, 0)),
            (socket.AF_INET, *kind, ("192.0.2.1", 5)),
            (socket.AF_INET6, *kind, ("fe80::1%eth0", 5, 0, 3)),
            (socket.AF_INET, *kind, ("192.0.2.1", 5)),
            (socket.AF_UNIX, *kind, ("else", 5)),
        ]

    monkeypatch.setattr(names.socket, "getaddrinfo", answers)
    assert look_up(NamedEndpoint("peer.example", "wg")) == [
        Endpoint.parse("[2001:db8::1]:5"),
        Endpoint.parse("192.0.2.1:5"),
        Endpoint(socket.inet_pton(socket.AF_INET6, "fe80::1"), 5, 3),
    ]


@pytest.mark.parametrize("host", ["a..b", "x" * 200, "-"])
def test_what_is_no_name_is_an_error_with_a_reason(host: str) -> None:
    with pytest.raises(OSError, match=r".") as bad:
        look_up(NamedEndpoint(host, "51820"))
    assert bad.value.strerror
