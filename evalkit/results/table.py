"""The points of a run for the terminal: a table for each corpus, best first, as many figures as there is room for.

Every column is as wide as what is in it: names fold where the terminal is narrow, figures never.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isclose
from types import MappingProxyType

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console, JustifyMethod
from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from evalkit.errors import printable
from evalkit.results.column import Column
from evalkit.results.columns import column
from evalkit.results.in_words import SEPARATOR, setting_words
from evalkit.results.record import Point
from evalkit.results.setting import FULL, RETRIEVAL, WHOLE, Key, index_label, size_number
from evalkit.results.table_notes import DEEPER, P95, UNTRAINED, Interval, caption, more
from evalkit.results.task_measures import ITEMS, TASK_FIGURES, by_task

MOST_ROWS, LEAST_ROWS = 20, 5
SETTING = ("filter", "documents", "dims", "quantization", "index")
FOLDING = ("filter", "documents", "quantization", "index")
JUSTIFIED: Mapping[str, JustifyMethod] = {"dims": "right"}
VECTOR, CHUNKS = ("bytes_per_vector",), ("bytes_per_document", "chunks_per_document", "bytes_per_vector")
HEADERS = {  # whose words may be wrapped
    "returned@k": "returned @k",
    "overlap@10": "overlap @10",
    "bytes_per_vector": "bytes/ vector",
    "bytes_per_document": "bytes/ doc",
    "chunks_per_document": "chunks/ doc",
    "query_ms_p95_at_workload": "query p95 ms",
}
LATER = ("index_bytes", "search_ms_p50", "search_queries_per_second")
FIRST_FIGURES = 4  # for which names are folded
LEAST_WIDTH, NAME_WIDTH, COMFORTABLE_WIDTH, MOST_OF_NAME = 8, 12, 26, 60
GAP = 2
PRECISE_BELOW = 10  # where two decimals say more than one
COMMIT = re.compile("[0-9a-f]{16,}")

NO_INTERVALS: Mapping[Key, Interval] = MappingProxyType({})


@dataclass(frozen=True)
class Layout:
    """What is shown: parts of ``SETTING`` and figures with their headers, and how wide the columns of both are."""

    setting: Mapping[str, int]
    figures: Mapping[Column, str]
    widths: Sequence[int]

    @property
    def width(self) -> int:
        """Of a whole line."""
        widths = [*self.setting.values(), *self.widths]
        return sum(widths) + GAP * (len(widths) - 1)


def points_tables(
    points: Sequence[Point],
    measures: Sequence[str],
    width: int,
    intervals: Mapping[Key, Interval] = NO_INTERVALS,
    rows: int | None = MOST_ROWS,
) -> list[Table]:
    """Tables of the points of each task, retrieval's by ``measures``: see ``task_tables``."""
    of_tasks = by_task(points, measures)
    most = rows and max(LEAST_ROWS, rows // max(1, len(of_tasks)))
    return [table for own, names in of_tasks for table in task_tables(own, names, width, intervals, most)]


def task_tables(
    points: Sequence[Point],
    measures: Sequence[str],
    width: int,
    intervals: Mapping[Key, Interval],
    rows: int | None,
) -> list[Table]:
    """A table for each corpus of a run, in at most ``width`` columns: best first by the first of ``measures``.

    Points at each size of the corpus are together, first at the size that settings are chosen by. Points of filters are
    in a table of their own behind that of their corpus, those of each filter together; bounds leave the room to what
    comes back.

    ``intervals`` bound it, by the key of a point's setting. At most about ``rows`` points are shown of all corpora
    together; null shows all.
    """
    groups = [best_first(group, measures[0]) for group in of_tables(points)]
    most = rows and max(LEAST_ROWS, rows // max(1, len(groups)))
    shown: dict[bool, list[Point]] = {False: [], True: []}
    for group in groups:
        shown[is_filtered(group)] += group[:most]
    layouts = {kind: layout_of(some, measures, width, intervals) for kind, some in shown.items() if some}
    bounds = {False: intervals, True: intervals}
    if True in layouts and not {"returned@k", "overlap@10"} <= {figure.name for figure in layouts[True].figures}:
        bounds[True], layouts[True] = NO_INTERVALS, layout_of(shown[True], measures, width, NO_INTERVALS)
    captions = [more(group, most) for group in groups]
    captions[-1] += caption(
        [*shown[False], *shown[True]], [each.figures for each in layouts.values()], measures[0], intervals
    )
    return [
        points_table(group[:most], group, measures[0], layouts[kind], bounds[kind], Text("\n").join(lines), width)
        for group, kind, lines in zip(groups, map(is_filtered, groups), captions, strict=True)
    ]


def of_tables(points: Sequence[Point]) -> list[list[Point]]:
    """The points of each table: those of a corpus, and behind them those of its filters."""
    corpora = list(dict.fromkeys(point.setting.corpus for point in points))
    tables: dict[tuple[int, bool], list[Point]] = {}
    for point in points:
        tables.setdefault((corpora.index(point.setting.corpus), bool(point.setting.filter)), []).append(point)
    return [tables[key] for key in sorted(tables)]


def is_filtered(group: Sequence[Point]) -> bool:
    return bool(group[0].setting.filter)


def best_first(points: Sequence[Point], measure: str) -> list[Point]:
    """Those among the same documents together: the whole corpus, or else its largest size, then the others ascending;
    filters in the order given.
    """
    filters = list(dict.fromkeys(point.setting.filter for point in points))
    ranked = max(size_number(point.setting.corpus_size) for point in points)

    def order(point: Point) -> tuple[float | str, ...]:
        setting, quality = point.setting, point.figures.get(measure) or 0
        size = size_number(setting.corpus_size)
        return filters.index(setting.filter), size != ranked, size, setting.distractors, -quality

    return sorted(points, key=order)


def layout_of(
    points: Sequence[Point], measures: Sequence[str], width: int, intervals: Mapping[Key, Interval]
) -> Layout:
    """The first figures that fit in ``width``, at least one; the first few make the names of settings fold."""
    noted = {name for point in points for name in point.notes}
    headers = {column(name): header_of(name, noted.intersection(measures)) for name in figures_of(points, measures)}
    needed = [
        max(in_two_lines(header), width_of([cell(p, shown, measures[0], intervals).plain for p in points]))
        for shown, header in headers.items()
    ]
    cells = [setting_cells(point) for point in points]
    are_sized = any(point.setting.corpus_size != FULL for point in points)
    names = {part: [cell[part].plain for cell in cells] for part in SETTING if are_sized or part != "documents"}
    natural = {part: width_of([part, *texts]) for part, texts in names.items() if any(texts)}
    folding = [natural[part] for part in FOLDING if part in natural]
    fixed = sum(natural.values()) - sum(folding)

    def room(count: int) -> int:
        """What is left for the names beside ``count`` figures."""
        return width - fixed - sum(needed[:count]) - GAP * (len(natural) + count - 1)

    def wanted(count: int) -> int:
        return sum(min(name, NAME_WIDTH if count <= FIRST_FIGURES else COMFORTABLE_WIDTH) for name in folding)

    count = next((count for count in range(len(needed), 1, -1) if room(count) >= wanted(count)), 1)
    shared = shares(max(room(count), LEAST_WIDTH * len(folding)), folding)
    setting = {**natural, **dict(zip((part for part in FOLDING if part in natural), shared, strict=True))}
    return Layout(setting, dict(list(headers.items())[:count]), needed[:count])


def shares(room: int, needed: Sequence[int]) -> list[int]:
    """How wide columns are that share ``room``: each as it is ``needed``, or the widest ones fold."""
    most = next((most for most in range(max(needed), 1, -1) if sum(min(n, most) for n in needed) <= room), 1)
    return [min(n, most) for n in needed]


def width_of(texts: Sequence[str]) -> int:
    return max(map(cell_len, texts))


def in_two_lines(header: str) -> int:
    """The least width at which it takes at most two lines, its words whole."""
    words = header.split()
    return min(width_of([" ".join(words[:i]), " ".join(words[i:])]) for i in range(len(words)))


def header_of(name: str, deeper: set[str]) -> str:
    header = HEADERS.get(name, column(name).title)
    return printable(f"{header}{DEEPER}" if name in deeper else header)


def figures_of(points: Sequence[Point], measures: Sequence[str]) -> list[str]:
    """The figures to show, the most important first: those that were measured, and the first measure in any case."""
    measured = {name for point in points for name, value in point.figures.items() if value is not None}
    are_split = any(point.figures.get("chunks_per_document") not in (1, None) for point in points)
    size, *sizes = CHUNKS if are_split else VECTOR
    p95 = next((name for name in P95 if name in measured), P95[0])
    if is_filtered(points):
        size, p95, sizes = "returned@k", "overlap@10", ["search_ms_p95", "selectivity", size, *sizes]
    of_task = ["threshold", *TASK_FIGURES.get(points[0].setting.task, ())]
    names = [size, p95, "cost_month_usd", *of_task, *measures[1:], "overlap@10", *sizes, *LATER]
    return list(dict.fromkeys([measures[0], *(name for name in names if name in measured)]))


def points_table(
    points: Sequence[Point],
    all_points: Sequence[Point],
    measure: str,
    layout: Layout,
    intervals: Mapping[Key, Interval],
    notes: Text,
    width: int,
) -> Table:
    """One row for each of ``points``, which are of one corpus; the best of ``all_points`` among the same documents is
    marked in each column.

    The title may be wider than the table, up to ``width``.
    """
    table = Table(
        box=SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, GAP - 1, 0, 0),
        header_style="bold",
        title_justify="left",
        caption_justify="left",
        title=in_lines(title(all_points), width),
        caption=notes if notes.plain else None,
        width=layout.width,  # also beyond the terminal's: better wrapped by that than cut
    )
    for part, needed in layout.setting.items():
        add_column(table, part, JUSTIFIED.get(part, "left"), needed)
    for shown, header, needed in zip(layout.figures, layout.figures.values(), layout.widths, strict=True):
        add_column(table, header, "left" if shown.name == measure else "right", needed)
    rivals: dict[tuple[str, str, str], list[Point]] = {}
    for point in all_points:
        rivals.setdefault(point.setting.searched, []).append(point)
    best = {(among, shown): best_value(rivals[among], shown) for among in rivals for shown in layout.figures}
    for point in points:
        cells, among = setting_cells(point), point.setting.searched
        figures = (cell(point, shown, measure, intervals, best[among, shown]) for shown in layout.figures)
        table.add_row(*(cells[part] for part in layout.setting), *figures)
    return table


def add_column(table: Table, header: str, justify: JustifyMethod, width: int) -> None:
    table.add_column(Text(printable(header)), justify=justify, width=width, overflow="fold")


def setting_cells(point: Point) -> dict[str, Text]:
    """Each part of ``SETTING``; dims and quantization are empty where there are no vectors, filter where it is none."""
    setting = point.setting
    label = index_label(setting.columns())
    index = setting_words(setting.index, setting.dims, setting.quantization, label)[-1] if label else ""
    trained = "" if point.dims_trained else UNTRAINED
    dims, quantization = ("", "") if setting.dims is None else (f"{setting.dims}{trained}", setting.quantization)
    added = f" with {setting.distractors}" if setting.distractors else ""
    documents = FULL if setting.corpus_size == FULL else f"{int(setting.corpus_size):,}{added}"
    parts = (setting.filter, documents, dims, quantization, index)
    texts = (Text(printable(text, MOST_OF_NAME)) for text in parts)
    return dict(zip(SETTING, texts, strict=True))


def best_value(points: Sequence[Point], shown: Column) -> float | None:
    values = [value for point in points if (value := point.figures.get(shown.name)) is not None]
    if shown.higher_is_better is None:
        return None
    return (max if shown.higher_is_better else min)(values, default=None)


def cell(
    point: Point, shown: Column, first_measure: str, intervals: Mapping[Key, Interval], best: float | None = None
) -> Text:
    value = point.figures.get(shown.name)
    if value is None:
        return Text("–")
    interval = intervals.get(point.setting.key) if shown.name == first_measure else None
    text = with_interval(value, interval) if interval else number(shown, value)
    return Text(printable(text), style="bold green" if value == best else "")


def with_interval(value: float, interval: Interval) -> str:
    """``0.7607 ±0.018``, or ``0.9800 [0.930, 0.998]`` where one side is longer; alone where no bounds are known."""
    low, high = interval
    if not low <= value <= high:
        return f"{value:.4f}"
    if isclose(high - value, value - low, rel_tol=1e-6, abs_tol=1e-9):
        margin = value - low
        return f"{value:.4f} ±{margin:.{3 if margin >= 0.0005 else 4}f}"
    return f"{value:.4f} [{low:.3f}, {high:.3f}]"


def number(shown: Column, value: float) -> str:
    """``value`` as the terminal shows it: sizes in kB and MB, short times with two decimals."""
    if shown.unit == "B" and shown.is_whole:
        return decimal(int(value))
    digits = max(shown.digits, 2) if shown.digits and abs(value) < PRECISE_BELOW else shown.digits
    return f"{value:,.{digits}f}"


def in_lines(text: Text, width: int) -> Text:
    """``text`` in lines of at most ``width``, whatever the width of what it stands over: words stay whole."""
    lines = Text("\n").join(text.wrap(Console(width=width), width))
    lines.no_wrap, lines.overflow = True, "ignore"
    return lines


def title(points: Sequence[Point]) -> Text:
    """What all ``points`` of one corpus share: model, corpus, how many queries, and how documents are split."""
    setting = points[0].setting
    model = setting.model.rpartition("/")[2] or setting.model
    revision = setting.revision[:12] if COMMIT.fullmatch(setting.revision) else setting.revision
    counts = sorted({point.queries for point in points if point.queries}) or [0]
    queries = f"{' to '.join(f'{count:,}' for count in dict.fromkeys((counts[0], counts[-1])))} {ITEMS[setting.task]}"
    task = [] if setting.task == RETRIEVAL else [setting.task]
    facts = [f"{model}@{revision}", *task, setting.corpus, *(["by filter"] if setting.filter else []), queries]
    if setting.chunking != WHOLE:
        facts.append(f"chunks by {setting.chunking}")
    return Text(printable(SEPARATOR.join(facts)))  # a Text, since rich reads [ ] in a str
