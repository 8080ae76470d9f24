"""``new``: a server's and its clients' configurations, made to match; or a client more.

``request`` reads or asks what is wanted, ``making`` writes the files.
"""

from wiresnake.cli.new.making import run

__all__ = ["run"]
