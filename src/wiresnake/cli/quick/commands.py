"""The four commands, and `wg-quick`, which is all of them under another name."""

import sys
from collections.abc import Callable

from wiresnake.cli.program import called_as
from wiresnake.cli.quick import asked, voice
from wiresnake.cli.quick.asked import Asked, Misused
from wiresnake.cli.quick.voice import Failed
from wiresnake.config import quick
from wiresnake.config.quick import QuickError


def run_up(arguments: list[str]) -> int:
    """Bring an interface up."""
    return _run("up", arguments)


def run_down(arguments: list[str]) -> int:
    """Take an interface down."""
    return _run("down", arguments)


def run_save(arguments: list[str]) -> int:
    """Write to the file how the interface is."""
    return _run("save", arguments)


def run_strip(arguments: list[str]) -> int:
    """Print what of the file is for `wg`."""
    return _run("strip", arguments)


def run_as_wg_quick(arguments: list[str]) -> int:
    """Be `wg-quick`."""
    return _ending_well(lambda: _perform(asked.read_wg_quick(arguments), arguments))


def _run(verb: str, arguments: list[str]) -> int:
    return _ending_well(lambda: _perform(asked.read(verb, arguments), [verb, *arguments]))


def _ending_well(run: Callable[[], None]) -> int:
    try:
        run()
    except Misused as wrong:
        print(wrong, file=sys.stderr)
        return wrong.status
    except Failed as failure:
        voice.complain(str(failure))
        return 1
    return 0


def _perform(call: Asked, arguments: list[str]) -> None:
    if call.verb != "strip" or called_as() == "wg-quick":
        asked.become_root(arguments)
    if call.verb == "strip":
        _strip(call)
    elif call.verb == "save":
        from wiresnake.cli.quick.save import save

        save(call)
    elif call.verb == "up":
        from wiresnake.cli.quick.up import up

        up(call)
    else:
        from wiresnake.cli.quick.down import down

        down(call)


def _strip(call: Asked) -> None:
    from wiresnake.cli.quick.source import read

    try:
        text = quick.strip(read(call.about).text)
    except QuickError as bad:
        raise Failed(str(bad)) from None
    # As another `wg-quick` does: one line more.
    sys.stdout.buffer.write(text.encode(errors="surrogateescape") + b"\n")
