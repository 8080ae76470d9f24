"""Who sets name servers here, and under which name an interface is told to resolvconf."""

from pathlib import Path

import pytest

from wiresnake.host import dns


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a directory that alone is searched for programs, on a host without systemd-resolved."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(dns, "RESOLVED", tmp_path / "resolved")
    monkeypatch.setattr(dns, "ORDER", tmp_path / "interface-order")
    return tmp_path


def install(programs: Path, name: str) -> None:
    (programs / name).write_text("#!/bin/sh\n")
    (programs / name).chmod(0o755)


@pytest.mark.parametrize("resolved_runs", [False, True])
@pytest.mark.parametrize(
    ("installed", "without", "with_it"),
    [
        ([], "", ""),
        (["resolvectl"], "", "resolvectl"),
        (["resolvconf"], "resolvconf", "resolvconf"),
        (["resolvconf", "resolvectl"], "resolvconf", "resolvconf"),
    ],
)
def test_the_tool(
    programs: Path, installed: list[str], without: str, with_it: str, resolved_runs: bool
) -> None:
    for name in installed:
        install(programs, name)
    if resolved_runs:
        (programs / "resolved").touch()
    assert dns.find_tool() == (with_it if resolved_runs else without)


def test_a_resolvconf_that_is_resolvectl(programs: Path) -> None:
    install(programs, "resolvectl")
    (programs / "resolvconf").symlink_to("resolvectl")
    assert dns.find_tool() == ""
    (programs / "resolved").touch()
    assert dns.find_tool() == "resolvectl"


@pytest.mark.parametrize(
    ("order", "name"),
    [
        (None, "wg0"), ("", "wg0"), ("lo.inet6\nlo.inet\ntun*\nlo*\n", "tun.wg0"),
        ("# tun*\n a*\nhso*\n", "hso.wg0"), ("eth[0-9]*\n", "wg0"),
    ],
)  # fmt: skip
def test_the_name_of_a_record(programs: Path, order: str | None, name: str) -> None:
    install(programs, "resolvconf")
    if order is not None:
        (programs / "interface-order").write_text(order)
    assert dns.record_name("wg0") == name
    (programs / "resolvconf").rename(programs / "openresolv")
    (programs / "resolvconf").symlink_to("openresolv")
    assert dns.record_name("wg0") == "wg0"
