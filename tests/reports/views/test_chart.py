"""The static chart: its front steps the way in which one buys."""

import re
import warnings
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest

from evalkit.reports.views.chart import Axis, chart_svg
from evalkit.reports.views.marks import marks
from tests.hostile import PAYLOADS, collapsed, stated_line

SVG = "{http://www.w3.org/2000/svg}"
X, Y = Axis("figure", ""), Axis("quality", "")


@pytest.mark.parametrize("higher_is_better", [False, True])
def test_the_front_keeps_the_better_quality_until_the_next_setting_is_reached(higher_is_better: bool) -> None:
    """Up to its own figure a quicker setting is quick enough; a cheaper one costs no more beyond its own."""
    table = pd.DataFrame({"model": "m", "quantization": ["a", "b"], "dims": 8, "figure": [1.0, 2.0]})
    quality = np.array([0.9, 0.5]) if higher_is_better else np.array([0.5, 0.9])
    axis = Axis("figure", "", higher_is_better=higher_is_better)
    svg = chart_svg(table, quality, np.array([True, True]), axis, Axis("q", ""), marks(["m"], ["a", "b"], [8]))
    steps = re.search(r'<g id="line2d_\d+">\s*<path d="(M [^"]+)" clip-path[^>]+stroke: #666666', svg)
    assert steps, "no step line"
    points = [tuple(map(float, point)) for point in re.findall(r"[ML] ([\d.]+) ([\d.]+)", steps.group(1))]
    (left, first), (corner_x, corner_y), (right, last) = points
    assert (corner_x, corner_y) == ((left, last) if higher_is_better else (right, first))


def test_names_are_text_in_the_legend_whatever_they_hold() -> None:
    """No mathematics, no markup, none left out; what no font here has is left to whoever shows the picture."""
    names = [*PAYLOADS, "語", "_hidden", "x" * 200]
    table = pd.DataFrame({"model": names, "quantization": "q", "dims": 8, "figure": 1.0})
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "Glyph")
        quality, front = np.full(len(names), 0.5), np.full(len(names), True)
        svg = chart_svg(table, quality, front, X, Y, marks(names, ["q"], [8]))
    texts = [collapsed("".join(text.itertext())) for text in ET.fromstring(svg).iter(f"{SVG}text")]  # noqa: S314
    assert {collapsed(stated_line(name)) for name in names if len(name) <= 60} <= set(texts)
    assert max(map(len, texts)) == 60
