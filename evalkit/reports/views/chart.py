"""The chart as a static SVG: there without JavaScript, in print, and in the Markdown."""

import io
import warnings
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from evalkit.arrays import Bools, Floats
from evalkit.errors import abridged
from evalkit.formats.media import one_line
from evalkit.reports.data.gather import NO_DIMS
from evalkit.reports.views.marks import Marks

DRAWN_AS_SHAPES = 2_000
LEGEND_ROWS = 24
LONGEST_LABEL = 60
AXES_INCHES, MARK_INCHES, INCHES_PER_CHARACTER = 6.5, 0.6, 0.08


@dataclass(frozen=True)
class Axis:
    """What one axis shows: a column, its unit, whether equal factors take equal space, and which way is better."""

    column: str
    unit: str
    log: bool = False
    higher_is_better: bool | None = False

    @property
    def label(self) -> str:
        return f"{one_line(self.column)} [{self.unit}]" if self.unit else one_line(self.column)


def chart_svg(table: pd.DataFrame, quality: Floats, front: Bools, x: Axis, y: Axis, marks: Marks) -> str:
    """Settings as marks, the Pareto front as a step line, the legend beside them; text stays text.

    More than 2,000 marks are drawn as pixels within the SVG.
    """
    import matplotlib as mpl

    with (
        mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "evalkit", "text.parse_math": False, "font.size": 9}),
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings("ignore", r"Glyph .* missing from")  # whoever shows the SVG has fonts of their own
        from matplotlib.figure import Figure
        from matplotlib.ticker import LogLocator, NullLocator

        legend = legend_of(table, marks)
        columns = -(-len(legend) // LEGEND_ROWS)
        label_inches = INCHES_PER_CHARACTER * max(len(str(mark.get_label())) for mark in legend)
        figure = Figure(figsize=(AXES_INCHES + columns * (MARK_INCHES + label_inches), 5), layout="constrained")
        axes = figure.subplots()
        draw_marks(axes, table, quality, x, marks)
        best = table.assign(quality=quality)[front].sort_values(x.column, kind="stable")
        where: Literal["pre", "post"] = "pre" if x.higher_is_better else "post"
        axes.step(best[x.column], best["quality"], where=where, color="#666666", linewidth=1, zorder=1)
        axes.set(xlabel=x.label, ylabel=y.label)
        if x.log and (table[x.column] > 0).any():
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.xaxis.set_major_formatter("{x:,g}")
            axes.xaxis.set_minor_locator(NullLocator())
        axes.grid(visible=True, color="#dddddd", linewidth=0.5)
        axes.set_axisbelow(True)
        figure.legend(handles=legend, loc="outside right upper", frameon=False, ncols=columns)
        out = io.BytesIO()
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    svg = out.getvalue().decode("utf-8")
    return svg[svg.index("<svg") :]


def draw_marks(axes: Any, table: pd.DataFrame, quality: Floats, x: Axis, marks: Marks) -> None:
    values = table[x.column].to_numpy(dtype=np.float64)
    for setting, group in table.groupby(["model", "quantization"], sort=False):
        model, quantization = map(str, setting)
        rows = group.index.to_numpy()
        axes.scatter(
            values[rows],
            quality[rows],
            s=[(0.6 * marks.sizes[dims]) ** 2 for dims in group["dims"]],
            color=marks.colours[model],
            marker=marks.shapes[quantization],
            edgecolors="white",
            linewidths=0.4,
            rasterized=len(table) > DRAWN_AS_SHAPES,
        )


def legend_of(table: pd.DataFrame, marks: Marks) -> list[Any]:
    """The marks of the legend, with their labels: models, quantizations, widths, the front."""
    from matplotlib.lines import Line2D

    def mark(label: object, colour: str, shape: str, size: float) -> Line2D:
        return Line2D(
            [],
            [],
            linestyle="",
            label=abridged(one_line(str(label)), LONGEST_LABEL),
            color=colour,
            marker=shape,
            markersize=size,
        )

    widths = sorted(dims for dims in table["dims"].unique() if dims != NO_DIMS)
    return [
        *(mark(name, marks.colours[name], "o", 6) for name in table["model"].unique()),
        *(mark(name, "#666666", marks.shapes[name], 6) for name in table["quantization"].unique()),
        *(mark(f"{dims} dims", "#666666", "o", 0.6 * marks.sizes[dims]) for dims in widths),
        Line2D([], [], color="#666666", linewidth=1, label="Pareto front"),
    ]
