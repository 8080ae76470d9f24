"""Charts: XML that parses, with every contestant that has a value, in proportion."""

import math
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from bench.contest import Measure, Outcome, less, more
from bench.plots import chart
from bench.svg import Drawing, round_up

SVG = "{http://www.w3.org/2000/svg}"


def outcome_of(values: dict[str, list[float]]) -> Outcome:
    figures = (more("speed", "m/s"), less("price", "<&>"))
    made = Outcome(Measure("race", figures, lambda _, __: {}, rounds=1))
    for name, rounds in values.items():
        for number, value in enumerate(rounds):
            made.enter(number, name, {"speed": value})
    return made


def parsed(text: str) -> ET.Element:
    return ET.fromstring(text)


printable = st.text(st.characters(codec="utf-8", exclude_categories=("C",)), max_size=20)


@given(printable)
def test_any_words_come_back(words: str) -> None:
    drawing = Drawing(10, 10)
    drawing.text(1, 2, words)
    (text,) = parsed(str(drawing)).iter(f"{SVG}text")
    assert (text.text or "") == words


def test_bars_are_as_long_as_medians() -> None:
    drawn = parsed(chart(outcome_of({"a": [1, 2, 3], "b": [4, 4, 4]}), ["a", "b", "absent"]))
    bars = [float(bar.get("width", "")) for bar in drawn.iter(f"{SVG}rect")
            if bar.get("width") != "100%"]  # fmt: skip
    assert len(bars) == 2
    assert math.isclose(bars[1], 2 * bars[0], rel_tol=1e-3)
    assert len(list(drawn.iter(f"{SVG}circle"))) == 6


def test_a_figure_that_nobody_has_is_left_out() -> None:
    words = [text.text for text in parsed(chart(outcome_of({"a": [1]}), ["a"])).iter(f"{SVG}text")]
    assert "race: speed, m/s (more is better)" in words
    assert not any("price" in (word or "") for word in words)


@given(st.lists(st.floats(-10, 1e9), min_size=1, max_size=5))
def test_nothing_leaves_the_sheet(values: list[float]) -> None:
    drawn = parsed(chart(outcome_of({"a": values}), ["a"]))
    width, height = float(drawn.get("width", "")), float(drawn.get("height", ""))
    for dot in drawn.iter(f"{SVG}circle"):
        assert 0 <= float(dot.get("cx", "")) <= width
        assert 0 <= float(dot.get("cy", "")) <= height


@given(st.floats(1e-6, 1e12))
def test_a_scale_ends_soon_after_the_greatest_value(value: float) -> None:
    assert value <= round_up(value) * (1 + 1e-9)
    assert round_up(value) <= value * 2.5
