"""The table in the terminal: what each setting and figure looks like there."""

from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from evalkit.results.record import Point
from evalkit.results.setting import Setting
from evalkit.results.table import points_tables


def point(dims: int | None, quantization: str, quality: float, *, trained: bool = True, **more: Any) -> Point:
    figures = {"nDCG@10": quality, "chunks_per_document": 1.0, "bytes_per_vector": 1536.0, "index_bytes": 2_150_445}
    figures |= {"search_ms_p50": 0.1037, "query_ms_p95_at_workload": 83.04, "cost_month_usd": None}
    setting = Setting(
        *(
            "retrieval",
            "org/m",
            "0123456789abcdef",
            "",
            more.pop("corpus", "cranfield"),
            "f",
            "none",
            dims,
            quantization,
        ),
        *(more.pop("engine", "faiss"), more.pop("index", "flat"), "", more.pop("stages", ""), 100, 10),
    )
    notes = more.pop("notes", {})
    return Point(setting, trained, "inner_product", None, 225, "a machine", {**figures, **more}, {}, notes)


def shown(*points: Point, width: int = 200) -> list[str]:
    console = Console(width=width, record=True, file=None, quiet=False)
    with console.capture() as captured:
        for table in points_tables(points, ["nDCG@10"], width):
            console.print(table, crop=False)
    return captured.get().splitlines()


def cells(lines: list[str], start: str) -> list[str]:
    line = next(line for line in lines if start in line)
    return [cell.strip() for cell in line.strip("│┃ ").replace("┃", "│").split("│")]


def test_a_point_is_named_by_its_setting_and_figures_have_their_units_digits() -> None:
    lines = shown(point(384, "float32", 0.51, stages="bm25"))
    assert cells(lines, "flat+bm25") == [
        *("cranfield", "384", "float32", "flat+bm25", "0.5100"),
        *("–", "1,536", "2.2 MB", "–", "0.10", "83.0", "–"),
    ]
    assert [name for name in cells(lines, "dims") if name] == [
        *("corpus", "dims", "quantization", "index", "nDCG@10", "overlap@10", "bytes/vector", "index size"),
        *("queries/s", "search p50 ms", "query p95 ms at workload", "$/month"),
    ]


def test_what_has_no_vectors_has_neither_dims_nor_quantization() -> None:
    lines = shown(point(None, "none", 0.4, engine="bm25s", index="bm25"))
    assert cells(lines, "bm25")[:4] == ["cranfield", "", "", "bm25"]


def test_an_engine_but_faiss_is_named_with_its_index() -> None:
    assert cells(shown(point(8, "int8", 0.4, engine="pgvector")), "pgvector")[3] == "pgvector flat"


def test_the_best_point_is_first_and_marks_are_explained() -> None:
    deeper = {"nDCG@10": "looks deeper than the 10 results that are served (serve_k)"}
    lines = shown(point(64, "int8", 0.3, trained=False), point(384, "int8", 0.5, notes=deeper))
    rows = [cells([line], "cranfield") for line in lines if "cranfield" in line]
    assert [row[1] for row in rows] == ["384", "64*"]
    assert any("* the model was not trained to be cut to this width." in line for line in lines)
    assert any("† looks deeper than the 10 results" in line for line in lines)


def test_chunks_are_shown_where_documents_are_split() -> None:
    lines = shown(point(8, "int8", 0.4, chunks_per_document=1.75, bytes_per_document=14.0))
    assert {"chunks/doc", "bytes/doc"} <= set(cells(lines, "dims"))


def test_a_narrow_terminal_shows_every_figure_whole_in_tables_below_each_other() -> None:
    points = [point(384, "float32", 0.5123), point(64, "binary_rescore", 0.3, trained=False)]
    lines = shown(*points, width=80)
    assert max(map(len, lines)) <= 80
    assert "…" not in "".join(lines)
    row = [value for line in lines if "binary_rescore" in line for value in cells([line], "cranfield")[4:]]
    assert row == ["0.3000", "–", "1,536", "2.2 MB", "–", "0.10", "83.0", "–"]
    headers = " ".join(lines)
    assert all(
        word in headers for word in ("nDCG@10", "overlap@10", "bytes/vector", "queries/s", "workload", "$/month")
    )
    assert sum("org/m@0123456789ab" in line for line in lines) == 1
    assert sum("not trained to be cut" in line for line in lines) == 1


@pytest.mark.parametrize("corpus", ["cranfield", "non-ascii-名前"])
def test_no_line_is_wider_than_the_terminal(corpus: str) -> None:
    points = [point(384, "float32", 0.5123, corpus=corpus), point(64, "binary_rescore", 0.3, corpus=corpus)]
    for width in range(72, 200):
        lines = shown(*points, width=width)
        assert max(map(cell_len, lines)) <= width
        row = [value for line in lines if "binary_rescore" in line for value in cells([line], corpus)[4:]]
        assert row == ["0.3000", "–", "1,536", "2.2 MB", "–", "0.10", "83.0", "–"]


def test_a_terminal_too_narrow_for_one_figure_still_gets_them_all() -> None:
    assert "0.5123" in "".join(shown(point(384, "float32", 0.5123), width=20))


def test_names_with_brackets_and_control_characters_are_shown_as_they_are() -> None:
    lines = shown(point(8, "int8", 0.4, index="[/b]\x1b[2J"))
    assert any("[/b]" in line for line in lines)
