"""The static chart: its front steps the way in which one buys."""

import re
import warnings
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest

from evalkit.reports.views.chart import Axis, chart_svg, lowest_in_view
from evalkit.reports.views.marks import colours, look, marks
from tests.hostile import PAYLOADS, collapsed, stated_line

SVG = "{http://www.w3.org/2000/svg}"
X, Y = Axis("figure", ""), Axis("quality", "")


@pytest.mark.parametrize("higher_is_better", [False, True])
def test_the_front_keeps_the_better_quality_until_the_next_setting_is_reached(higher_is_better: bool) -> None:
    """Up to its own figure a quicker setting is quick enough; a cheaper one costs no more beyond its own."""
    table = pd.DataFrame({"model": "m", "quantization": ["a", "b"], "index": "flat", "dims": 8, "figure": [1.0, 2.0]})
    quality = np.array([0.9, 0.5]) if higher_is_better else np.array([0.5, 0.9])
    axis = Axis("figure", "", higher_is_better=higher_is_better)
    svg = chart_svg(
        table, quality, np.array([True, True]), axis, Axis("q", ""), marks(["m"], ["a", "b"], [8], ["flat"])
    )
    steps = re.search(r'<g id="line2d_\d+">\s*<path d="(M [^"]+)" clip-path[^>]+stroke: #666666', svg)
    assert steps, "no step line"
    points = [tuple(map(float, point)) for point in re.findall(r"[ML] ([\d.]+) ([\d.]+)", steps.group(1))]
    (left, first), (corner_x, corner_y), (right, last) = points
    assert (corner_x, corner_y) == ((left, last) if higher_is_better else (right, first))


def test_names_are_text_in_the_legend_whatever_they_hold() -> None:
    """No mathematics, no markup, none left out; what no font here has is left to whoever shows the picture."""
    names = [*PAYLOADS, "語", "_hidden", "x" * 200]
    table = pd.DataFrame({"model": names, "quantization": "q", "index": "flat", "dims": 8, "figure": 1.0})
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "Glyph")
        quality, front = np.full(len(names), 0.5), np.full(len(names), True)
        svg = chart_svg(table, quality, front, X, Y, marks(names, ["q"], [8], ["flat"]))
    texts = [collapsed("".join(text.itertext())) for text in ET.fromstring(svg).iter(f"{SVG}text")]  # noqa: S314
    assert {collapsed(stated_line(name)) for name in names if len(name) <= 60} <= set(texts)
    assert max(map(len, texts)) == 60


def test_the_axis_of_quality_begins_where_settings_are_of_interest() -> None:
    close = [0.70, 0.72, 0.75, 0.78, 0.8]
    assert lowest_in_view(np.array([0.1, *close, np.nan]), [0.8]) == pytest.approx(0.695)
    assert lowest_in_view(np.array([0.1, *close]), [0.1]) is None  # an answer is never out of view
    assert lowest_in_view(np.array([0.1, 0.79, 0.8]), [0.8]) is None  # too few to leave any out
    assert lowest_in_view(np.array(close), [0.8]) is None


def test_a_model_has_its_colour_in_every_report_and_never_anothers() -> None:
    names = ["all-MiniLM-L6-v2", "bm25", "bge-small-en-v1.5", "nomic-embed-text-v1.5"]
    alone = {name: colours([name])[name] for name in names}
    together = colours(reversed(names))
    assert together == colours(names)
    assert len(set(together.values())) == len(names)
    assert sum(together[name] == alone[name] for name in names) >= len(set(alone.values()))
    many = colours([f"m{i}" for i in range(25)])
    assert sorted(many.values()).count(0) in (2, 3)


def test_stages_have_a_rim_and_approximate_searches_are_pale() -> None:
    names = ("flat", "flat+bm25", "hnsw(efSearch=16)", "bm25 · options b=1", "qdrant exact+bm25", "pgvector hnsw(ef=8)")
    looks = [look(index) for index in names]
    assert [(each.has_rim, each.opacity < 1) for each in looks] == [
        (False, False),
        (True, False),
        (False, True),
        (False, False),
        (True, False),
        (False, True),
    ]
