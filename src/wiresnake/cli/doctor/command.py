"""What is found, for people: a line that says what, and one that says what to do."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from wiresnake.cli import configs, grammar, interfaces
from wiresnake.cli.doctor.facts import collect, dead_sockets
from wiresnake.cli.grammars import DOCTOR
from wiresnake.config.health import CHECKS, findings
from wiresnake.config.health.facts import Facts, Finding


def run(arguments: list[str]) -> int:
    """Examine one interface, or all; return 0 if they are healthy, 1 if something was found."""
    if arguments in grammar.HELP:
        print(grammar.usage("doctor", DOCTOR))
        return 0
    status = 0
    try:
        words = grammar.read(DOCTOR, arguments).operands
        dead = dead_sockets()  # before anything else asks, and removes them
        for subject in [_subject(words[0])] if words else _everything(dead):
            facts = collect(
                *subject, dead=[each for each in dead if each.stem == subject.interface]
            )
            found = findings(facts)
            _tell(facts, found)
            status |= any(not finding.note for finding in found)
    except (grammar.UsageError, configs.Unreadable, _Nothing) as bad:
        print(f"wiresnake doctor: {bad}", file=sys.stderr)
        return 1
    except PermissionError as error:
        print(f"wiresnake doctor: {error.strerror}: run it as root", file=sys.stderr)
        return 1
    return int(status)


class _Nothing(Exception):
    """There is nothing to examine; the text is one line that says so."""


class _Subject(NamedTuple):
    interface: str
    path: Path | None
    text: str


def _subject(word: str) -> _Subject:
    """Return what ``word`` means: a file, or an interface, which may have one."""
    path = configs.locate(word)
    name = path.name.removesuffix(".conf")
    if not path.exists() and not configs.is_interface_name(word):
        raise _Nothing(f"{path} does not exist")
    if not configs.is_interface_name(name):
        raise _Nothing(f"{path}: no interface can be called so; it must be INTERFACE.conf")
    if not path.exists():
        return _Subject(name, None, "")
    return _Subject(name, path, configs.text_of(path))


def _everything(dead: Sequence[Path]) -> list[_Subject]:
    """Return the interfaces that are up, and those of which there are remains."""
    names = dict.fromkeys([*interfaces.names(), *(each.stem for each in dead)])
    if not names:
        raise _Nothing("no interface is up; name a configuration file")
    return [_subject(each) for each in names]


def _tell(facts: Facts, found: list[Finding]) -> None:
    for finding in found:
        kind = "note" if finding.note else "problem"
        print(f"{facts.interface}: {kind}: {finding.what}", f"    {finding.remedy}", sep="\n")
    if not any(not finding.note for finding in found):
        print(f"{facts.interface}: {_summary(facts)}; nothing is wrong in {len(CHECKS)} ways")


def _summary(facts: Facts) -> str:
    if facts.link is None:
        return "it is not up"
    live = sum(peer.is_live for peer in facts.peers)
    used = [name for name, is_used in facts.link.offloads.items() if is_used]
    offloads = f", offloads in use: {', '.join(used)}" if used else ""
    return f"{live} of {len(facts.peers)} peers are there, MTU {facts.link.mtu}{offloads}"
