"""The report as Markdown, for a pull request or a wiki: the answer, the chart, the models, and the front."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from evalkit.formats.media import markdown as literally
from evalkit.reports.data.gather import NO_DIMS
from evalkit.reports.data.ranking import rank_models
from evalkit.reports.data.report import Report
from evalkit.results.in_words import figure, number
from evalkit.results.markdown import table
from evalkit.results.percent import percent

FRONT_FIGURES = ("cost_month_usd", "bytes_per_document", "query_ms_p95_at_workload")


def markdown(report: Report) -> str:
    """All of it, ending in a line break; index.svg lies beside it."""
    return "\n".join((*answer_lines(report), *model_lines(report), *front_lines(report), *warning_lines(report))) + "\n"


def answer_lines(report: Report) -> Iterator[str]:
    config, scope = report.config, report.scopes[0]
    yield "# Which embedding model, dimension and quantization?"
    yield ""
    of = f" ({', '.join(scope.corpora)})" if len(scope.corpora) > 1 else ""
    yield literally(f"Ranked by {config.measure} on {scope.name}{of}.")
    yield ""
    for answer in report.answers:
        yield f"- **{answer.title(config.within)}**: {literally(str(report.words(answer)))}"
    yield ""
    yield f"![{literally(config.measure)} against {config.cost}](index.svg)"


def model_lines(report: Report) -> Iterator[str]:
    config, scope = report.config, report.scopes[0]
    ranked = rank_models(scope, report.gathered.points, config.measure, config.alpha)
    yield from ("", "## Models", "", "Each by its best setting; those that share a rank can't be told apart.", "")
    header = ("rank", "setting", literally(config.measure), f"{percent(1 - config.alpha)} interval")
    yield from table(
        header,
        (
            (
                "–" if model.rank is None else str(model.rank),
                model.setting,
                number(model.mean, ""),
                f"{number(model.low, '')} – {number(model.high, '')}",
            )
            for model in ranked
        ),
    )
    yield from (f"- not ranked: {literally(line)}" for line in scope.incomplete)
    if report.long_documents:
        yield from ("", "## Long documents", "", *(f"- {literally(line)}" for line in report.long_documents))


def front_lines(report: Report) -> Iterator[str]:
    """The settings on the Pareto front, cheapest first."""
    config = report.config
    columns = tuple(dict.fromkeys((config.cost, *FRONT_FIGURES)))
    rows = np.flatnonzero(report.front)
    costs = report.table[config.cost].to_numpy(dtype=float)[rows]
    yield from ("", f"## Settings that none beats in both {literally(config.measure)} and {config.cost}", "")
    yield from table(
        ("model", "dims", "quantization", "index", literally(config.measure), *columns),
        (
            (
                *setting_cells(report.table.iloc[row]),
                number(report.quality.mean[row], ""),
                *(figure(name, report.table[name].iloc[row]) for name in columns if name in report.table),
            )
            for row in rows[np.argsort(costs, kind="stable")]
        ),
    )


def setting_cells(setting: "pd.Series[Any]") -> list[str]:
    """Model, dims, quantization and index; dims and quantization are empty where there are no vectors."""
    vectors = ("", "") if setting["dims"] == NO_DIMS else (str(setting["dims"]), setting["quantization"])
    return [setting["model"], *vectors, setting["index"]]


def warning_lines(report: Report) -> Iterator[str]:
    if report.warnings:
        yield from ("", "## To know", "", *(f"- {literally(warning)}" for warning in report.warnings))
