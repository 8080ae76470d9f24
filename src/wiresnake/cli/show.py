"""``show``: interfaces and their peers, for people, for scripts and as JSON."""

import sys

from wiresnake.cli import interfaces
from wiresnake.cli.columns import PARAMETERS, lines
from wiresnake.cli.program import called_as, complain, refuse
from wiresnake.config.reply import Report


def run(arguments: list[str]) -> int:
    """Show one interface, all of them, or their names."""
    if arguments in (["-h"], ["--help"], ["help"]):
        refuse(usage())
        return 0
    as_json = "--json" in arguments
    which, *parameters = [word for word in arguments if word != "--json"] or ["all"]
    if len(parameters) > 1 or ((as_json or which == "interfaces") and parameters):
        return refuse(usage())
    if which == "interfaces":
        return refuse(usage()) if as_json else _show_names()
    if as_json:
        return _show_json(which)
    if which == "all":
        return _show_all(*parameters)
    return _show_one(which, *parameters)


def usage() -> str:
    """Return how ``show`` is used, from its name on."""
    forms = f"show {{ <interface> | all | interfaces }} [{' | '.join(PARAMETERS)}]"
    return f"{forms}\n       {called_as()} show [ <interface> | all ] --json"


def _show_names() -> int:
    names = _list()
    if names:
        print(" ".join(names))
    return 1 if names is None else 0


def _show_one(name: str, parameter: str | None = None) -> int:
    report = _ask(name)
    if report is None:
        return 1
    if parameter is None:
        _write_pretty(name, report)
    elif parameter in PARAMETERS:
        _write_lines(parameter, report, "")
    else:
        return _refuse_parameter(parameter)
    return 0


def _show_all(parameter: str | None = None) -> int:
    names = _list()
    if names is None:
        return 1
    status = 1 if names else 0
    for name in names:
        report = _ask(name, among_others=True)
        if report is not None:
            status = 0
            if parameter is None:
                _write_pretty(name, report)
            elif parameter in PARAMETERS:
                _write_lines(parameter, report, f"{name}\t")
            else:
                return _refuse_parameter(parameter)
        if parameter is None and name != names[-1]:
            print()
    return status


def _show_json(which: str) -> int:
    from wiresnake.cli import as_json, friendly

    names = _list() if which == "all" else [which]
    if names is None:
        return 1
    reports = {name: _ask(name, among_others=which == "all") for name in names}
    found = {
        name: (report, friendly.of_interface(name))
        for name, report in reports.items()
        if report is not None
    }
    if names and not found:
        return 1
    print(as_json.document(found))
    return 0


def _list() -> list[str] | None:
    try:
        return interfaces.names()
    except OSError as bad:
        complain(f"Unable to list interfaces: {bad.strerror or bad}")
        return None


def _ask(name: str, *, among_others: bool = False) -> Report | None:
    try:
        return interfaces.ask(name)
    except OSError as bad:
        which = f"interface {name}" if among_others else "interface"
        complain(f"Unable to access {which}: {bad.strerror or bad}")
        return None


def _write_pretty(name: str, report: Report) -> None:
    from wiresnake.cli import friendly, pretty

    pretty.write(name, report, friendly.of_interface(name))


def _write_lines(parameter: str, report: Report, before: str) -> None:
    sys.stdout.write("".join(f"{before}{line}\n" for line in lines(parameter, report)))


def _refuse_parameter(parameter: str) -> int:
    complain(f"Invalid parameter: `{parameter}'")
    return refuse(usage())
