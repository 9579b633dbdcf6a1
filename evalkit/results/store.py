"""results/<run>/ on disk: written under a temporary name and renamed whole, read back only when whole."""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from evalkit.errors import UserError, did_you_mean
from evalkit.results.baselines import check_sums
from evalkit.results.record import BESIDE_FIGURES, SCHEMA_VERSION, SETTING, Canary, CorpusRecord, Measured, Point

PARTIAL = ".partial"
BASELINES = "baselines"
WHY_MISSING = {
    "rankings": "The run was made with save_rankings=false.",
    "query_texts": "The run was made with save_query_texts=false.",
}
NULLABLE = ("candidates", "overlap_size", "peak_rss_bytes", "peak_gpu_bytes", "search_peak_rss_bytes", "index_bytes")


class RunWriter:
    """Collects a run's findings in a hidden folder; ``finish`` makes them ``results/<run_id>/`` in one rename.

    A context manager: left without ``finish``, nothing stays behind.
    """

    def __init__(self, results_dir: Path, run_id: str, save_rankings: bool, save_query_texts: bool = True) -> None:
        self.folder = results_dir / run_id
        self.partial = results_dir / f".{run_id}{PARTIAL}"
        self.save_rankings = save_rankings
        self.save_query_texts = save_query_texts
        self.records: list[CorpusRecord] = []
        self.points: list[Point] = []
        self.writers: dict[str, pq.ParquetWriter] = {}

    def __enter__(self) -> "RunWriter":
        self.partial.mkdir(parents=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close_writers()
        shutil.rmtree(self.partial, ignore_errors=True)

    def add(self, found: CorpusRecord | Measured) -> None:
        """Keep one finding; per-query values and rankings go to disk at once."""
        if isinstance(found, CorpusRecord):
            self.records.append(found)
            for canary in found.canaries:
                self.write("canary", canary_table(canary))
            if self.save_query_texts:
                self.write("query_texts", query_texts_table(found))
            return
        self.write("queries", queries_table(found))
        self.write("latencies", latencies_table(found))
        if self.save_rankings:
            self.write("rankings", rankings_table(found))
        self.points.append(found.point)

    def write(self, name: str, table: pa.Table) -> None:
        if name not in self.writers:
            self.writers[name] = pq.ParquetWriter(self.partial / f"{name}.parquet", table.schema, compression="zstd")
        schema = self.writers[name].schema
        if unknown := set(table.column_names) - set(schema.names):
            raise ValueError(f"{name}.parquet was begun without {', '.join(sorted(unknown))}")
        columns = [table[f.name] if f.name in table.column_names else pa.nulls(len(table), f.type) for f in schema]
        self.writers[name].write_table(pa.Table.from_arrays(columns, schema=schema))

    def close_writers(self) -> None:
        while self.writers:
            self.writers.popitem()[1].close()

    def finish(self, about: Mapping[str, Any]) -> Path:
        """Write run.json (``about`` plus what was added) and points.parquet, and give the folder its name."""
        self.close_writers()
        points_frame(self.points).to_parquet(self.partial / "points.parquet", index=False)
        models = {r.model["name"]: r.model for r in self.records}
        run = {
            "schema_version": SCHEMA_VERSION,
            "run_id": self.folder.name,
            **about,
            "models": list(models.values()),
            "corpora": [r.corpus_entry() for r in self.records],
            "embeddings": [e for r in self.records for e in r.embeddings],
            "points": [{**p.row(), **{name: getattr(p, name) for name in BESIDE_FIGURES}} for p in self.points],
        }
        text = json.dumps(run, indent=1, ensure_ascii=False, allow_nan=False)
        (self.partial / "run.json").write_text(text + "\n", encoding="utf-8")
        self.partial.rename(self.folder)
        return self.folder


def points_frame(points: list[Point]) -> pd.DataFrame:
    frame = pd.DataFrame([p.row() for p in points])
    frame = frame.astype({name: "Int64" for name in NULLABLE if name in frame})
    nothing = [name for name in frame.columns if frame[name].isna().all() and name not in NULLABLE]
    return frame.astype(dict.fromkeys(nothing, "float64"))


def setting_columns(point: Point, rows: int) -> dict[str, pa.Array]:
    values = point.row()
    return {name: pa.repeat(pa.scalar(values[name]), rows) for name in SETTING}


def queries_table(found: Measured) -> pa.Table:
    """Columns corpus, dims, quantization, index, query_id, cluster, first_relevant_rank, and one per measure."""
    count = len(found.query_ids)
    columns = setting_columns(found.point, count)
    return pa.table(
        {
            **columns,
            "query_id": pa.array(found.query_ids),
            "cluster": pa.nulls(count, pa.string()) if found.clusters is None else pa.array(found.clusters),
            "first_relevant_rank": pa.array(found.first_relevant_rank, pa.int32()),
            **{k: pa.array(v) for k, v in found.per_query.items()},
        }
    )


def latencies_table(found: Measured) -> pa.Table:
    """Columns corpus, dims, quantization, index, and milliseconds of each timed call: search_ms, encode_query_ms."""
    calls = {name: pa.array(values, pa.float32()) for name, values in found.latencies_ms.items()}
    return pa.table({**setting_columns(found.point, len(next(iter(calls.values())))), **calls})


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


def query_texts_table(found: CorpusRecord) -> pa.Table:
    """Columns corpus, query_id, text."""
    ids, texts = zip(*found.queries, strict=True) if found.queries else ((), ())
    columns = {"query_id": pa.array(ids, pa.string()), "text": pa.array(texts, pa.string())}
    return pa.table({"corpus": pa.repeat(pa.scalar(found.corpus["name"]), len(ids)), **columns})


def rankings_table(found: Measured) -> pa.Table:
    """Columns corpus, dims, quantization, index, query_id, rank (from 1), document_id, score."""
    rows, scores = found.ranking.rows, found.ranking.scores
    kept = rows >= 0
    query_index, rank = np.nonzero(kept)
    return pa.table(
        {
            **setting_columns(found.point, int(kept.sum())),
            "query_id": pa.array(found.query_ids).take(pa.array(query_index)),
            "rank": pa.array(rank + 1, pa.int32()),
            "document_id": pa.array(found.document_ids).take(pa.array(rows[kept])),
            "score": pa.array(scores[kept]),
        }
    )


@dataclass(frozen=True)
class StoredRun:
    """A finished run on disk; tables are read when asked for."""

    folder: Path
    about: dict[str, Any]

    @property
    def name(self) -> str:
        """The folder's name: a run's id, or what a baseline is called."""
        return self.folder.name

    def points(self) -> pd.DataFrame:
        return self.table("points")

    def queries(self) -> pd.DataFrame:
        """Columns corpus, dims, quantization, index, query_id, cluster, first_relevant_rank, and one per measure.

        Runs from before queries were clustered read as those whose dependence isn't modelled: ``cluster`` is null.
        """
        queries = self.table("queries")
        return queries if "cluster" in queries else queries.assign(cluster=None)

    def rankings(self) -> pd.DataFrame:
        return self.table("rankings")

    def latencies(self) -> pd.DataFrame:
        return self.table("latencies")

    def query_texts(self) -> pd.DataFrame:
        """Columns corpus, query_id, text; UserError for a run with ``save_query_texts=false``."""
        return self.table("query_texts")

    def canary(self) -> pd.DataFrame:
        """Columns corpus, side, id, text_sha256, and vector: the bytes of little-endian float16."""
        return self.table("canary")

    def table(self, name: str, categories: Sequence[str] = (), columns: Sequence[str] | None = None) -> pd.DataFrame:
        """One Parquet table, or some of its ``columns``; ``categories`` as such.

        Raises UserError where it is missing or damaged.
        """
        with readable(self.folder / f"{name}.parquet") as file:
            return pd.read_parquet(file, read_dictionary=list(categories), columns=list(columns) if columns else None)

    def columns(self, name: str) -> list[str]:
        """The columns of one Parquet table. Raises UserError as ``table`` does."""
        with readable(self.folder / f"{name}.parquet") as file:
            return [str(column) for column in pq.read_schema(file).names]


@contextmanager
def readable(file: Path) -> Iterator[Path]:
    """Turn what goes wrong while a Parquet ``file`` is read into a UserError."""
    if not file.is_file():
        raise UserError(f"{file} does not exist.", WHY_MISSING.get(file.stem, "The run is damaged."))
    try:
        yield file
    except (pa.ArrowInvalid, OSError) as error:
        raise UserError(f"{file} can't be read: {error}") from None


def read_run(folder: Path) -> StoredRun:
    """The run in ``folder``. Raises UserError for an unfinished, damaged or newer one, and for a changed baseline."""
    file = folder / "run.json"
    if not file.is_file():
        raise UserError(f"{folder} is no finished run: it has no run.json.")
    check_sums(folder)
    try:
        about = json.loads(file.read_text(encoding="utf-8"))
        version = int(about["schema_version"])
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{file} is damaged: {error}") from None
    if version > SCHEMA_VERSION:
        raise UserError(f"{file} has schema {version}, this evalkit reads up to {SCHEMA_VERSION}.", "Upgrade evalkit.")
    return StoredRun(folder, about)


def stored_runs(results_dir: Path) -> list[Path]:
    """Folders of all finished runs, oldest first."""
    found = [f.parent for f in results_dir.glob("*/run.json") if not f.parent.name.startswith(".")]
    return sorted(found, key=lambda folder: folder.name)


def find_run(name: str | None, results_dir: Path) -> StoredRun:
    """The run at the path ``name``, the run or baseline of that name under ``results_dir``, or the newest for null."""
    runs = stored_runs(results_dir)
    if name is None:
        if not runs:
            raise UserError(f"{results_dir} holds no finished run.", "Make one: python -m evalkit.")
        return read_run(runs[-1])
    folders = [folder for folder in (Path(name), results_dir / name, results_dir / BASELINES / name) if folder.is_dir()]
    if folders:
        return read_run(next((folder for folder in folders if (folder / "run.json").is_file()), folders[0]))
    runs += [f.parent for f in results_dir.glob(f"{BASELINES}/*/run.json")]
    raise UserError(f"there is no run '{name}'.", did_you_mean(Path(name).name, [r.name for r in runs]) if runs else "")
