"""How a run ends on the terminal: what is odd about its corpora, its points, the answer in words, where all is."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from evalkit.config import ReportConfig, RunConfig
from evalkit.errors import UserError, first_line, printable, say
from evalkit.results.in_words import figure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from evalkit.reports.data.report import Report
    from evalkit.results.setting import Key
    from evalkit.results.table_notes import Interval
    from evalkit.results.writer import RunWriter

LOG_WIDTH = 200  # columns, where there is no terminal


def show(writer: "RunWriter", config: RunConfig) -> None:
    """All of it: on stdout if that is a terminal, else on stderr."""
    from rich.console import Console
    from rich.text import Text

    from evalkit.embeddings import EmbeddingStore
    from evalkit.results.table import points_tables

    is_terminal = sys.stdout.isatty()
    console = Console(stderr=not is_terminal, width=None if is_terminal else LOG_WIDTH)
    for record in writer.records:
        for finding in record.findings:
            console.print(Text(printable(f"{record.corpus['name']}: {finding}"), style="yellow"))
    bounds, answer = judged(writer.folder, config)
    for table in points_tables(writer.points, config.measures, console.width, bounds):
        console.print()
        console.print(table, crop=False)
    console.print()
    for line in answer:
        console.print(Text(printable(line), style="bold"), soft_wrap=not is_terminal)
    for line in busy_lines(writer):
        console.print(Text(printable(line), style="yellow"), soft_wrap=not is_terminal)
    store = EmbeddingStore(config.store.path).path
    console.print(Text(printable(f"embeddings are kept in {store}, this run's results in")), soft_wrap=True)


def busy_lines(writer: "RunWriter") -> "Iterator[str]":
    """One line where the machine was busy with something else while something was timed."""
    from evalkit.results.busy import busy_timings

    embeddings = [side for record in writer.records for side in record.embeddings]
    busy = busy_timings({"embeddings": embeddings, "points": [point.entry() for point in writer.points]})
    if busy:
        more = f" (and {len(busy) - 1:,} more)" if len(busy) > 1 else ""
        yield f"the machine was busy with other work: {busy[0]}{more}; measure speed and costs again when it is quiet"


def judged(folder: Path, config: RunConfig) -> tuple["Mapping[Key, Interval]", list[str]]:
    """The interval of each point, and the answer in words, as a report of this run alone has them, by its own prices.

    The run is kept whatever happens here, so nothing is raised: where there are none, a line on stderr says why.
    """
    from evalkit.reports.data.intervals import intervals
    from evalkit.reports.data.one_run import first_measure
    from evalkit.reports.data.report import make_report

    of_report = ReportConfig(
        runs=[str(folder.absolute())],
        measure=first_measure(config.measures, [task.kind for task in config.task.values()]),
        pricing=config.pricing,
        workload=config.workload,
        results_dir=config.results_dir,
    )
    try:
        report = make_report(of_report)
        others = (f"{each.config.task}: {' '.join(answer_of(each))}" for each in report.others)
        return intervals(report), [*answer_of(report), *others]
    except UserError as error:
        reason = error.sentences
    except Exception as error:
        reason = f"{type(error).__name__}: {first_line(error)}"
    say(f"evalkit: warning: there are no intervals and no answer in words: {reason}")
    return {}, []


def answer_of(report: "Report") -> list[str]:
    """What to use and how sure that is; of a single setting, where nothing is to be chosen, what it gives and costs."""
    if len(report.table) == 1 and report.sentence.row is not None:
        return [only_setting(report), *report.sentence.at_size]
    return report.sentence.lines


def only_setting(report: "Report") -> str:
    """``all-MiniLM-L6-v2 at 256 dims, int8: nDCG@10 0.5002 (0.461 to 0.540), 256 B per vector, $3.54 a month …``."""
    from evalkit.reports.data.sentence import advice_of, for_workload

    row, quality, scope = report.table.iloc[0], report.quality, report.scopes[0]
    low, high = quality.low[0], quality.high[0]
    sure = "" if np.isnan(low) else f" ({low:.3f} to {high:.3f} at 95% confidence)"
    on = f" on the {scope.name}" if len(scope.corpora) > 1 else ""
    parts = [f"{report.config.measure} {quality.mean[0]:.4f}{sure}{on}"]
    for name, words in (("bytes_per_vector", "per vector"), ("cost_month_usd", for_workload(report.config))):
        if name in row and not np.isnan(row[name]):
            parts.append(f"{figure(name, row[name])} {words}")
    return f"{advice_of(row)}: {', '.join(parts)}."
