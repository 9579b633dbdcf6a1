"""A report on disk: the page, the same in Markdown, the points as CSV, and the chart."""

from pathlib import Path

from evalkit.reports.data.report import Report
from evalkit.reports.data.words import unit_of
from evalkit.reports.views.chart import Axis, chart_svg
from evalkit.reports.views.html import html_page
from evalkit.reports.views.markdown import markdown
from evalkit.results.columns import DIRECTED
from evalkit.results.files import write_text

INTERNAL = ["run", "device", "unsplit_model", "laws", "cores", "ram_gb"]


def write_files(report: Report, folder: Path) -> Path:
    """index.html, index.md, index.csv and index.svg in ``folder``, each whole or not there; the path of the page."""
    config = report.config
    folder.mkdir(parents=True, exist_ok=True)
    x = Axis(config.cost, unit_of(config.cost), log=True, higher_is_better=DIRECTED[config.cost].higher_is_better)
    y = Axis(config.measure, unit_of(config.measure), higher_is_better=True)
    svg = chart_svg(report.table, report.quality.mean, report.front, x, y, report.marks)
    write_text(folder / "index.svg", svg)
    write_text(folder / "index.md", markdown(report))
    write_text(folder / "index.csv", report.gathered.points.drop(columns=INTERNAL).to_csv(index=False))
    write_text(folder / "index.html", html_page(report, svg))
    return folder / "index.html"
