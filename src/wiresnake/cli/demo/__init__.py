"""``demo``: two hosts on this machine, a tunnel between them, and what can be seen of it.

`story` tells it; `stage` has the hosts, `traffic` what goes through, `watch` what the cable shows.
"""

from wiresnake.cli.demo.story import run

__all__ = ["run"]
