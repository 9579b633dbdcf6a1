"""The table in the terminal: what each setting and figure looks like there, and that all of it fits."""

import re
from collections.abc import Sequence
from dataclasses import replace
from io import StringIO
from itertools import islice, pairwise, product
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from evalkit.results.record import Point
from evalkit.results.setting import Setting
from evalkit.results.table import in_lines, points_tables

MEASURES = ["nDCG@10", "R@100"]
RULE = "─"


def point(dims: int | None, quantization: str, quality: float | None, *, trained: bool = True, **more: Any) -> Point:
    figures = {"nDCG@10": quality, "chunks_per_document": 1.0, "bytes_per_vector": 1536.0, "index_bytes": 2_150_445}
    figures |= {"search_ms_p50": 0.1037, "query_ms_p95_at_workload": 83.04, "cost_month_usd": None}
    corpus, engine, index = more.pop("corpus", "cranfield"), more.pop("engine", "faiss"), more.pop("index", "flat")
    chunking, stages, notes = more.pop("chunking", "none"), more.pop("stages", ""), more.pop("notes", {})
    operating_point, data = more.pop("operating_point", ""), more.pop("data", ())
    setting = Setting(
        *("retrieval", "org/m", "0123456789abcdef", "", corpus, "f", chunking, dims, quantization),
        *(engine, index, operating_point, stages, 100, 10, *data),
    )
    return Point(setting, trained, "inner_product", None, 225, "a machine", {**figures, **more}, {}, notes)


def shown(points: Sequence[Point], width: int = 200, **options: Any) -> list[str]:
    console = Console(width=width, record=True)
    with console.capture() as captured:
        for table in points_tables(points, MEASURES[:1], width, **options):
            console.print(table, crop=False, overflow="ignore", no_wrap=True)
    return [line.rstrip() for line in captured.get().splitlines()]


def cells(line: str) -> list[str]:
    return re.split(r" {2,}", line.strip())


def header(lines: list[str]) -> str:
    """The words of all headers; those of one column may be in several lines."""
    return " ".join(lines[1 : next(i for i, line in enumerate(lines) if RULE in line)])


def test_a_point_is_named_by_its_setting_and_figures_have_their_units_digits() -> None:
    lines = shown([point(384, "float32", 0.51, stages="bm25", cost_month_usd=7.283)])
    row = next(line for line in lines if "float32" in line)
    assert cells(row) == [
        *("384", "float32", "exact + BM25", "0.5100"),
        *("1,536", "83.0", "7.28", "2.2 MB", "0.10"),
    ]
    order = ["dims", "quantization", "index", "nDCG@10", "vector", "p95 ms", "$/month", "size", "p50 ms"]
    assert cells(lines[2]) == order
    assert cells(lines[1]) == ["bytes/", "query", "index", "search"]


def test_what_all_points_share_is_in_the_title_alone() -> None:
    lines = shown([point(8, "int8", 0.4, chunking="tokens(size=64)"), point(16, "int8", 0.5)][:1])
    assert lines[0] == "m@0123456789ab · cranfield · 225 queries · chunks by tokens(size=64)"
    assert not any("cranfield" in line for line in lines[1:])


def test_what_has_no_vectors_has_neither_dims_nor_quantization() -> None:
    lines = shown([point(None, "none", 0.4, engine="bm25s", index="bm25")])
    assert cells(lines[2])[:2] == ["index", "nDCG@10"]
    assert cells(lines[4])[:2] == ["BM25", "0.4000"]


def test_an_engine_but_faiss_is_named_with_its_index() -> None:
    assert "pgvector flat" in cells(shown([point(8, "int8", 0.4, engine="pgvector")])[4])


def test_a_figure_that_nobody_measured_takes_no_column() -> None:
    words = header(shown([point(8, "int8", 0.4)]))
    assert "$/month" not in words
    assert "queries/s" not in words
    assert "nDCG@10" in header(shown([point(8, "int8", None)]))


def test_why_points_have_no_quality_is_said_once() -> None:
    reason = "searches without the index: Seq Scan"
    lacking = [point(dims, "int8", None, engine="pgvector") for dims in (8, 16)]
    unproven = [replace(each, queries=0, unmeasured={"nDCG@10": reason}) for each in lacking]
    lines = shown([point(8, "int8", 0.4), *unproven])
    assert f"cranfield 8 int8 pgvector flat and 1 more: no nDCG@10: {reason}" in " ".join(" ".join(lines).split())
    assert lines[0].endswith("cranfield · 225 queries")


def test_the_best_point_is_first_and_marks_are_explained() -> None:
    deeper = {"nDCG@10": "looks deeper than the 10 results that are served (serve_k)"}
    lines = shown([point(64, "int8", 0.3, trained=False), point(384, "int8", 0.5, notes=deeper)])
    assert [cells(line)[0] for line in lines if "int8" in line] == ["384", "64*"]
    assert "nDCG@10†" in header(lines)
    assert lines[-2:] == [
        "* the model was not trained to be cut to this width.",
        "† looks deeper than the 10 results that are served (serve_k).",
    ]


def test_the_best_of_each_column_is_marked_whichever_way_is_better() -> None:
    points = [point(64, "int8", 0.3, bytes_per_vector=64.0), point(384, "int8", 0.5, bytes_per_vector=384.0)]
    (table,) = points_tables(points, MEASURES[:1], 200)
    marked = {
        str(column.header): [str(cell.style) for cell in column.cells if isinstance(cell, Text)]
        for column in table.columns
    }
    assert marked["nDCG@10"] == ["bold green", ""]
    assert marked["bytes/ vector"] == ["", "bold green"]


def test_sizes_of_a_corpus_are_told_apart_and_each_has_its_own_best() -> None:
    sizes = (("", "20"), ("", "full"), ("", "1000"), ("", "80", "scifact"))
    qualities = dict(zip(sizes, (0.9, 0.5, 0.7, 0.4), strict=True))
    points = [point(d, "int8", mean - d / 1000, data=s) for d in (64, 384) for s, mean in qualities.items()]
    assert [cells(line)[:2] for line in shown(points) if "int8" in line] == [
        [size, dims] for size in ("full", "20", "80 with scifact", "1,000") for dims in ("64", "384")
    ]
    assert cells(shown(points)[2])[0] == "documents"
    (table,) = points_tables(points, MEASURES[:1], 200)
    (quality_column,) = (column for column in table.columns if str(column.header) == "nDCG@10")
    assert [str(cell.style) for cell in quality_column.cells if isinstance(cell, Text)] == ["bold green", ""] * 4
    samples = [each for each in points if each.setting.corpus_size != "full"]
    assert next(cells(line)[0] for line in shown(samples) if "int8" in line) == "1,000"


def test_chunks_are_shown_where_documents_are_split() -> None:
    words = header(shown([point(8, "int8", 0.4, chunks_per_document=1.75, bytes_per_document=14.0)]))
    assert words.count("doc") == 2
    assert "chunks/" in words


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.7427, 0.7787, "0.7607 ±0.018"),
        (0.7605, 0.7609, "0.7607 ±0.0002"),
        (0.7427, 0.7700, "0.7607 [0.743, 0.770]"),
        (float("nan"), float("nan"), "0.7607"),
        (0.8, 0.9, "0.7607"),  # bounds that don't hold it are of something else
    ],
)
def test_an_interval_is_the_shortest_that_says_both_sides(low: float, high: float, expected: str) -> None:
    measured = point(8, "int8", 0.7607)
    lines = shown([measured], intervals={measured.setting.key: (low, high)})
    assert cells(lines[4])[3] == expected
    assert "Best first, nDCG@10 with its 95% interval." in lines


def test_the_rest_is_counted_and_said_where_to_be_seen() -> None:
    points = [point(dims, "int8", dims / 100) for dims in range(1, 65)]
    lines = shown(points)
    assert [int(cells(line)[0]) for line in lines if "int8" in line] == list(range(64, 44, -1))
    assert "… 44 more: python -m evalkit show" in lines
    assert sum("int8" in line for line in shown(points, rows=None)) == 64
    assert not any("more:" in line for line in shown(points, rows=None))


def many(count: int, corpora: int) -> list[Point]:
    """``count`` points on each of ``corpora``, of long names, with chunks, stages and every figure."""
    names = product(
        (16, 384, 65536),
        ("float32", "binary_rescore", "int8_rescore(candidates=400)", "quantization_of_our_own_with_a_long_name"),
        (("flat", ""), ("hnsw", "efSearch=64"), ("ivf", "nprobe=16")),
        ("", "bm25", "bm25+minilm(depth=50)"),
    )
    settings = list(islice(names, count))
    return [
        point(
            dims,
            quantization,
            0.9 - number / 200,
            trained=dims != 16,
            corpus=f"corpus-{corpus}",
            index=index,
            operating_point=at,
            stages=stages,
            chunks_per_document=1.75,
            bytes_per_document=1_234_567.0 + number,
            search_queries_per_second=1_234_567.8,
            cost_month_usd=12_345.678 + number,
            query_ms_p95_at_workload=12_345.6 + number,
            **{"R@100": 0.5 + number / 200, "overlap@10": 1 - number / 100},
        )
        for corpus in range(corpora)
        for number, (dims, quantization, (index, at), stages) in enumerate(settings)
    ]


def quality(point: Point) -> float:
    return float(point.figures["nDCG@10"] or 0)


BACK = {  # header, first line by first line → column, and what of it is shown
    "nDCG@10": ("nDCG@10", 4),
    "bytes/ doc": ("bytes_per_document", 0),
    "query p95 ms": ("query_ms_p95_at_workload", 1),
    "$/month": ("cost_month_usd", 2),
    "R@100": ("R@100", 4),
    "overlap@10": ("overlap@10", 4),
    "chunks/ doc": ("chunks_per_document", 4),
    "bytes/ vector": ("bytes_per_vector", 0),
    "search p50 ms": ("search_ms_p50", 2),
    "queries/s": ("search_queries_per_second", 0),
}


@pytest.mark.parametrize("count", [1, 24, 64])
@pytest.mark.parametrize("corpora", [1, 2])
def test_every_line_fits_and_every_figure_is_whole(count: int, corpora: int) -> None:
    points = many(count, corpora)
    intervals = {p.setting.key: (quality(p) - 0.018, quality(p) + 0.018) for p in points}
    columns = []
    for width in (80, 100, 120, 160, 200):
        console = Console(width=width)
        tables = points_tables(points, MEASURES, width, intervals, rows=None)
        assert len(tables) == corpora
        for corpus, table in enumerate(tables):
            with console.capture() as captured:
                console.print(table)
            lines = captured.get().splitlines()
            assert max(map(cell_len, lines)) <= width
            of_corpus = [p for p in points if p.setting.corpus == f"corpus-{corpus}"]
            best_first = sorted(of_corpus, key=quality, reverse=True)
            for name, (figure, digits) in BACK.items():
                column = next((c for c in table.columns if str(c.header) == name), None)
                if column is None:
                    continue
                texts = [str(cell) for cell in column.cells]
                assert column.width is not None
                assert max(map(cell_len, texts)) <= column.width
                values = [float(text.partition(" ")[0].replace(",", "")) for text in texts]
                assert values == [pytest.approx(p.figures[figure], abs=0.51 * 10**-digits) for p in best_first]
                assert all(text in captured.get() for text in texts)
        columns.append([str(column.header) for column in tables[0].columns])
    assert columns[0][:7] == ["dims", "quantization", "index", "nDCG@10", "bytes/ doc", "query p95 ms", "$/month"]
    assert all(wide[: len(narrow)] == narrow for narrow, wide in pairwise(columns))
    assert len(columns[-1]) > len(columns[0]) >= 7


@pytest.mark.parametrize("corpus", ["cranfield", "non-ascii-名前"])
def test_no_line_is_wider_than_the_terminal_at_any_width(corpus: str) -> None:
    points = [point(384, "float32", 0.5123, corpus=corpus), point(64, "語" * 20, 0.3, corpus=corpus)]
    for width in range(50, 200):
        lines = shown(points, width=width)
        assert max(map(cell_len, lines)) <= width
        assert any("0.3000" in line for line in lines)


def test_a_terminal_too_narrow_for_one_figure_still_gets_it() -> None:
    assert "0.5123" in "".join(shown([point(384, "float32", 0.5123)], width=20))


def test_names_with_brackets_and_control_characters_are_shown_as_they_are() -> None:
    text = "".join(shown([point(8, "int8", 0.4, index="[/b]\x1b[2J")]))
    assert "[/b]\\x1b[2J" in text
    assert "\x1b" not in text


def test_a_title_that_is_wider_than_its_table_keeps_its_words_whole() -> None:
    title = in_lines(Text("a-model-of-a-long-name@revision · pairs · table · 1,379 pairs"), 40)
    table = Table(title=title, width=10)
    table.add_column("dims")
    console = Console(width=40, record=True, file=StringIO())
    console.print(table, crop=False)
    lines = [line.strip() for line in console.export_text().splitlines()]
    assert lines[:2] == ["a-model-of-a-long-name@revision · pairs", "· table · 1,379 pairs"]
