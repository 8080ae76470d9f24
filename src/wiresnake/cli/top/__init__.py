"""``top``: interfaces and their peers as they live, refreshed every second."""

from wiresnake.cli.top.command import run

__all__ = ["run"]
