"""A table that is not what its run wrote is refused in one line, with or without checksums in run.json."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evalkit.errors import UserError
from evalkit.results.reader import StoredRun, read_run
from tests.gate.conftest import MakeRun, make_run  # noqa: F401  (a fixture)

SCORES = np.linspace(0, 1, 20)


@pytest.fixture
def run(make_run: MakeRun) -> StoredRun:  # noqa: F811
    return make_run({(8, "x"): SCORES, (4, "x"): SCORES / 2})


def without_digests(run: StoredRun) -> StoredRun:
    about = json.loads((run.folder / "run.json").read_text())
    del about["files"]
    (run.folder / "run.json").write_text(json.dumps(about))
    return read_run(run.folder)


def rewritten(run: StoredRun, name: str, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    file = run.folder / f"{name}.parquet"
    change(pd.read_parquet(file)).to_parquet(file, index=False)


Change = Callable[[pd.DataFrame], pd.DataFrame]
CHANGES: list[tuple[str, Change, str]] = [
    ("queries", lambda t: t.iloc[1:], "it has 39 rows for 40 queries of 2 points"),
    ("queries", lambda t: t.assign(dims=t["dims"].replace(4, 16)), "which is no point of its run"),
    ("queries", lambda t: t.assign(dims=[8] * 21 + [4] * 19), "has 21 of its 20 queries"),
    ("queries", lambda t: t.assign(query_id=t["query_id"].replace("q1", "q2")), "has a query twice"),
    ("queries", lambda t: t.assign(**{"nDCG@10": t["nDCG@10"] * 0.99}), "has a mean nDCG@10 of 0.495, run.json 0.5"),
    ("queries", lambda t: t.assign(**{"nDCG@10": np.nan}), "'nDCG@10' has nulls"),
    ("queries", lambda t: t.assign(**{"nDCG@10": "x"}), "its column 'nDCG@10' holds"),
    ("queries", lambda t: t.assign(query_id=None), "'query_id' has nulls"),
    ("queries", lambda t: t.drop(columns="first_relevant_rank"), "it has no column first_relevant_rank"),
    ("queries", lambda t: t.assign(dims="8"), "its column 'dims' holds"),
    ("latencies", lambda t: t.assign(search_ms=-t["search_ms"]), "'search_ms' has times below 0"),
    ("latencies", lambda t: t.assign(search_ms=np.inf), "'search_ms' has what is not a number"),
    ("latencies", lambda t: t.assign(encode_query_ms=np.inf), "'encode_query_ms' has what is not a number"),
    ("latencies", lambda t: t.assign(corpus="other"), "which is no point of its run"),
    ("canary", lambda t: pd.concat([t, t]), "it has a text twice"),
    ("canary", lambda t: t.assign(vector=[b"\0\x3c", *t["vector"][1:]]), "several widths"),
    ("canary", lambda t: t.assign(vector=[b"\xff\x7f" * 16, *t["vector"][1:]]), "not a number"),
    ("canary", lambda t: t.assign(vector="x"), "its column 'vector' holds"),
]


@pytest.mark.parametrize(("name", "change", "problem"), CHANGES)
def test_what_a_table_can_not_be_is_said(run: StoredRun, name: str, change: Change, problem: str) -> None:
    assert len(run.table(name))
    rewritten(run, name, change)
    with pytest.raises(UserError, match=r"run\.json has another checksum"):
        run.table(name)
    with pytest.raises(UserError, match=f"(?s){name}.parquet can't be read: .*{problem}"):
        without_digests(run).table(name)


@pytest.mark.parametrize("is_measured", [True, False])
def test_calls_without_a_time_are_of_points_whose_encoding_was_not_timed(
    make_run: MakeRun,  # noqa: F811
    is_measured: bool,
) -> None:
    run = make_run({(8, "x"): SCORES}, figures={"encode_query_ms_p50": 10.0 if is_measured else None})
    file = run.folder / "latencies.parquet"
    table = pq.read_table(file)
    place = table.column_names.index("encode_query_ms")
    untimed = pa.array(np.full(len(table), np.nan, dtype=np.float32))
    pq.write_table(table.set_column(place, "encode_query_ms", untimed), file)
    if is_measured:
        with pytest.raises(UserError, match="has calls without a time"):
            without_digests(run).latencies()
    else:
        assert without_digests(run).latencies()["encode_query_ms"].isna().all()


def test_rows_that_take_more_memory_than_there_is_are_not_read(run: StoredRun, monkeypatch: pytest.MonkeyPatch) -> None:
    file = run.folder / "latencies.parquet"
    first = pq.read_table(file).slice(0, 1)
    many = [pa.repeat(first[name][0], 1_000_000) for name in first.column_names]
    pq.write_table(pa.Table.from_arrays(many, first.column_names), file)
    assert file.stat().st_size < 100_000  # of a million rows
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=10_000_000))
    with pytest.raises(UserError, match="its 1,000,000 rows take more memory than there is"):
        without_digests(run).latencies()


def test_what_pandas_reads_in_a_tables_metadata_is_not_read(run: StoredRun) -> None:
    file = run.folder / "queries.parquet"
    table = pq.read_table(file)
    planted = {"index_columns": ["nDCG@10"], "columns": [], "column_indexes": [], "pandas_version": "2.0"}
    pq.write_table(table.replace_schema_metadata({"pandas": json.dumps(planted)}), file)
    assert "nDCG@10" in without_digests(run).queries()


def test_the_tables_of_another_run_are_refused(make_run: MakeRun) -> None:  # noqa: F811
    first, second = make_run({(8, "x"): SCORES}), make_run({(8, "x"): SCORES[::-1] ** 2})
    shutil.copyfile(second.folder / "queries.parquet", first.folder / "queries.parquet")
    with pytest.raises(UserError, match="another checksum"):
        first.queries()
    with pytest.raises(UserError, match="has a mean nDCG@10"):
        without_digests(first).queries()


def test_a_run_names_its_tables(run: StoredRun) -> None:
    assert set(run.about["files"]) == {file.name for file in Path(run.folder).glob("*.parquet")}
