"""The page's tables: rankings of models, heat maps, hosted against own machines, and all points."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from evalkit.formats.media import shown
from evalkit.measures.cost import crossing
from evalkit.reports.data.gather import NO_DIMS
from evalkit.reports.data.ranking import rank_models
from evalkit.reports.data.report import Report
from evalkit.results.columns import AT_WORKLOAD, COSTS, column
from evalkit.results.headings import heading
from evalkit.results.in_words import index_words, named, number
from evalkit.results.setting import ABOUT
from evalkit.results.task_columns import OF_TASKS

NAMED = ("model", "dims", "quantization", "index", "corpus")
OF_TASK = (*(each.name for each in OF_TASKS), "bytes_per_vector", "documents_per_second")
FIRST = ("cost_month_usd", "bytes_per_document", "query_ms_p95_at_workload", "overlap@10")
LATER = ("search_ms_p50", "documents_per_second", "index_bytes", "chunks_per_document")
OF_FILTERS = ("selectivity", "returned@k")
TABLE_ROWS = 5_000
HEAT_STEPS = 8
UNTRAINED = "*"


def rankings(report: Report) -> Iterator[dict[str, Any]]:
    """One ranking of models per scope and measure; the page shows that of the chosen ones."""
    for position, scope in enumerate(report.scopes):
        for measure in report.gathered.measures:
            ranked = rank_models(scope, report.gathered.points, measure, report.config.alpha)
            yield {
                "key": f"{position} {measure}",
                "shown": position == 0 and measure == report.config.measure,
                "measure": measure,
                "corpora": scope.corpora if len(scope.corpora) > 1 else (),
                "rows": [
                    {
                        "rank": "–" if model.rank is None else model.rank,
                        "setting": model.setting,
                        "mean": number(model.mean, ""),
                        "interval": f"{number(model.low, '')} – {number(model.high, '')}",
                        "by_corpus": [number(v, "") for v in model.by_corpus] if len(scope.corpora) > 1 else [],
                    }
                    for model in ranked
                ],
            }


def heats(report: Report) -> Iterator[dict[str, Any]]:
    """Index × dims × quantization of every model and scope, coloured from the lowest to the highest of that scope."""
    measure = report.config.measure
    for position, scope in enumerate(report.scopes):
        table = scope.table(report.gathered.points).assign(quality=scope.certainty[measure].mean)
        low, high = table["quality"].min(), table["quality"].max()
        for model, group in table[table["dims"] != NO_DIMS].groupby("model", sort=False):
            quantizations = list(group["quantization"].unique())
            yield {
                "scope": position,
                "shown": position == 0,
                "title": f"{model}, {scope.name}",
                "columns": quantizations,
                "indexes": [
                    {"name": index_words(str(index)) or "–", "rows": list(heat_rows(own, quantizations, low, high))}
                    for index, own in group.groupby("index", sort=False)
                ],
            }


def heat_rows(
    points: pd.DataFrame, quantizations: list[str], low: float, high: float
) -> Iterator[dict[str, Any]]:
    """A row for each width of the ``points`` of one index."""
    cells = points.pivot_table("quality", "dims", "quantization", sort=False, dropna=False).sort_index()
    for dims, row in zip(cells.index, cells.reindex(columns=quantizations).to_numpy(), strict=True):
        yield {"dims": dims, "cells": [heat_cell(value, low, high) for value in row]}


def heat_cell(value: float, low: float, high: float) -> dict[str, Any] | None:
    if np.isnan(value):
        return None
    place = (value - low) / (high - low) if high > low else 1.0
    return {"text": number(value, ""), "step": min(int(place * HEAT_STEPS), HEAT_STEPS - 1)}


def hosted_headers(report: Report) -> list[str]:
    hosted = report.config.pricing.models.values()
    return [f"{model.name}, ${model.usd_per_million_tokens:g} per million tokens" for model in hosted]


def crossings(report: Report) -> Iterator[dict[str, Any]]:
    """For every model that ran on your machine, where each hosted model becomes dearer than that machine."""
    if not report.config.searches:
        return
    own = report.table[~report.table["is_hosted"] & (report.table["dims"] != NO_DIMS)]
    for model, group in own.groupby("model", sort=False):
        first = group.iloc[0]
        per_second, per_hour = float(first["tokens_per_second"]), float(first["usd_per_hour"])
        if np.isnan(per_second):
            continue
        cells = []
        for hosted in report.config.pricing.models.values():
            met = crossing(per_second, per_hour, hosted.usd_per_million_tokens)
            inputs = json.dumps(shown([per_second, first["machine"], hosted.usd_per_million_tokens]))
            cells.append({"text": met_at(met.tokens_per_month), "inputs": inputs})
        capacity = f"{millions(crossing(per_second, per_hour, 1.0).capacity)} a month"
        yield {"model": model, "machine": first["machine"], "capacity": capacity, "cells": cells}


def met_at(tokens: float) -> str:
    """In words; tables.js is the twin."""
    if np.isnan(tokens):
        return "–"
    return "never" if np.isinf(tokens) else f"from {millions(tokens)} a month"


def millions(tokens: float) -> str:
    return f"{tokens / 1e6:,.0f} million tokens"


def table_headers(report: Report) -> Iterator[dict[str, Any]]:
    """The head of each column of the table of points, what it says, and whether the table opens with it."""
    for name in named_columns(report):
        yield {"text": name, "about": ABOUT[name], "shown": True}
    for name in table_figures(report):
        yield {
            "text": heading(name),
            "about": column(name).about,
            "shown": name in (report.config.measure, report.config.cost, *FIRST, *OF_FILTERS)
            or not report.config.searches,
        }


def named_columns(report: Report) -> list[str]:
    """The parts of a setting that the table has; where nothing is searched there is no index."""
    return [name for name in NAMED if name != "index" or (report.gathered.points["index"] != "").any()]


def table_figures(report: Report) -> list[str]:
    config, gathered = report.config, report.gathered
    filtered = [name for name in OF_FILTERS if name in gathered.points and gathered.points[name].notna().any()]
    if not config.searches:
        figures = [name for name in OF_TASK if name in gathered.points and gathered.points[name].notna().any()]
        return list(dict.fromkeys((config.measure, config.cost, *gathered.measures, *figures)))
    names = (config.measure, config.cost, *FIRST, *filtered, *gathered.measures, *LATER, *COSTS)
    return [name for name in dict.fromkeys(names) if name in gathered.points]


@dataclass(frozen=True)
class Cell:
    """A cell of the table of points: ``sort`` is what it is sorted by, ``modelled`` a column that a what-if changes."""

    text: str
    sort: str | None = None
    modelled: str | None = None


def points_rows(report: Report) -> list[tuple[int, tuple[Cell, ...]]]:
    """(position in the table of points, cells) of the best 5,000 points, best first, those of each filter together."""
    points = report.gathered.points
    filters = sorted(points["filter"].unique(), key=bool)  # that of all documents first
    order = points["filter"].map(filters.index).rename("order")
    by = ["order", report.config.measure]
    best = points.assign(order=order).sort_values(by, ascending=[True, False], kind="stable").head(TABLE_ROWS)
    has_vectors = (best["dims"] != NO_DIMS).tolist()
    marks = np.where(best["dims_trained"].astype(bool), "", UNTRAINED)
    words = {"model": named, "index": index_words}
    cells = {name: [Cell(words.get(name, str)(value)) for value in best[name]] for name in NAMED if name != "dims"}
    cells["dims"] = [Cell(f"{width}{mark}", str(width)) for width, mark in zip(best["dims"], marks, strict=True)]
    for name, nothing in (("dims", Cell("–", "")), ("quantization", Cell("–"))):
        cells[name] = [cell if known else nothing for cell, known in zip(cells[name], has_vectors, strict=True)]
    columns = [cells[name] for name in named_columns(report)]
    for name in table_figures(report):
        unit, modelled = column(name).unit, name if name in (*AT_WORKLOAD, *COSTS) else None
        values = best[name].to_numpy(dtype=np.float64).tolist()
        columns.append([Cell(number(v, unit), "" if np.isnan(v) else f"{v:.7g}", modelled) for v in values])
    return list(zip(best.index.tolist(), zip(*columns, strict=True), strict=True))
