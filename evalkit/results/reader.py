"""Finished runs on disk, whatever schema they were written by: read only when whole."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from evalkit.config.mistakes.moved import renamed
from evalkit.errors import UserError, did_you_mean, first_line, printable
from evalkit.formats.json_shapes import parsed
from evalkit.results.baselines import checked_sums, unrenewed
from evalkit.results.later_columns import absent, with_later_columns, with_later_keys
from evalkit.results.record import BESIDE_FIGURES, SCHEMA_VERSION
from evalkit.results.setting import KEY, Key
from evalkit.results.shape import defect
from evalkit.results.table_shape import check_canary, check_rows, read_table
from evalkit.results.version1 import NEW_IN_TABLES, stored_columns, upgraded, upgraded_table

BASELINES = "baselines"
WHY_MISSING = {
    "rankings": "The run was made with save_rankings=false.",
    "query_texts": "The run was made with save_query_texts=false.",
    "judgments": "The run is from before judgments were kept.",
}


@dataclass(frozen=True)
class StoredRun:
    """A finished run on disk; tables are read when asked for.

    ``about`` is run.json as of today's schema, ``stored_config`` the config as it was written, ``sums`` the checksums
    of a baseline.
    """

    folder: Path
    about: dict[str, Any]
    stored_config: Mapping[str, Any] = field(default_factory=dict)
    sums: str = ""

    @property
    def name(self) -> str:
        """The folder's name: a run's id, or what a baseline is called."""
        return self.folder.name

    @property
    def is_version1(self) -> bool:
        return int(self.about["schema_version"]) == 1

    def points(self) -> pd.DataFrame:
        """The points of run.json as rows, without what lies beside their figures."""
        points = pd.DataFrame(self.about["points"]).drop(columns=list(BESIDE_FIGURES), errors="ignore")
        return with_whole_dims(points).copy()  # in one piece, which pandas wants of so many columns

    def queries(self) -> pd.DataFrame:
        """Columns of ``KEY``, query_id, cluster, first_relevant_rank, and one per measure.

        Runs from before queries were clustered read as those whose dependence isn't modelled: ``cluster`` is null.
        """
        queries = self.table("queries")
        return queries if "cluster" in queries else queries.assign(cluster=None)

    def rankings(self, depth: int | None = None) -> pd.DataFrame:
        """Columns of ``KEY``, query_id, rank (from 1), document_id, score; of the first ``depth`` ranks, or all."""
        return self.table("rankings", depth=depth)

    def judgments(self) -> pd.DataFrame:
        """Columns corpus, query_id, document_id, grade; UserError for a run from before they were kept."""
        return self.table("judgments")

    def latencies(self) -> pd.DataFrame:
        return self.table("latencies")

    def query_texts(self) -> pd.DataFrame:
        """Columns corpus, query_id, text; UserError for a run with ``save_query_texts=false``."""
        return self.table("query_texts")

    def canary(self) -> pd.DataFrame:
        """Columns corpus, side, id, text_sha256, and vector: the bytes of little-endian float16."""
        return self.table("canary")

    def table(
        self,
        name: str,
        categories: Sequence[str] = (),
        columns: Sequence[str] | None = None,
        depth: int | None = None,
    ) -> pd.DataFrame:
        """One Parquet table, or some of its ``columns``, or its rows to the rank ``depth``; ``categories`` as such.

        Raises UserError where it is missing or damaged.
        """
        with readable(self.folder / f"{name}.parquet") as file, unrenewed(self.folder, self.sums):
            table = self.stored_table(file, categories, columns, depth)
            if name == "canary":
                check_canary(table, [corpus["name"] for corpus in self.about["corpora"]])
            if set(KEY) <= set(table):
                check_rows(name, table, rows_by_point(table), self.about)
            return table

    def stored_table(
        self, file: Path, categories: Sequence[str], columns: Sequence[str] | None, depth: int | None
    ) -> pd.DataFrame:
        """A table in today's columns, whatever version wrote it."""
        if not self.is_version1:
            table = read_table(file, self.about, absent(self.about), categories, columns, depth)
            return with_later_keys(with_whole_dims(table))
        stored = None if columns is None else stored_columns(columns)
        table = read_table(file, self.about, NEW_IN_TABLES, stored_columns(categories), stored, depth)
        return upgraded_table(table, self.stored_config)

    def columns(self, name: str) -> list[str]:
        """The columns of one Parquet table. Raises UserError as ``table`` does."""
        with readable(self.folder / f"{name}.parquet") as file, unrenewed(self.folder, self.sums):
            return [str(column) for column in pq.read_schema(file).names]


def with_whole_dims(table: pd.DataFrame) -> pd.DataFrame:
    """``table`` with dims as whole numbers, though some may be null."""
    return table.astype({"dims": "Int64"}) if "dims" in table else table


def rows_by_point(table: pd.DataFrame) -> dict[Key, npt.NDArray[np.int64]]:
    """The positions of the rows of ``table`` that belong to each point, by its ``KEY``, in order."""
    varying = [name for name in KEY if table[name].nunique(dropna=False) > 1] or [KEY[0]]  # fewer codes to keep
    numbers = table.groupby(varying, sort=False, observed=True, dropna=False).ngroup().to_numpy()
    order = np.argsort(numbers, kind="stable")
    starts = np.flatnonzero(np.diff(numbers[order], prepend=-1))
    firsts = table[list(KEY)].iloc[order[starts]].astype(object)
    keys = firsts.where(firsts.notna(), None).itertuples(index=False, name=None)
    return dict(zip(keys, np.split(order, starts[1:]), strict=True)) if len(order) else {}


@contextmanager
def readable(file: Path) -> Iterator[Path]:
    """Turn what goes wrong while a Parquet ``file`` is read into a UserError."""
    if not file.is_file():
        raise UserError(f"{file} does not exist.", WHY_MISSING.get(file.stem, "The run is damaged."))
    try:
        yield file
    except (pa.ArrowException, ValueError, KeyError, TypeError, OverflowError, OSError) as error:
        raise UserError(f"{file} can't be read: {first_line(error)}") from None


def read_run(folder: Path) -> StoredRun:
    """The run in ``folder``. Raises UserError for an unfinished, damaged or newer one, and for a changed baseline."""
    file = folder / "run.json"
    if not file.is_file():
        raise UserError(f"{folder} is no finished run: it has no run.json.")
    sums = checked_sums(folder)
    try:
        with unrenewed(folder, sums):
            stored = object_in(file)
        version = stored["schema_version"]
        about = upgraded(stored) if version == 1 else with_later_columns(stored)
        if isinstance(about["config"], Mapping):
            about["config"] = renamed(about["config"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(f"{file} is damaged: {described(error)}.") from None
    if not isinstance(version, int) or version < 1:
        raise UserError(f"{file} is damaged: schema_version is {printable(repr(version), 40)}.")
    if version > SCHEMA_VERSION:
        raise UserError(f"{file} has schema {version}, this evalkit reads up to {SCHEMA_VERSION}.", "Upgrade evalkit.")
    if problem := defect(about):
        raise UserError(f"{file} is damaged: {problem}.")
    return StoredRun(folder, about, stored["config"], sums)


def object_in(file: Path) -> dict[str, Any]:
    """The JSON object in ``file``. Raises ValueError for anything else."""
    stored = parsed(file.read_text(encoding="utf-8"))
    if not isinstance(stored, dict):
        raise ValueError("it is no object")
    return stored


def described(error: Exception) -> str:
    return f"{error.args[0]!a} is missing" if isinstance(error, KeyError) else first_line(error).rstrip(".")


def stored_runs(results_dir: Path) -> list[Path]:
    """Folders of all finished runs, oldest first."""
    folders = [f.parent for f in results_dir.glob("*/run.json") if not f.parent.name.startswith(".")]
    return sorted(folders, key=lambda folder: folder.name)


def find_run(name: str | None, results_dir: Path) -> StoredRun:
    """The run at the path ``name``, the run or baseline of that name under ``results_dir``, or the newest for null."""
    runs = stored_runs(results_dir)
    if name is None:
        if not runs:
            raise UserError(f"{results_dir} holds no finished run.", "Make one: python -m evalkit.")
        return read_run(runs[-1])
    if folders := folders_called(name, results_dir):
        return read_run(next((folder for folder in folders if (folder / "run.json").is_file()), folders[0]))
    runs += [f.parent for f in results_dir.glob(f"{BASELINES}/*/run.json")]
    raise UserError(f"there is no run '{name}'.", did_you_mean(Path(name).name, [r.name for r in runs]) if runs else "")


def folders_called(name: str, results_dir: Path) -> list[Path]:
    """The folders that ``find_run`` looks for ``name`` in, those that are there."""
    return [folder for folder in (Path(name), results_dir / name, results_dir / BASELINES / name) if folder.is_dir()]
