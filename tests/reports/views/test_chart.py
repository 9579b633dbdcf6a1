"""The static chart: its front steps the way in which one buys."""

import re

import numpy as np
import pandas as pd
import pytest

from evalkit.reports.views.chart import Axis, chart_svg
from evalkit.reports.views.marks import marks


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
