"""The guard beside a tunnel that takes everything: two things that routes alone cannot do.

What arrives by another interface for an address of the tunnel is dropped, unless this host sent it:
a neighbour on the wireless network must not learn that address by trying. And the mark of the
tunnel's own UDP packets is kept with their connection, so that an answer has it too, and a strict
reverse path filter finds it comes by the right interface.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from wiresnake.host.programs import ProgramFailed, is_here, run

Tool: TypeAlias = Literal["nft", "iptables", ""]


@dataclass(frozen=True, slots=True)
class Guard:
    """The guard of one interface for one family: its numeric addresses, and the mark of its UDP."""

    interface: str
    ipv6: bool
    mark: int
    addresses: Sequence[str]


def find_tool() -> Tool:
    """Return what can raise a guard here; "" if nothing can.

    A program that is here may still be no good, where its part of the kernel is missing.
    """
    if _works("nft", "list", "tables"):
        return "nft"
    return "iptables" if _works("iptables-save") and is_here("iptables-restore") else ""


def raise_guard(tool: Tool, guard: Guard) -> None:
    """Raise the guard; one of the same interface and family is replaced. Raises ProgramFailed."""
    lower_guard(tool, guard.interface, ipv6=guard.ipv6)
    if tool == "nft":
        run(["nft", "-f", "-"], nft_script(guard))
    else:
        run([_program(guard.ipv6, "restore"), "-n"], iptables_script(guard))


def lower_guard(tool: Tool, interface: str, *, ipv6: bool) -> None:
    """Take the guard away, if there is one. Raises ProgramFailed."""
    if tool == "nft":
        family, table = _family(ipv6), table_name(interface)
        # Deleting a table that is not there is an error, adding one that is there is none.
        run(["nft", "-f", "-"], f"add table {family} {table}\ndelete table {family} {table}\n")
        return
    removal = iptables_removal(run([_program(ipv6, "save")]), interface)
    if removal:
        run([_program(ipv6, "restore"), "-n"], removal)


def table_name(interface: str) -> str:
    """Return the name of the nft table; what nft cannot take in a name is written in hex."""
    if re.fullmatch(r"[a-zA-Z0-9_.-]+", interface):
        return f"wg-quick-{interface}"
    return f"wg-quick-x{interface.encode().hex()}"


def nft_script(guard: Guard) -> str:
    """Return the guard in the words of nft(8)."""
    where = f"{_family(guard.ipv6)} {table_name(guard.interface)}"
    family = _family(guard.ipv6)
    lines = [f"add table {where}"]
    for chain, hook, priority in (
        ("preraw", "prerouting", -300),
        ("premangle", "prerouting", -150),
        ("postmangle", "postrouting", -150),
    ):
        lines.append(
            f"add chain {where} {chain} {{ type filter hook {hook} priority {priority}; }}"
        )
    for address in guard.addresses:
        elsewhere = f'iifname != "{guard.interface}" {family} daddr {address}'
        lines.append(f"add rule {where} preraw {elsewhere} fib saddr type != local drop")
    mark = f"meta l4proto udp mark {guard.mark} ct mark set mark"
    lines.append(f"add rule {where} postmangle {mark}")
    lines.append(f"add rule {where} premangle meta l4proto udp meta mark set ct mark")
    return "\n".join(lines) + "\n"


def iptables_script(guard: Guard) -> str:
    """Return the guard in the words of iptables-restore(8)."""
    remark = f'-m comment --comment "{_remark(guard.interface)}"'
    raw = [
        f"-I PREROUTING ! -i {guard.interface} -d {address} -m addrtype ! --src-type LOCAL"
        f" -j DROP {remark}"
        for address in guard.addresses
    ]
    mangle = [
        f"-I POSTROUTING -m mark --mark {guard.mark} -p udp -j CONNMARK --save-mark {remark}",
        f"-I PREROUTING -p udp -j CONNMARK --restore-mark {remark}",
    ]
    return "\n".join(["*raw", *raw, "COMMIT", "*mangle", *mangle, "COMMIT", ""])


def iptables_removal(saved: str, interface: str) -> str:
    """Return what takes the rules of the interface out of what iptables-save(8) printed.

    Empty if there are none.
    """
    return "".join(f"{line}\n" for line in _removal(saved.splitlines(), _remark(interface)))


def _removal(saved: Sequence[str], remark: str) -> Iterator[str]:
    table, opened = "", False
    for line in saved:
        if line.startswith("*"):
            table, opened = line, False
        elif line.startswith("-A ") and f'--comment "{remark}"' in line:
            if not opened:
                yield table
            opened = True
            yield f"-D {line.removeprefix('-A ')}"
        elif line == "COMMIT" and opened:
            yield line


def _works(*argv: str) -> bool:
    if not is_here(argv[0]):
        return False
    try:
        run(argv)
    except ProgramFailed:
        return False
    return True


def _remark(interface: str) -> str:
    return f"wg-quick(8) rule for {interface}"


def _family(ipv6: bool) -> str:
    return "ip6" if ipv6 else "ip"


def _program(ipv6: bool, what: str) -> str:
    return f"ip6tables-{what}" if ipv6 else f"iptables-{what}"
