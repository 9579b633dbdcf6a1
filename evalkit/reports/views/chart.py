"""The chart as a static SVG: there without JavaScript, in print, and in the Markdown."""

import io
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import pandas as pd

from evalkit.arrays import Bools, Floats
from evalkit.errors import abridged
from evalkit.formats.media import one_line
from evalkit.reports.data.gather import NO_DIMS
from evalkit.reports.views.marks import COLOURS, Look, Marks
from evalkit.results.in_words import index_words

DRAWN_AS_SHAPES = 2_000
LEGEND_ROWS = 24
LONGEST_LABEL = 60
RIM = "#111111"
OF_INTEREST = 0.75  # of the best's quality: below, settings are out of view
LEAST_IN_VIEW = 5
AXES_INCHES, MARK_INCHES, INCHES_PER_CHARACTER = 6.5, 0.6, 0.08


@dataclass(frozen=True)
class Axis:
    """What one axis shows: a column, what it is called, whether equal factors take equal space, which way is better."""

    column: str
    label: str
    log: bool = False
    higher_is_better: bool | None = False


def chart_svg(
    table: pd.DataFrame,
    quality: Floats,
    front: Bools,
    x: Axis,
    y: Axis,
    marks: Marks,
    answering: Mapping[int, str] = MappingProxyType({}),
) -> str:
    """Settings as marks, the Pareto front as a step line, the legend beside them; text stays text.

    ``answering`` labels rows of ``table``. More than 2,000 marks are drawn as pixels within the SVG.
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
        axes.set(xlabel=one_line(x.label), ylabel=one_line(y.label))
        axes.set_ylim(bottom=lowest_in_view(quality, [quality[row] for row in answering]))
        label_answers(axes, table[x.column], quality, answering)
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
    for setting, group in table.groupby(["model", "quantization", "index"], sort=False):
        model, quantization, index = map(str, setting)
        rows, look = group.index.to_numpy(), marks.looks[index]
        axes.scatter(
            values[rows],
            quality[rows],
            s=[(0.6 * marks.sizes[dims]) ** 2 for dims in group["dims"]],
            color=COLOURS[marks.colours[model]],
            alpha=look.opacity,
            marker=marks.shapes[quantization],
            edgecolors=RIM if look.has_rim else "white",
            linewidths=1 if look.has_rim else 0.4,
            rasterized=len(table) > DRAWN_AS_SHAPES,
        )


def lowest_in_view(quality: Floats, answering: Sequence[float]) -> float | None:
    """Where the axis of quality begins, so that the settings of interest have room; null where all of them are."""
    known = quality[~np.isnan(quality)]
    of_interest = known[known >= min([OF_INTEREST * known.max(initial=0), *answering])]
    if len(of_interest) == len(known) or len(of_interest) < LEAST_IN_VIEW:
        return None
    return float(of_interest.min() - 0.05 * (of_interest.max() - of_interest.min()))


def label_answers(axes: Any, costs: "pd.Series[float]", quality: Floats, answering: Mapping[int, str]) -> None:
    for row, text in answering.items():
        if not np.isnan(costs.iloc[row]):
            place = (costs.iloc[row], quality[row])
            axes.annotate(text, place, (0, 9), textcoords="offset points", ha="center", fontweight="bold")


def legend_of(table: pd.DataFrame, marks: Marks) -> list[Any]:
    """The marks of the legend, with their labels: models, quantizations, widths, indexes, the front."""
    from matplotlib.lines import Line2D

    def mark(label: object, colour: str, shape: str, size: float, rim: str = "none", opacity: float = 1) -> Line2D:
        return Line2D(
            [],
            [],
            linestyle="",
            label=abridged(one_line(str(label)), LONGEST_LABEL),
            color=colour,
            marker=shape,
            markersize=size,
            markeredgecolor=rim,
            alpha=opacity,
        )

    indexes = [name for name in table["index"].unique() if name]
    widths = sorted(dims for dims in table["dims"].unique() if dims != NO_DIMS)
    return [
        *(mark(name, COLOURS[marks.colours[name]], "o", 6) for name in table["model"].unique()),
        *(mark(name, "#666666", marks.shapes[name], 6) for name in table["quantization"].unique()),
        *(mark(f"{dims} dims", "#666666", "o", 0.6 * marks.sizes[dims]) for dims in widths),
        *(mark(index_words(name), "#999999", "o", 7, *drawn(marks.looks[name])) for name in indexes),
        Line2D([], [], color="#666666", linewidth=1, label="Pareto front"),
    ]


def drawn(look: Look) -> tuple[str, float]:
    return RIM if look.has_rim else "none", look.opacity
