"""The points of a run as a table for the terminal: sorted by quality, the best of each column marked."""

from collections.abc import Iterator, Mapping, Sequence

from rich.cells import cell_len
from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from evalkit.errors import printable
from evalkit.results.columns import Column, column
from evalkit.results.record import Point
from evalkit.results.setting import index_label

UNTRAINED = "*"
DEEPER = "†"
OF_CHUNKS = ("chunks_per_document", "bytes_per_document")
FIGURES = (
    *("overlap@10", "bytes_per_vector", *OF_CHUNKS, "index_bytes", "search_queries_per_second"),
    *("search_ms_p50", "query_ms_p95_at_workload", "cost_month_usd"),
)
SETTING = ("corpus", "dims", "quantization", "index")
PRECISE_BELOW = 10  # where two decimals say more than one


def points_tables(points: Sequence[Point], measures: Sequence[str], width: int) -> list[Table]:
    """The points of a run, in as many tables below each other as a terminal of ``width`` columns needs.

    Each has the settings and some of the figures, whole; the first has the title, the last the caption.
    """
    noted = {name for point in points for name in point.notes}
    columns = [column(name) for name in (*measures, *figures_of(points))]
    headers = {c.name: f"{c.title}{DEEPER}" if c.name in noted and c.name in measures else c.title for c in columns}
    needed = {c.name: width_of(headers[c.name].split() + [cell(p, c, None).plain for p in points]) for c in columns}
    settings = zip(SETTING, *(map(str, setting_cells(point)) for point in points), strict=True)
    room = width - 1 - sum(map(width_of, settings))
    tables = []
    for group in groups_that_fit(columns, needed, room):
        table = points_table(points, measures, {c: headers[c.name] for c in group})
        if sum(max(needed[c.name], width_of([headers[c.name]])) for c in group) > room:  # headers are wrapped
            for shown, wrapped in zip(group, table.columns[len(SETTING) :], strict=True):
                wrapped.width = needed[shown.name] - width_of([""])
        missing = sum(needed[c.name] for c in group) - room
        if missing > 0:  # not even one fits: better wrapped by the terminal than cut
            table.width = width + missing
        tables.append(table)
    tables[0].title = title(points)
    tables[-1].caption = caption(points, not noted.isdisjoint(measures))
    return tables


def groups_that_fit(columns: Sequence[Column], needed: Mapping[str, int], room: int) -> Iterator[list[Column]]:
    """``columns`` in their order, as many together as ``room`` holds of what is ``needed``; at least one."""
    group: list[Column] = []
    for shown in columns:
        if group and sum(needed[c.name] for c in [*group, shown]) > room:
            yield group
            group = []
        group.append(shown)
    yield group


def width_of(texts: Sequence[str]) -> int:
    """Columns of a terminal that a column of ``texts`` takes, with its padding and a border."""
    return max(map(cell_len, texts)) + 3


def points_table(points: Sequence[Point], measures: Sequence[str], columns: Mapping[Column, str]) -> Table:
    """One row per point, grouped by corpus, best first by the first of ``measures``; ``columns`` with their headers."""
    table = Table(header_style="bold", title_justify="left", caption_justify="left")
    for name in SETTING:
        table.add_column(name, justify="right" if name == "dims" else "left", no_wrap=True)
    for header in columns.values():
        table.add_column(Text(printable(header)), justify="right")
    for corpus in dict.fromkeys(point.setting.corpus for point in points):
        group = [point for point in points if point.setting.corpus == corpus]
        best = {shown.name: best_value(group, shown) for shown in columns}
        for point in sorted(group, key=lambda point: -(point.figures[measures[0]] or 0)):
            table.add_row(*setting_cells(point), *(cell(point, shown, best[shown.name]) for shown in columns))
        table.add_section()
    return table


def figures_of(points: Sequence[Point]) -> Iterator[str]:
    """The figures to show; those of chunks only where some documents are split."""
    are_split = any(point.figures.get("chunks_per_document") != 1 for point in points)
    for name in FIGURES:
        if name not in OF_CHUNKS or are_split:
            yield name


def setting_cells(point: Point) -> Iterator[Text]:
    """Corpus, dims, quantization and index; dims and quantization are empty where there are no vectors."""
    setting = point.setting
    yield Text(printable(setting.corpus))
    yield Text("" if setting.dims is None else f"{setting.dims}{'' if point.dims_trained else UNTRAINED}")
    yield Text("" if setting.dims is None else printable(setting.quantization))
    yield Text(printable(index_label(setting.columns())))


def best_value(points: Sequence[Point], shown: Column) -> float | None:
    values = [value for point in points if (value := point.figures.get(shown.name)) is not None]
    return (max if shown.higher_is_better else min)(values, default=None)


def cell(point: Point, shown: Column, best: float | None) -> Text:
    value = point.figures.get(shown.name)
    if value is None:
        return Text("–")
    return Text(number(shown, value), style="bold green" if value == best else "")


def number(shown: Column, value: float) -> str:
    """``value`` as the terminal shows it: sizes in kB and MB, short times with two decimals."""
    if shown.unit == "B" and shown.is_whole:
        return decimal(int(value))
    digits = max(shown.digits, 2) if shown.digits and abs(value) < PRECISE_BELOW else shown.digits
    return f"{value:,.{digits}f}"


def title(points: Sequence[Point]) -> Text:
    models = dict.fromkeys(f"{p.setting.model}@{p.setting.revision[:12]}" for p in points)
    return Text(printable(", ".join(models)))  # a Text, since rich reads [ ] in a str


def caption(points: Sequence[Point], some_look_deeper: bool) -> str | None:
    lines = []
    if not all(point.dims_trained for point in points):
        lines.append(f"{UNTRAINED} the model was not trained to be cut to this width.")
    if some_look_deeper:
        lines.append(f"{DEEPER} looks deeper than the {points[0].setting.serve_k} results that are served (serve_k).")
    return "\n".join(lines) or None
