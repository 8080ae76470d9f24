"""``doctor``: what is wrong with an interface, and what to do about it.

`facts` collects what is known, `examination` gives peers reason to answer and listens; what is made
of it is judged by `config.health`.
"""

from wiresnake.cli.doctor.command import run

__all__ = ["run"]
