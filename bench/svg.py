"""Drawings in SVG, as far as a bar chart needs them."""

from collections.abc import Sequence
from html import escape

FONT = 'font-family="sans-serif" font-size="12"'


class Drawing:
    """Shapes on a white sheet, in pixels from its upper left corner."""

    def __init__(self, width: float, height: float) -> None:
        self._width = width
        self._height = height
        self._shapes: list[str] = []

    def bar(self, x: float, y: float, width: float, height: float, colour: str) -> None:
        """Draw a filled rectangle whose upper left corner is at x, y."""
        self._add("rect", x=x, y=y, width=max(0.0, width), height=height, fill=colour)

    def dot(self, x: float, y: float, radius: float, colour: str) -> None:
        """Draw a small disc, with a white rim so that it shows on a bar."""
        self._add("circle", cx=x, cy=y, r=radius, fill=colour, stroke="white", stroke_width=0.5)

    def line(self, x: float, y: float, to_x: float, to_y: float, colour: str) -> None:
        """Draw a thin line."""
        self._add("line", x1=x, y1=y, x2=to_x, y2=to_y, stroke=colour)

    def text(
        self, x: float, y: float, words: str, *, anchor: str = "start", bold: bool = False
    ) -> None:
        """Write words on the base line y; ``anchor`` says which end of them is at x."""
        weight = "bold" if bold else "normal"
        attributes = _attributes(x=x, y=y, text_anchor=anchor, font_weight=weight)
        self._shapes.append(f"<text{attributes}>{escape(words)}</text>")

    def _add(self, shape: str, **attributes: float | str) -> None:
        self._shapes.append(f"<{shape}{_attributes(**attributes)}/>")

    def __str__(self) -> str:
        size = _attributes(width=self._width, height=self._height)
        box = f'viewBox="0 0 {_number(self._width)} {_number(self._height)}"'
        sheet = '<rect width="100%" height="100%" fill="white"/>'
        head = f'<svg xmlns="http://www.w3.org/2000/svg"{size} {box} {FONT}>'
        return "\n".join([head, sheet, *self._shapes, "</svg>", ""])


def _attributes(**values: float | str) -> str:
    """Write attributes; an underscore in a name stands for a hyphen."""
    return "".join(
        f' {name.replace("_", "-")}="{_number(x) if not isinstance(x, str) else escape(x)}"'
        for name, x in values.items()
    )


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def round_up(value: float) -> float:
    """Return the least of 1, 2, 2.5, 5 times a power of ten that is not below ``value``."""
    if value <= 0:
        return 1.0
    steps: Sequence[float] = (1, 2, 2.5, 5, 10)
    power = 1.0
    while power > value:
        power /= 10
    while power * 10 < value:
        power *= 10
    return next(step * power for step in steps if step * power >= value)
