"""The part of a page on corpus sizes: what settings keep of full precision at each, measured and predicted."""

import io
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from evalkit.arrays import Floats
from evalkit.formats.media import one_line
from evalkit.measures.growth import MOST_TIMES, WIDEST
from evalkit.reports.data.report import Report
from evalkit.reports.data.sizes import SizeCurves
from evalkit.reports.views.marks import COLOURS
from evalkit.results.percent import percent

MOST_LINES = 8  # of a chart, more can't be told apart
UNKNOWN_TIMES = 3  # how far the chart goes on behind what is predicted
LONGEST_LABEL = 44


def size_parts(report: Report) -> Iterator[dict[str, Any]]:
    """Title, chart, table and notes of each model and corpus."""
    for curves in report.size_curves:
        yield {
            "title": size_title(curves),
            "svg": size_svg(curves),
            "caption": "Share of full precision against documents: points are measured, bands predicted.",
            "headers": size_headers(curves),
            "rows": list(size_rows(curves)),
            "notes": list(size_notes(curves, report.config.measure)),
        }


def size_title(curves: SizeCurves) -> str:
    added = f" with {curves.distractors}" if curves.distractors else ""
    return f"{curves.model} on {curves.corpus}{added}"


def size_headers(curves: SizeCurves) -> list[str]:
    measured, far = [f"{size:,}" for size in curves.sizes], f"expected at {MOST_TIMES * curves.largest:,}"
    return ["setting", *measured, far, f"share at {curves.largest:,}", f"share {far}"]


def size_rows(curves: SizeCurves) -> Iterator[list[str]]:
    """A row of ``size_headers`` for each setting, the one that keeps most first."""
    order = np.argsort(-curves.shares.shares[:, -1], kind="stable")
    far = MOST_TIMES * curves.largest
    expected, shares = curves.scores_at(far), curves.shares_at(far)
    for setting in order.tolist():
        quality = [bounded(*curves.quality[setting, i]) for i in range(len(curves.sizes))]
        share = "–" if np.isnan(share := curves.shares.shares[setting, -1]) else percent(share)
        yield [curves.names[setting], *quality, bounded(*expected[setting]), share, share_words(shares[setting])]


def bounded(mean: float, low: float, high: float) -> str:
    """``0.7607 (0.742 – 0.779)``; a dash where it is not known."""
    if np.isnan(mean):
        return "–"
    return f"{mean:.4f}" if np.isnan(low) else f"{mean:.4f} ({low:.3f} – {high:.3f})"


def share_words(share: Floats) -> str:
    """``97.0% (95.1 – 98.2)``; a dash where it is not known."""
    if np.isnan(share).any():
        return "–"
    value, low, high = (f"{100 * each:.1f}" for each in share)
    return f"{value}% ({low} – {high})"


def size_notes(curves: SizeCurves, measure: str) -> Iterator[str]:
    """What the figures are, how far they may be trusted, and what documents of another corpus mean."""
    full, sure = MOST_TIMES * curves.largest, percent(1 - curves.alpha)
    yield (
        f"{measure} with {sure} intervals at each number of documents, all judged ones among them; the share is of full "
        f"precision at the same size. Beyond {full:,} documents it is not known, and where an interval is wider than {percent(WIDEST)} nothing is expected."
    )
    if curves.note:
        yield f"{curves.note} So quality itself is not predicted."


def size_svg(curves: SizeCurves) -> str:
    """Shares against documents: solid lines through measured points, dashed ones in their bands ahead, then nothing."""
    import matplotlib as mpl

    with (
        mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "evalkit", "text.parse_math": False, "font.size": 9}),
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings("ignore", r"Glyph .* missing from")
        from matplotlib.figure import Figure

        figure = Figure(figsize=(8, 4), layout="constrained")
        axes = figure.subplots()
        draw(axes, curves)
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:,g}")
        axes.set(xlabel="documents", ylabel="share of full precision")
        axes.yaxis.set_major_formatter(lambda share, _: f"{100 * share:.0f}%")
        axes.grid(visible=True, color="#dddddd", linewidth=0.5)
        axes.set_axisbelow(True)
        figure.legend(loc="outside right upper", frameon=False)
        out = io.BytesIO()
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    svg = out.getvalue().decode("utf-8")
    return svg[svg.index("<svg") :]


def draw(axes: Any, curves: SizeCurves) -> None:
    shares, last = curves.shares.shares, MOST_TIMES * curves.largest
    order = np.argsort(-shares[:, -1], kind="stable")
    spread = np.unique(np.linspace(0, len(order) - 1, min(len(order), MOST_LINES)).astype(int))
    ahead = [curves.shares_at(size) for size in curves.ahead]
    for number, setting in enumerate(order[spread].tolist()):
        colour = COLOURS[number % len(COLOURS)]
        predicted, low, high = np.stack([each[setting] for each in ahead], axis=1)
        label = one_line(curves.names[setting].partition(" · ")[2] or curves.names[setting])[:LONGEST_LABEL]
        axes.plot(curves.sizes, shares[setting], color=colour, marker="o", markersize=4, label=label)
        axes.plot(curves.ahead, predicted, color=colour, linestyle="--", linewidth=1)
        axes.fill_between(curves.ahead, low, high, color=colour, alpha=0.12, linewidth=0)
    axes.axvspan(last, UNKNOWN_TIMES * last, color="#999999", alpha=0.25, linewidth=0)
    axes.set_xlim(curves.sizes[0], UNKNOWN_TIMES * last)
    axes.annotate("not known", (last * UNKNOWN_TIMES**0.5, 0.5), xycoords=("data", "axes fraction"), rotation=90,
                  ha="center", va="center")
