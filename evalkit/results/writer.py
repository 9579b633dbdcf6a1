"""results/<run>/ to disk: written under a temporary name, and renamed when it is whole."""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from evalkit.formats.media import json_file
from evalkit.results.columns import WHOLE_NUMBERS
from evalkit.results.record import SCHEMA_VERSION, Canary, CorpusRecord, Point, PointRecord
from evalkit.results.setting import KEY
from evalkit.results.table_shape import FILES, digests
from evalkit.system.files import begun_folder, close, named, remove_leftovers, sync

PARTIAL = ".partial"
UNFINISHED = f".*Z-*{PARTIAL}"  # of the folders that are called as commands.run calls them
QUERIES_AT_ONCE = 4_096  # whose rankings become a table together
NULLABLE = ("dims", "candidates", *WHOLE_NUMBERS)


class RunWriter:
    """Collects a run's records in a hidden folder; ``finish`` makes them ``results/<run_id>/`` in one rename.

    ``measures`` are those of its tasks where they are several, as a table has the columns of all from its first rows.
    A context manager: left without ``finish``, nothing stays behind.
    """

    def __init__(
        self,
        results_dir: Path,
        run_id: str,
        save_rankings: bool,
        save_query_texts: bool = True,
        measures: Sequence[str] = (),
    ) -> None:
        self.folder = results_dir / run_id
        self.partial = results_dir / f".{run_id}{PARTIAL}"
        self.locked = -1
        self.save_rankings = save_rankings
        self.save_query_texts = save_query_texts
        self.measures = measures
        self.records: list[CorpusRecord] = []
        self.points: list[Point] = []
        self.writers: dict[str, pq.ParquetWriter] = {}
        self.files: dict[str, pa.OSFile] = {}  # which a writer that fails to close would leave open

    def __enter__(self) -> "RunWriter":
        remove_unfinished(self.folder.parent)
        self.locked = begun_folder(self.partial)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.close_writers()
        except OSError:
            if error is None:
                raise
        finally:
            shutil.rmtree(self.partial, ignore_errors=True)
            close(self.locked)

    def add(self, record: CorpusRecord | PointRecord) -> None:
        """Keep one record; per-query values and rankings go to disk at once."""
        if isinstance(record, CorpusRecord):
            if any(record.corpus["name"] == other.corpus["name"] for other in self.records):
                return  # which several tasks read
            self.records.append(record)
            for canary in record.canaries:
                self.write("canary", canary_table(canary))
            self.write("judgments", judgments_table(record))
            if self.save_query_texts:
                self.write("query_texts", query_texts_table(record))
            return
        self.write("queries", with_columns(queries_table(record), self.measures))
        self.write("latencies", latencies_table(record))
        if self.save_rankings:
            for table in rankings_tables(record):
                self.write("rankings", table)
        self.points.append(record.point)

    def write(self, name: str, table: pa.Table) -> None:
        file = self.partial / f"{name}.parquet"
        if name not in self.writers:
            with named(file):
                self.files[name] = pa.OSFile(str(file), "w")
                self.writers[name] = pq.ParquetWriter(self.files[name], table.schema, compression="zstd")
        schema = self.writers[name].schema
        if unknown := set(table.column_names) - set(schema.names):
            raise ValueError(f"{name}.parquet was begun without {', '.join(sorted(unknown))}")
        columns = [table[f.name] if f.name in table.column_names else pa.nulls(len(table), f.type) for f in schema]
        with named(file):
            self.writers[name].write_table(pa.Table.from_arrays(columns, schema=schema))

    def close_writers(self) -> None:
        with ExitStack() as closing:
            for name, file in self.files.items():
                closing.enter_context(named(self.partial / f"{name}.parquet"))
                closing.enter_context(file)
                if name in self.writers:
                    closing.callback(self.writers[name].close)
            self.writers, self.files = {}, {}

    def finish(self, about: Mapping[str, Any]) -> Path:
        """Write run.json (``about`` plus what was added) and points.parquet, and give the folder its name."""
        self.close_writers()
        points, run_file = self.partial / "points.parquet", self.partial / "run.json"
        with named(points):
            points_frame(self.points).to_parquet(points, index=False)
        models = {r.model["name"]: r.model for r in self.records}
        run = {
            "schema_version": SCHEMA_VERSION,
            "run_id": self.folder.name,
            FILES: dict(digests(self.partial)),
            **about,
            "models": list(models.values()),
            "corpora": [r.corpus_entry() for r in self.records],
            "embeddings": [e for r in self.records for e in r.embeddings],
            "points": [point.entry() for point in self.points],
        }
        text = json.dumps(run, indent=1, ensure_ascii=False, allow_nan=False)
        with named(run_file):
            run_file.write_text(json_file(text) + "\n", encoding="utf-8")
        sync(self.partial)
        self.partial.rename(self.folder)
        return self.folder


def remove_unfinished(results_dir: Path) -> None:
    """Remove what runs that were killed left of their results."""
    remove_leftovers(results_dir, UNFINISHED)


def points_frame(points: list[Point]) -> pd.DataFrame:
    frame = pd.DataFrame([p.row() for p in points])
    frame = frame.astype({name: "Int64" for name in NULLABLE if name in frame})
    nothing = [name for name in frame.columns if frame[name].isna().all() and name not in NULLABLE]
    return frame.astype(dict.fromkeys(nothing, "float64"))


def key_columns(point: Point, rows: int) -> dict[str, pa.Array]:
    """The columns by which a table's rows belong to their point."""
    types = {"dims": pa.int64()}
    values = zip(KEY, point.setting.key, strict=True)
    return {name: pa.repeat(pa.scalar(value, types.get(name, pa.string())), rows) for name, value in values}


def queries_table(record: PointRecord) -> pa.Table:
    """Columns of ``KEY``, query_id, cluster, first_relevant_rank, one per measure; empty where nothing is judged."""
    count = len(record.query_ids)
    columns = key_columns(record.point, count)
    table = pa.table(
        {
            **columns,
            "query_id": pa.array(record.query_ids),
            "cluster": pa.nulls(count, pa.string()) if record.clusters is None else pa.array(record.clusters),
            "first_relevant_rank": pa.array(record.first_relevant_rank, pa.int32()),
            **{k: pa.array(v) for k, v in record.per_query.items()},
        }
    )
    return table.slice(0, record.point.queries)


def with_columns(table: pa.Table, names: Sequence[str]) -> pa.Table:
    """``table`` with nulls (float64) in those of the columns ``names`` that it lacks."""
    for name in names:
        if name not in table.column_names:
            table = table.append_column(name, pa.nulls(len(table), pa.float64()))
    return table


def latencies_table(record: PointRecord) -> pa.Table:
    """Columns of ``KEY``, and milliseconds of each timed call: search_ms, encode_query_ms."""
    calls = {name: pa.array(values, pa.float32()) for name, values in record.latencies_ms.items()}
    return pa.table({**key_columns(record.point, len(next(iter(calls.values())))), **calls})


def canary_table(canary: Canary) -> pa.Table:
    """Columns corpus, side, id, text_sha256, and vector: the bytes of little-endian float16."""
    count = len(canary.ids)
    rows = canary.vectors.astype("<f2")
    return pa.table(
        {
            "corpus": pa.repeat(pa.scalar(canary.corpus), count),
            "side": pa.repeat(pa.scalar(canary.side), count),
            "id": pa.array(canary.ids),
            "text_sha256": pa.array(canary.text_sha256),
            "vector": pa.array([row.tobytes() for row in rows], pa.binary()),
        }
    )


def query_texts_table(record: CorpusRecord) -> pa.Table:
    """Columns corpus, query_id, text."""
    ids, texts = zip(*record.queries, strict=True) if record.queries else ((), ())
    columns = {"query_id": pa.array(ids, pa.string()), "text": pa.array(texts, pa.string())}
    return pa.table({"corpus": pa.repeat(pa.scalar(record.corpus["name"]), len(ids)), **columns})


def judgments_table(record: CorpusRecord) -> pa.Table:
    """Columns corpus, query_id, document_id, grade."""
    rows = [(query, document, grade) for query, grades in record.qrels.items() for document, grade in grades.items()]
    queries, documents, grades = zip(*rows, strict=True) if rows else ((), (), ())
    return pa.table(
        {
            "corpus": pa.repeat(pa.scalar(record.corpus["name"]), len(rows)),
            "query_id": pa.array(queries, pa.string()),
            "document_id": pa.array(documents, pa.string()),
            "grade": pa.array(grades, pa.int64()),
        }
    )


def rankings_tables(record: PointRecord) -> Iterator[pa.Table]:
    """Columns of ``KEY``, query_id, rank (from 1), document_id, score; a table for each block of queries.

    Without rows where what was searched can't be shown to be what was asked for.
    """
    for first in range(0, len(record.query_ids), QUERIES_AT_ONCE):
        block = slice(first, first + QUERIES_AT_ONCE)
        rows, scores = record.ranking.rows[block], record.ranking.scores[block]
        kept = (rows >= 0) & (not record.unproven)
        query_index, rank = np.nonzero(kept)
        documents, document_index = np.unique(rows[kept], return_inverse=True)
        ids = pa.array([record.document_ids[row] for row in documents.tolist()], pa.string())
        columns = {
            "query_id": pa.array(record.query_ids[block]).take(pa.array(query_index)),
            "rank": pa.array(rank + 1, pa.int32()),
            "document_id": ids.take(pa.array(document_index)),
            "score": pa.array(scores[kept]),
        }
        yield pa.table({**key_columns(record.point, int(kept.sum())), **columns})
