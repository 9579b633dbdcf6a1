"""The points of a run as a table for the terminal: sorted by quality, the best of each column marked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from evalkit.results.record import Point

UNTRAINED = "*"
DEEPER = "†"
OF_CHUNKS = ("chunks_per_document", "bytes_per_document")


@dataclass(frozen=True)
class Column:
    """A figure in the table: how it is headed and printed, and which way is better."""

    figure: str
    header: str
    show: Callable[[float], str]
    higher_is_better: bool


COSTS = (
    Column("overlap@10", "overlap@10", "{:.3f}".format, True),
    Column("bytes_per_vector", "bytes/vector", "{:,.0f}".format, False),
    Column("chunks_per_document", "chunks/doc", "{:,.2f}".format, False),
    Column("bytes_per_document", "bytes/doc", "{:,.0f}".format, False),
    Column("index_bytes", "index size", lambda v: decimal(int(v)), False),
    Column("search_queries_per_second", "queries/s", "{:,.0f}".format, True),
    Column("search_ms_p50", "search p50 ms", "{:.2f}".format, False),
    Column("query_ms_p95_at_workload", "p95 ms at workload", "{:.1f}".format, False),
    Column("cost_month_usd", "$/month", "{:,.2f}".format, False),
)


def points_table(points: Sequence[Point], measures: Sequence[str]) -> Table:
    """One row per point, grouped by corpus, best first by the first of ``measures``."""
    are_split = any(point.figures["chunks_per_document"] != 1 for point in points)
    costs = [column for column in COSTS if are_split or column.figure not in OF_CHUNKS]
    noted = {name for point in points for name in point.notes}
    heads = {m: f"{m}{DEEPER}" if m in noted else m for m in measures}
    columns = [*(Column(m, heads[m], "{:.4f}".format, True) for m in measures), *costs]
    about = caption(points, not noted.isdisjoint(measures))
    table = Table(title=title(points), caption=about, header_style="bold", caption_justify="left")
    for name in ("corpus", "dims", "quantization", "index"):
        table.add_column(name, justify="right" if name == "dims" else "left", no_wrap=True)
    for column in columns:
        table.add_column(column.header, justify="right")
    for corpus in dict.fromkeys(p.corpus for p in points):
        group = [p for p in points if p.corpus == corpus]
        best = {c.figure: best_value(group, c) for c in columns}
        for point in sorted(group, key=lambda p: -(p.figures[measures[0]] or 0)):
            mark = "" if point.dims_trained else UNTRAINED
            cells: list[Any] = [Text(corpus), f"{point.dims}{mark}", point.quantization, point.index]
            table.add_row(*cells, *(cell(point, c, best[c.figure]) for c in columns))
        table.add_section()
    return table


def best_value(points: Sequence[Point], column: Column) -> float | None:
    values = [v for p in points if (v := p.figures[column.figure]) is not None]
    return (max if column.higher_is_better else min)(values, default=None)


def cell(point: Point, column: Column, best: float | None) -> Text:
    value = point.figures[column.figure]
    if value is None:
        return Text("–")
    return Text(column.show(value), style="bold green" if value == best else "")


def title(points: Sequence[Point]) -> str:
    return ", ".join(dict.fromkeys(f"{p.model}@{p.revision[:12]}" for p in points))


def caption(points: Sequence[Point], some_look_deeper: bool) -> str | None:
    lines = []
    if not all(point.dims_trained for point in points):
        lines.append(f"{UNTRAINED} the model was not trained to be cut to this width.")
    if some_look_deeper:
        lines.append(f"{DEEPER} looks deeper than the {points[0].serve_k} results that are served (serve_k).")
    return "\n".join(lines) or None
