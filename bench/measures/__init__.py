"""What is measured: one file for each kind, all of them in `ALL`."""

from bench.contest import Measure
from bench.measures import traffic

ALL: tuple[Measure, ...] = traffic.MEASURES
