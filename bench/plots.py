"""Bar charts of a measure: one panel for each figure, one bar for each contestant.

The bar is the median, the dots are the rounds.
"""

from collections.abc import Sequence

from bench.contest import Figure, Outcome
from bench.contestants.names import OURS
from bench.report import shown
from bench.svg import Drawing, round_up

WIDTH = 760.0
LABELS = 180.0
BAR, GAP = 16.0, 6.0
HEAD, FOOT = 34.0, 14.0
RIGHT = 90.0
INK, GRID = "#222222", "#cccccc"
OUR_COLOUR, THEIR_COLOUR, DOT = "#2a7f4f", "#8fa3bf", "#1d2b45"


def chart(outcome: Outcome, names: Sequence[str]) -> str:
    """Draw all figures of an outcome that anybody has, contestants from the top as in ``names``."""
    panels = []
    for figure in outcome.measure.figures:
        having = [name for name in names if outcome.median(figure.name, name) is not None]
        if having:
            panels.append((figure, having))
    height = FOOT + sum(HEAD + len(having) * (BAR + GAP) + FOOT for _, having in panels)
    drawing = Drawing(WIDTH, height)
    top = FOOT
    for figure, having in panels:
        top = _panel(drawing, top, outcome, figure, having)
    return str(drawing)


def _panel(
    drawing: Drawing, top: float, outcome: Outcome, figure: Figure, names: Sequence[str]
) -> float:
    """Draw one figure, and return where the next one may begin."""
    better = "more is better" if figure.more_is_better else "less is better"
    title = f"{outcome.measure.name}: {figure.name}, {figure.unit} ({better})"
    drawing.text(FOOT, top + 16, title, bold=True)
    top += HEAD
    rounds = {name: _taken(outcome, figure, name) for name in names}
    greatest = round_up(max(max(values) for values in rounds.values()))
    scale = (WIDTH - LABELS - RIGHT) / greatest
    bottom = top + len(names) * (BAR + GAP)
    for part in (0.5, 1.0):
        x = LABELS + part * greatest * scale
        drawing.line(x, top - GAP, x, bottom, GRID)
        drawing.text(x, top - GAP - 2, shown(part * greatest), anchor="middle")
    for at, name in enumerate(names):
        y = top + at * (BAR + GAP)
        median = outcome.median(figure.name, name) or 0.0
        colour = OUR_COLOUR if name in OURS else THEIR_COLOUR
        drawing.text(LABELS - GAP, y + BAR - 4, name, anchor="end")
        drawing.bar(LABELS, y, median * scale, BAR, colour)
        for value in rounds[name]:
            drawing.dot(LABELS + max(0.0, value) * scale, y + BAR / 2, 2.5, DOT)
        reach = max(0.0, median, *rounds[name])
        drawing.text(LABELS + reach * scale + GAP, y + BAR - 4, shown(median))
    drawing.line(LABELS, top - GAP, LABELS, bottom, INK)
    return bottom + FOOT


def _taken(outcome: Outcome, figure: Figure, name: str) -> list[float]:
    return [value for value in outcome.values(figure.name, name) if value is not None]
