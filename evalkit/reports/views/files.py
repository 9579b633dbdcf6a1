"""A report on disk: the page, the same in Markdown, the points as CSV, and the chart."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from evalkit.formats.media import csv_cell
from evalkit.reports.data.gather import NO_DIMS
from evalkit.reports.data.report import Report
from evalkit.reports.views.html import html_page
from evalkit.reports.views.markdown import markdown
from evalkit.reports.views.task_parts import svg_of
from evalkit.system.files import write_text

INTERNAL = ["whole_corpus", "run", "key", "device", "unsplit_model", "vectors", "laws", "cores", "ram_gb"]


def write_files(report: Report, folder: Path) -> Path:
    """index.html, index.md, index.csv and index.svg in ``folder``, each whole or not there; the path of the page."""
    folder.mkdir(parents=True, exist_ok=True)
    svg = svg_of(report)
    write_text(folder / "index.svg", svg)
    write_text(folder / "index.md", markdown(report))
    points = pd.concat(list(all_points(report)), ignore_index=True).copy()
    write_text(folder / "index.csv", csv(points))
    write_text(folder / "index.html", html_page(report, svg))
    return folder / "index.html"


def all_points(report: Report) -> Iterator[pd.DataFrame]:
    """Those of every task, and behind them those of samples."""
    for each in (report, *report.others):
        yield each.gathered.points
        if not each.gathered.samples.empty:
            yield each.gathered.samples


def csv(points: pd.DataFrame) -> str:
    """One line per point, dims empty where there are no vectors."""
    dims = points["dims"].astype("Int64")
    table = points.assign(dims=dims.mask(dims == NO_DIMS)).drop(columns=INTERNAL).rename(columns=csv_cell)
    texts = table.select_dtypes(["object", "str"])
    table[texts.columns] = texts.map(csv_cell, na_action="ignore")
    return table.to_csv(index=False)
