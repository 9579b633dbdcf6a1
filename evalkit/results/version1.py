"""Runs of schema_version 1, read as if they had been written today.

Their ``index`` held operating point and stages as well (``hnsw(efSearch=64)+bm25``), points without vectors had dims of
0, and config said ``model.fuse`` and ``reranker``.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import pandas as pd

from evalkit.results.later_columns import BEFORE
from evalkit.results.model_parts import as_text
from evalkit.results.setting import FAISS, RETRIEVAL, WHOLE

PARTS = r"(?:\(([^)]*)\))?(?:\+(.*))?"  # the operating point in brackets, and the stages behind a plus
STORED_KEY = ("corpus", "dims", "quantization", "index")
NEW_IN_TABLES = ("task", "engine", "operating_point", "stages", *BEFORE)
LEXICAL_ENGINES = {"bm25": "bm25s", "random": "random"}
RERANKERS = {"cross-encoder/ms-marco-MiniLM-L6-v2": "minilm", "BAAI/bge-reranker-v2-m3": "bge"}


@dataclass(frozen=True)
class Index:
    """What version 1 wrote as one index."""

    index: str
    operating_point: str
    stages: str


def upgraded(about: Mapping[str, Any]) -> dict[str, Any]:
    """run.json as of today. Raises KeyError, TypeError or ValueError where it is not what version 1 wrote."""
    return {
        "finished": True,
        **about,
        "config": upgraded_config(about["config"]),
        "points": [upgraded_point(point, about["config"]) for point in about["points"]],
    }


def upgraded_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """The config with stages in the place of ``model.fuse`` and ``reranker``."""
    config = {**config, "serve_k": config.get("serve_k", config.get("top_k"))}
    model, reranker = dict(config.get("model", {})), config.pop("reranker", None) or {}
    stages: dict[str, Any] = {}
    if model.pop("fuse", None):
        options = {"language": "en", "k1": 1.5, "b": 0.75}
        model_of_words = {"kind": "bm25", "name": "bm25", "options": options}
        stages["bm25"] = {"kind": "fusion", "model": model_of_words, "constant": 60}
    if reranker.get("kind"):
        stages[reranker_name(reranker)] = reranker
    return {**config, "model": model, "stages": stages}


def reranker_name(reranker: Mapping[str, Any]) -> str:
    return RERANKERS.get(str(reranker.get("name")), "local")


def upgraded_point(point: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """A point of run.json, or a row of points.parquet. Documents could not be split at first, and all were served."""
    dims = int(point["dims"]) or None
    parts = today(int(point["dims"]), point["quantization"], point["index"], config)
    defaults: dict[str, Any] = {
        "chunking": WHOLE,
        "top_k": None,
        "model_options": as_text(config.get("model", {}).get("options")),
        "serve_k": point.get("top_k"),
        "chunks_per_document": 1.0,
        "bytes_per_document": point.get("bytes_per_vector"),
    }
    return {**defaults, **point, "dims": dims, **parts}


def split_index(stored: str, config: Mapping[str, Any]) -> Index:
    """``hnsw(efSearch=64)+bm25`` in three parts. An index is called by its key in the config, which may hold anything.

    Raises ValueError where ``stored`` has no such parts.
    """
    keys = [key for key in (*config.get("index", {}), *LEXICAL_ENGINES) if is_index(key, stored)]
    name = max(keys, key=len, default=re.split(r"[(+]", stored)[0])
    parts = re.fullmatch(PARTS, stored[len(name) :], re.DOTALL)
    if parts is None:
        raise ValueError(f"'{stored}' is no index with its stages")
    operating_point, stages = parts.groups("")
    reranker = config.get("reranker") or {}
    label = str(reranker.get("name")).rpartition("/")[2]
    return Index(name, operating_point, stages.replace(f"{label}(depth=", f"{reranker_name(reranker)}(depth="))


def is_index(key: str, stored: str) -> bool:
    return re.match(rf"{re.escape(key)}($|[(+])", stored) is not None


def engine_of(dims: int | None, quantization: str, index: str, config: Mapping[str, Any]) -> str:
    if dims is None:
        return LEXICAL_ENGINES.get(index, index)
    settings = config.get("quantization", {}).get(quantization) or {}
    return "own" if settings.get("_target_") else FAISS


def stored_columns(columns: Sequence[str]) -> list[str]:
    """The columns that a table has of those that today's has."""
    return [name for name in columns if name not in NEW_IN_TABLES]


def upgraded_table(table: pd.DataFrame, config: Mapping[str, Any]) -> pd.DataFrame:
    """A table with a row per query, call or result, with today's key in the place of ``STORED_KEY``.

    Raises ValueError for what version 1 did not write.
    """
    if not set(STORED_KEY) <= set(table):
        return table
    stored = ["dims", "quantization", "index"]
    settings = table[stored].drop_duplicates().itertuples(index=False, name=None)
    parts = pd.DataFrame(
        [today(int(dims), str(quantization), str(index), config) for dims, quantization, index in settings],
        columns=["task", "engine", *BEFORE, *(field.name for field in fields(Index))],
    )
    numbers = table.groupby(stored, observed=True, sort=False).ngroup().to_numpy()
    named = {str(name): parts[name].astype("category").array.take(numbers) for name in parts}
    dims = table["dims"].astype("Int64")
    return table.assign(dims=dims.mask(dims == 0), **named)


def today(dims: int, quantization: str, stored: str, config: Mapping[str, Any]) -> dict[str, str]:
    """The columns that take the place of a stored index."""
    split = split_index(stored, config)
    engine = engine_of(dims or None, quantization, split.index, config)
    return {"task": RETRIEVAL, "engine": engine, **BEFORE, **asdict(split)}
