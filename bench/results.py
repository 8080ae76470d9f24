"""What a run leaves behind: data, a page, a chart of each measure."""

import json
from collections.abc import Sequence
from pathlib import Path

from bench.contest import Outcome
from bench.contestants.contract import Contestant
from bench.plots import chart
from bench.report import as_data, as_page

PLACE = Path(__file__).parent / "results"


def save(outcomes: Sequence[Outcome], contestants: Sequence[Contestant], name: str) -> Path:
    """Write NAME.json, NAME.md and NAME-MEASURE.svg to bench/results; return the page's place.

    The charts stand below the tables.
    """
    PLACE.mkdir(exist_ok=True)
    data = json.dumps(as_data(outcomes, contestants), indent=1)
    (PLACE / f"{name}.json").write_text(data + "\n", encoding="utf-8")
    charts = []
    for outcome in outcomes:
        file = f"{name}-{outcome.measure.name}.svg"
        drawn = chart(outcome, [each.name for each in contestants])
        (PLACE / file).write_text(drawn, encoding="utf-8")
        charts.append(f"![{outcome.measure.name}]({file})")
    page = PLACE / f"{name}.md"
    tables = as_page(outcomes, contestants)
    page.write_text("\n".join([tables, *charts, ""]), encoding="utf-8")
    return page
