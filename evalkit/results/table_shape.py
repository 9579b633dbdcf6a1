"""What a run's Parquet tables must hold: their columns, and rows that belong to the points of its run.json."""

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import psutil
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from evalkit.results.setting import KEY, Key, key_of, label_of
from evalkit.results.task_measures import measures_of
from evalkit.system.digests import digest_of_file

BYTES_PER_CELL = 8  # of a table in memory, at least
FILES = "files"  # of run.json: the sha256 (hex) of each table
AGREE = 1e-6  # means, to so many of the figure, or of 1


def is_text(kind: pa.DataType) -> bool:
    values = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(values) or pa.types.is_large_string(values))


def is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind))


Kind = Callable[[pa.DataType], bool]
OF_POINT: Mapping[str, Kind] = {name: pa.types.is_integer if name == "dims" else is_text for name in KEY}
# A column with a question mark may be missing or hold nulls; * are all others.
TABLES: Mapping[str, Mapping[str, Kind]] = {
    "points": OF_POINT,
    "queries": {
        **OF_POINT,
        **{"query_id": is_text, "cluster?": is_text, "first_relevant_rank": pa.types.is_integer, "*": is_number},
    },
    "latencies": {**OF_POINT, "search_ms": is_number, "encode_query_ms": is_number},
    "rankings": {
        **OF_POINT,
        **{"query_id": is_text, "rank": pa.types.is_integer, "document_id": is_text, "score": is_number},
    },
    "canary": {
        **dict.fromkeys(("corpus", "side", "id", "text_sha256"), is_text),
        "vector": lambda kind: bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind)),
    },
    "query_texts": dict.fromkeys(("corpus", "query_id", "text"), is_text),
    "judgments": {**dict.fromkeys(("corpus", "query_id", "document_id"), is_text), "grade": pa.types.is_integer},
}
UNTIMED = "encode_query_ms"  # holds NaN of the points whose queries' encoding was not timed
MAY_BE_NULL = ("dims", "cluster")  # where there are no vectors; where dependence isn't modelled


def read_table(
    file: Path,
    about: Mapping[str, Any],
    absent: Sequence[str],
    categories: Sequence[str],
    columns: Sequence[str] | None,
    depth: int | None = None,
) -> pd.DataFrame:
    """The table in ``file`` of the run ``about``, or some of its ``columns``; what else the file says is not read.

    Of rankings only ranks down to ``depth`` are kept, and never more than a part of the file is in memory.

    ``absent`` are columns that the run's version did not write. Raises ValueError for one that is not what the run
    wrote, and one that takes more memory than there is.
    """
    expected = about.get(FILES, {}).get(file.name)
    if expected is not None and digest_of_file(file) != expected:
        raise ValueError("it is not what its run wrote (run.json has another checksum)")
    parquet = pq.ParquetFile(file, read_dictionary=list(categories))
    check_columns(parquet.schema_arrow, TABLES[file.stem], absent)
    check_size(parquet.metadata.num_rows, len(parquet.schema_arrow.names if columns is None else columns), file, about)
    table = parquet.read(None if columns is None else list(columns)) if depth is None else first_ranks(parquet, depth)
    table = table.replace_schema_metadata(None)
    of_tasks = {point["task"] for point in about["points"]}
    measures = measures_of(about) if len(of_tasks) == 1 else ()  # else those of one task are null in rows of another
    strict = {*TABLES[file.stem], *measures} - {*MAY_BE_NULL, *never_measured(about)}
    for name in strict & set(table.column_names):
        check_values(name, table[name])
    frame: pd.DataFrame = table.to_pandas(ignore_metadata=True)
    return frame


def never_measured(about: Mapping[str, Any]) -> set[str]:
    """The measures that are null at every point."""
    return {name for name in measures_of(about) if all(point.get(name) is None for point in about["points"])}


def first_ranks(parquet: pq.ParquetFile, depth: int) -> pa.Table:
    """The rows of rankings down to the rank ``depth``."""
    parts = (parquet.read_row_group(i) for i in range(parquet.num_row_groups))
    return pa.concat_tables(
        [parquet.schema_arrow.empty_table(), *(part.filter(pc.less_equal(part["rank"], depth)) for part in parts)]
    )


def check_columns(schema: pa.Schema, shape: Mapping[str, Kind], absent: Sequence[str]) -> None:
    names = schema.names
    of_names = {name.removesuffix("?"): kind for name, kind in shape.items()}
    needed = [name for name in shape if name != "*" and not name.endswith("?") and name not in absent]
    for name in needed:
        if name not in names:
            raise ValueError(f"it has no column {name}")
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"it has two columns {name!a}")
        is_of = of_names.get(name, shape.get("*"))
        kind = schema.field(name).type
        if is_of is not None and not is_of(kind) and not pa.types.is_null(kind):  # of a table without rows, say
            raise ValueError(f"its column {name!a} holds {kind}")


def check_size(rows: int, columns: int, file: Path, about: Mapping[str, Any]) -> None:
    """A file of a few bytes may say that it has a billion rows."""
    queries = [point["queries"] for point in about["points"] if "queries" in point]
    if file.stem == "queries" and len(queries) == len(about["points"]) and rows != sum(queries):
        raise ValueError(f"it has {rows:,} rows for {sum(queries):,} queries of {len(queries):,} points")
    if rows * columns * BYTES_PER_CELL > psutil.virtual_memory().available:
        raise ValueError(f"its {rows:,} rows take more memory than there is")


def check_values(name: str, values: pa.ChunkedArray) -> None:
    if values.null_count:
        raise ValueError(f"its column {name!a} has nulls")
    if pa.types.is_floating(values.type) and not pc.all(are_known(name, values), min_count=0).as_py():
        raise ValueError(f"its column {name!a} has what is not a number")
    if name.endswith("_ms") and len(values) and pc.min(values).as_py() < 0:
        raise ValueError(f"its column {name!a} has times below 0")


def are_known(name: str, values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Which of ``values`` are numbers, or not timed where that may be."""
    finite = pc.is_finite(values)
    return pc.or_(finite, pc.is_nan(values)) if name == UNTIMED else finite


def check_rows(
    stem: str, table: pd.DataFrame, rows: Mapping[Key, npt.NDArray[np.int64]], about: Mapping[str, Any]
) -> None:
    """Raises ValueError for ``rows`` of what is no point of the run, and points of which they say something else."""
    points = {key_of(point): point for point in about["points"]}
    if strangers := [key for key in rows if key not in points]:
        raise ValueError(f"it has rows of {' '.join(map(str, strangers[0]))!a}, which is no point of its run")
    if stem == "latencies" and UNTIMED in table:
        check_untimed(table, rows, points)
    if stem != "queries":
        return
    place = np.zeros(len(table), dtype=np.int64)
    for number, key in enumerate(points):
        place[rows.get(key, [])] = number
    check_queries(table, place, list(points.values()), measures_of(about))


def check_untimed(
    table: pd.DataFrame, rows: Mapping[Key, npt.NDArray[np.int64]], points: Mapping[Key, Mapping[str, Any]]
) -> None:
    """Raises ValueError for calls without a time of a point that run.json has timings of."""
    untimed = table[UNTIMED].isna().to_numpy()
    for key, at in rows.items():
        if untimed[at].any() and points[key].get(f"{UNTIMED}_p50") is not None:
            raise ValueError(f"{name_of(points[key])} has calls without a time")


def check_queries(
    table: pd.DataFrame, place: npt.NDArray[np.int64], points: Sequence[Mapping[str, Any]], measures: Sequence[str]
) -> None:
    """``place`` is the position of each row's point in ``points``."""
    counts = np.bincount(place, minlength=len(points))
    for point, count in zip(points, counts.tolist(), strict=True):
        if count != point.get("queries", count):
            raise ValueError(f"{name_of(point)} has {count:,} of its {point['queries']:,} queries")
    codes, ids = pd.factorize(table["query_id"])
    of_point = np.sort(place * len(ids) + codes)
    if len(twice := np.flatnonzero(of_point[1:] == of_point[:-1])):
        raise ValueError(f"{name_of(points[of_point[twice[0]] // len(ids)])} has a query twice")
    for measure in (name for name in measures if name in table):
        sums = np.bincount(place, table[measure].to_numpy(dtype=np.float64), len(points))
        for point, mean in zip(points, (sums / np.maximum(counts, 1)).tolist(), strict=True):
            told = point.get(measure)
            if told is not None and not math.isclose(mean, told, rel_tol=AGREE, abs_tol=AGREE):
                raise ValueError(f"{name_of(point)} has a mean {measure} of {mean:.6g}, run.json {told:.6g}")


def name_of(point: Mapping[str, Any]) -> str:
    return f"the point '{label_of(point)}'"


def check_canary(table: pd.DataFrame, corpora: Collection[str]) -> None:
    """Raises ValueError for vectors of a corpus that differ in width, or aren't float16, and a text twice."""
    if strangers := sorted(set(table["corpus"]) - set(corpora)):
        raise ValueError(f"it has texts of {strangers[0]!a}, which is no corpus of its run")
    if table.duplicated(["corpus", "side", "id", "text_sha256"]).any():
        raise ValueError("it has a text twice")
    for corpus, vectors in table.groupby("corpus", sort=False)["vector"]:
        widths = {len(vector) for vector in vectors}
        if len(widths) > 1 or min(widths) % 2 or not min(widths):
            raise ValueError(f"its vectors of {corpus!a} have several widths, or none")
        if not np.isfinite(np.frombuffer(b"".join(vectors), dtype="<f2")).all():
            raise ValueError(f"its vectors of {corpus!a} hold what is not a number")


def digests(folder: Path) -> Iterator[tuple[str, str]]:
    """Name and sha256 (hex) of each table in the folder of a run."""
    for file in sorted(folder.glob("*.parquet")):
        yield file.name, digest_of_file(file)
