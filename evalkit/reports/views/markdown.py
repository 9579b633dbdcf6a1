"""The report as Markdown, for a pull request or a wiki: the answer, the chart, the models, and the front."""

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from evalkit.formats.media import markdown as literally
from evalkit.recipes.recipe import Recipe
from evalkit.reports.data.answers import POSSIBLE, Answer, nothing_shown
from evalkit.reports.data.gather import NO_DIMS
from evalkit.reports.data.ranking import rank_models
from evalkit.reports.data.report import Report
from evalkit.reports.views.size_parts import size_headers, size_notes, size_rows, size_title
from evalkit.reports.views.task_parts import task_parts, uses_headers, uses_notes, uses_rows
from evalkit.results.headings import heading, in_words
from evalkit.results.in_words import figure, index_words, named, number
from evalkit.results.markdown import table
from evalkit.results.percent import percent

MOST_ROWS = 10  # of another task's settings
FRONT_FIGURES = ("cost_month_usd", "bytes_per_document", "query_ms_p95_at_workload")


def markdown(report: Report) -> str:
    """All of it, ending in a line break; index.svg lies beside it."""
    of_task = (*answer_lines(report), *uses_lines(report), *size_lines(report), *model_lines(report), *front_lines(report))
    return "\n".join((*of_task, *task_lines(report), *warning_lines(report))) + "\n"


def answer_lines(report: Report) -> Iterator[str]:
    config, scope = report.config, report.scopes[0]
    yield f"# {literally(report.sentence.answer)}"
    yield ""
    yield literally(" ".join(report.sentence.lines[1:]))
    yield ""
    yield literally(f"Settings are ranked by {config.measure} on {scope.words}.")
    yield ""
    for answer in in_reading_order(report):
        yield f"- **{answer.title(config.within)}**: {literally(str(report.words(answer)))}"
    if nothing := nothing_shown(report.answers, report.quality, config.within):
        yield from ("", literally(nothing))
    yield ""
    yield f"![{literally(config.measure)} against {in_words(config.cost)}](index.svg)"
    yield from recipe_lines(report.recipe)


def recipe_lines(recipe: Recipe | None) -> Iterator[str]:
    """The recommended setting as text to paste, its contract within, in a block that nothing in it ends."""
    if recipe is not None:
        yield from ("", "To build it again:", "", *fenced(recipe.language, recipe.text))


def fenced(language: str, text: str) -> Iterator[str]:
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    yield from (f"{fence}{language}", text.rstrip("\n"), fence)


def in_reading_order(report: Report) -> list[Answer]:
    """The answers that say something of their own; with few queries what may be just as good comes first."""
    first = f"cheapest {POSSIBLE}" if report.sentence.few_queries else ""
    return sorted(report.cards, key=lambda answer: answer.key != first)


def uses_lines(report: Report) -> Iterator[str]:
    """The smallest setting that serves all uses of a model, and what each use keeps in every setting."""
    if report.uses:
        yield from ("", "## What each use keeps")
    for uses in report.uses:
        yield from ("", literally(uses.sentence), "")
        yield from table([literally(header) for header in uses_headers(uses)], uses_rows(uses))
        yield from ("", *(literally(note) for note in uses_notes(uses, report.config.alpha)))


def size_lines(report: Report) -> Iterator[str]:
    """What settings keep of full precision at each size, measured and predicted."""
    if report.size_curves:
        yield from ("", "## Quality at other sizes")
    for curves in report.size_curves:
        yield from ("", f"### {literally(size_title(curves))}", "")
        yield from table([literally(header) for header in size_headers(curves)], size_rows(curves))
        yield from ("", *(literally(note) for note in size_notes(curves, report.config.measure)))


def task_lines(report: Report) -> Iterator[str]:
    """Each other task: its answer, and its best settings."""
    for part in task_parts(report):
        answer = " ".join(filter(None, (part["answer"], part["how_sure"], part["basis"])))
        yield from ("", f"## {literally(part['title'])}", "", literally(answer), "")
        yield from table([literally(header) for header in part["headers"]], part["rows"][:MOST_ROWS])


def model_lines(report: Report) -> Iterator[str]:
    config, scope = report.config, report.scopes[0]
    ranked = rank_models(scope, report.gathered.points, config.measure, config.alpha)
    yield from ("", "## Models", "", "Each by its best setting; those that share a rank may be just as good.", "")
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
    columns = tuple(dict.fromkeys((config.cost, *(FRONT_FIGURES if config.searches else ()))))
    rows = np.flatnonzero(report.front)
    costs = report.table[config.cost].to_numpy(dtype=float)[rows]
    yield from ("", f"## Settings that none beats in both {literally(config.measure)} and {in_words(config.cost)}", "")
    yield from table(
        ("model", "dims", "quantization", "index", *(literally(heading(name)) for name in (config.measure, *columns))),
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
    """Model, dims, quantization and index; a dash for dims and quantization where there are no vectors."""
    vectors = ("–", "–") if setting["dims"] == NO_DIMS else (str(setting["dims"]), setting["quantization"])
    return [named(setting["model"]), *vectors, index_words(setting["index"])]


def warning_lines(report: Report) -> Iterator[str]:
    if report.warnings:
        yield from ("", "## To know", "", *(f"- {literally(warning)}" for warning in report.warnings))
