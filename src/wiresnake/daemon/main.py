"""``wiresnaked IFNAME``: one daemon for one interface."""

import os
import sys
from collections.abc import Callable, Sequence

from wiresnake.daemon.background import in_background
from wiresnake.daemon.options import CannotStart, Options, read_options


def main(argv: Sequence[str] | None = None) -> int:
    """Start a daemon; return the exit status, 0 once it serves (or has served, in foreground)."""
    try:
        options = read_options(sys.argv[1:] if argv is None else argv, os.environ)
        if options.foreground:
            return _serve(options, lambda: None)
        in_background(
            lambda ready: _serve(options, ready), keep_stderr=options.log_level is not None
        )
    except CannotStart as error:
        print(f"wiresnaked: {error}", file=sys.stderr)
        return 1
    return 0


def _serve(options: Options, ready: Callable[[], None]) -> int:
    # Imported here, so that the fork comes first and the waiting parent stays small.
    from wiresnake.daemon.service import run

    return run(options, ready)


if __name__ == "__main__":
    sys.exit(main())
