"""The part of a page for each other task of its runs, and what each use keeps of full quality, as text of tables."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from evalkit.reports.data.quality import Certainty
from evalkit.reports.data.report import Report
from evalkit.reports.data.scopes import setting_name
from evalkit.reports.data.uses import Setting, Share, Uses
from evalkit.reports.views.chart import Axis, chart_svg
from evalkit.reports.views.marks import marks_of
from evalkit.results.columns import column
from evalkit.results.headings import heading, in_words
from evalkit.results.in_words import number
from evalkit.results.percent import percent
from evalkit.results.task_measures import TASK_FIGURES

BYTES, THRESHOLD = "bytes_per_vector", "threshold"
MOST_ROWS = 60
DIGITS_OF_SHARE = 1


def svg_of(report: Report) -> str:
    """Quality against cost, of one task."""
    cost, measure = column(report.config.cost), column(report.config.measure)
    x = Axis(cost.name, heading(cost.name), log=True, higher_is_better=cost.higher_is_better)
    y = Axis(measure.name, heading(measure.name), higher_is_better=True)
    quality, labels = report.quality.mean, report.chart_labels
    return chart_svg(report.table, quality, report.front, x, y, marks_of(report), labels)


def task_parts(report: Report) -> Iterator[dict[str, Any]]:
    """Title, answer, table and chart of each other task."""
    for each in report.others:
        config, scope = each.config, each.scopes[0]
        rows = list(part_rows(each))
        left_out = len(each.table) - len(rows)
        yield {
            "task": config.task,
            "title": title(config.task),
            "answer": each.sentence.answer,
            "how_sure": each.sentence.how_sure,
            "basis": f"Settings are ranked by {config.measure} on {scope.words}.",
            "headers": part_headers(each),
            "rows": rows,
            "left_out": f"{left_out:,} more are in index.csv." if left_out else "",
            "report": each,
            "caption": f"{config.measure} against {in_words(config.cost)} on {scope.words}.",
        }


def title(task: str) -> str:
    return task.capitalize()


def part_measures(report: Report) -> list[str]:
    """The task's measures, that which settings are ranked by first."""
    return list(dict.fromkeys((report.config.measure, *report.gathered.measures)))


def part_figures(report: Report) -> list[str]:
    """What stands behind the measures: what the task is read by, costs, and bytes per vector."""
    own = TASK_FIGURES.get(str(report.config.task), ())
    known = [name for name in own if name in report.table and report.table[name].notna().any()]
    return [*known, *(name for name in dict.fromkeys((report.config.cost, BYTES)) if name in report.table)]


def has_threshold(report: Report) -> bool:
    """Whether settings have one; a mean over corpora would be none."""
    table = report.table
    return len(report.scopes[0].corpora) == 1 and THRESHOLD in table and bool(table[THRESHOLD].notna().any())


def part_headers(report: Report) -> list[str]:
    threshold = [THRESHOLD] if has_threshold(report) else []
    return ["setting", *part_measures(report), *threshold, *map(heading, part_figures(report))]


def part_rows(report: Report) -> Iterator[list[str]]:
    """A row of ``part_headers`` for each of the best settings."""
    certainty, table = report.scopes[0].certainty, report.table
    for row in np.argsort(-np.nan_to_num(report.quality.mean, nan=-np.inf), kind="stable")[:MOST_ROWS].tolist():
        setting = table.iloc[row]
        yield [
            setting_name(*setting[["model", "dims", "quantization", "index"]]),
            *(with_interval(certainty[name], row) for name in part_measures(report)),
            *([threshold_of(setting)] if has_threshold(report) else []),
            *(number(setting[name], column(name).unit) for name in part_figures(report)),
        ]


def with_interval(quality: Certainty, row: int) -> str:
    return bounded(quality.mean[row], quality.low[row], quality.high[row])


def threshold_of(setting: "pd.Series[Any]") -> str:
    return bounded(*(float(setting.get(name, np.nan)) for name in (THRESHOLD, f"{THRESHOLD}_low", f"{THRESHOLD}_high")))


def bounded(value: float, low: float, high: float) -> str:
    """``0.7353 (0.720 – 0.751)``; without bounds where none are known."""
    return number(value, "") if np.isnan(low) or np.isnan(value) else f"{value:.4f} ({low:.3f} – {high:.3f})"


def uses_headers(uses: Uses) -> list[str]:
    return ["dims", "quantization", heading(BYTES), *(f"{use.task}, {use.measure}" for use in uses.uses), "serves all"]


def uses_rows(uses: Uses) -> Iterator[list[str]]:
    """A row of ``uses_headers`` for each setting, the largest first."""
    for setting in uses.settings:
        yield [
            str(setting.dims),
            setting.quantization,
            number(setting.bytes_per_vector, "B"),
            *(share_words(setting.shares.get(use.task)) for use in uses.uses),
            serves(setting, uses),
        ]


def serves(setting: Setting, uses: Uses) -> str:
    if len(setting.shares) < len(uses.uses):
        return "not measured in all"
    if setting.is_shown:
        return "shown"
    return "may be" if setting.may_be else "no"


def share_words(share: Share | None) -> str:
    """``98.7% (97.9 – 99.4)``; a dash where the use was not measured."""
    if share is None:
        return "–"
    if share.low == share.high == 1:
        return "100%"
    low, high = (f"{100 * bound:.{DIGITS_OF_SHARE}f}" if np.isfinite(bound) else "–" for bound in share[1:])
    return f"{100 * share.share:.{DIGITS_OF_SHARE}f}% ({low} – {high})"


def uses_notes(uses: Uses, alpha: float) -> Iterator[str]:
    """What full quality is, and what the intervals are of."""
    full = uses.settings[0]
    of_uses = "; ".join(f"{use.task}: {use.measure} {use.full:.4f} on {', '.join(use.corpora)}" for use in uses.uses)
    yield f"Shares of full quality ({full.dims} dims, {full.quantization}, searches exact): {of_uses}."
    yield (
        f"Intervals are {percent(1 - alpha)}, each for itself, of ratios over the same items. A setting is shown to "
        "serve all where the bounds of every use, allowing for all settings that are tried, are above the share."
    )
