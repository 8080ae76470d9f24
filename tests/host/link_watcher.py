"""A program for test_links: watches wg0 with reduced rights and prints what it is told.

Arguments: ``early`` if the watch is made before rights are dropped, ``late`` if after; and the
seconds between two looks at an interface that it cannot hear of.
"""

import select
import sys

from wiresnake.host import links, privileges, tun
from wiresnake.host.links import LinkGone, LinkWatch


def main(when: str, interval: str) -> None:
    links._LOOK_INTERVAL = float(interval)
    made = tun.create("wg0", 1420)
    if when == "late":
        privileges.reduce(privileges.DAEMON_KEEPS)
    watch = LinkWatch(made)
    if when == "early":
        privileges.reduce(privileges.DAEMON_KEEPS)
    print(watch.state(), flush=True)
    while True:
        select.select([watch], [], [])
        for event in watch.read():
            print(event, flush=True)
            if event == LinkGone():
                return


if __name__ == "__main__":
    main(*sys.argv[1:])
