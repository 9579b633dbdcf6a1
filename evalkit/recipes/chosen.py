"""A stored point with all that it takes to build the same again: its configs, operating point and contract."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from itertools import product
from typing import Any, TypeVar

from evalkit.config import IndexConfig, QuantizationConfig, RescoreConfig
from evalkit.errors import UserError, abridged
from evalkit.results.contract import contract_of
from evalkit.results.in_words import advice
from evalkit.results.setting import FAISS, search_label

TABLE = "documents"
CANDIDATES = "candidates"
MOST_SHOWN = 80
Schema = TypeVar("Schema")
Kind = tuple[str | None, int | None]  # of a quantization, with its bits


@dataclass(frozen=True)
class Chosen:
    """``words`` name the setting. ``index_word`` is how its engine searches (``hnsw``), ``parameters`` its operating
    point, ``vectors`` how many were in the index, ``serve_k`` how many results a user is given.

    ``candidates`` is how many a finer copy re-orders, null without one; ``metric`` is what scores were made from,
    ``proof`` what the engine said of the index that was searched.
    """

    words: str
    engine: str
    engine_version: str
    index_word: str
    dims: int
    vectors: int
    chunking: str
    stages: str
    serve_k: int
    metric: str
    candidates: int | None
    quantization_name: str
    quantization: QuantizationConfig
    index: IndexConfig
    parameters: Mapping[str, Any]
    contract: Mapping[str, Any]
    proof: Mapping[str, str]

    @property
    def table(self) -> str:
        """The table or collection: the one that was there already, or a name to change."""
        return self.index.table or TABLE

    @property
    def is_there(self) -> bool:
        """Whether the point was measured in a table that was there already."""
        return self.index.table is not None

    @property
    def kind(self) -> Kind:
        return self.quantization.kind, self.quantization.bits

    def refused(self, what: str) -> UserError:
        """For a setting that an engine's text can't say."""
        return UserError(f"{abridged(self.words, MOST_SHOWN)}: {what}.")


def chosen(about: Mapping[str, Any], point: Mapping[str, Any]) -> Chosen:
    """The ``point`` of a run (run.json). Raises UserError where the run doesn't tell enough to build it again."""
    config = about["config"]
    index_config = index_settings(config, point)
    quantization_config = config.get("quantization", {}).get(point["quantization"])
    if point["dims"] is None:
        raise UserError(f"{point['model']} has no vectors, so there is no index to build.")
    if index_config is None or quantization_config is None:
        raise UserError(f"the run's config lacks the index {point['index']} or its quantization.")
    quantization = read(QuantizationConfig, quantization_config)
    if rescore := quantization_config.get("rescore"):
        quantization.rescore = read(RescoreConfig, rescore)
    index = read(IndexConfig, index_config)
    model: Mapping[str, Any] = next((m for m in about["models"] if m["name"] == point["model"]), {})
    return Chosen(
        words=advice(point["model"], point["dims"], point["quantization"], search_label(point)),
        engine=point["engine"],
        engine_version=point.get("engine_version") or "",
        index_word=point["index"],
        dims=point["dims"],
        vectors=vectors_of(about, point),
        chunking=point["chunking"],
        stages=point["stages"],
        serve_k=point["serve_k"],
        metric=point.get("metric") or "",
        candidates=point.get("candidates"),
        quantization_name=point["quantization"],
        quantization=quantization,
        index=index,
        parameters=operating_point(index, point["operating_point"]),
        contract=contract_of(model, config.get("model", {}), point["dims"]),
        proof=point.get("proof") or {},
    )


def index_settings(config: Mapping[str, Any], point: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The config of a point's index, whose key may begin with the engine: ``hnsw`` is that of ``pgvector_hnsw``."""
    indexes: Mapping[str, Mapping[str, Any]] = config.get("index", {})
    for key in (f"{point['engine']}_{point['index']}", point["index"]):
        if key in indexes and indexes[key].get("engine", FAISS) == point["engine"]:
            return indexes[key]
    return None


def read(schema: type[Schema], stored: Mapping[str, Any]) -> Schema:
    """The settings of ``stored`` that today's ``schema`` has; those that older runs lack have their defaults."""
    names = {field.name for field in fields(schema)}  # type: ignore[arg-type]
    return schema(**{name: value for name, value in stored.items() if name in names})


def operating_point(index: IndexConfig, name: str) -> dict[str, Any]:
    """The parameters that ``name`` (``ef=64, probes=4``) stands for, of those that ``index.search`` lists.

    Raises UserError where it lists no such.
    """
    listed = product(*index.search.values())
    for values in listed:
        parameters = dict(zip(index.search, values, strict=True))
        said = ", ".join(f"{key}={value}" for key, value in parameters.items())
        if re.fullmatch(rf"{re.escape(said)}(, )?({CANDIDATES}=\d+)?", name):
            return parameters
    raise UserError(f"the run's config lists no operating point '{abridged(name, MOST_SHOWN)}'.")


def vectors_of(about: Mapping[str, Any], point: Mapping[str, Any]) -> int:
    """How many documents, or chunks of them, were in the index."""
    of_documents = {"corpus": point["corpus"], "side": "document"}.items()
    passes = [entry["texts"] for entry in about["embeddings"] if of_documents <= entry.items()]
    documents = [corpus["documents"] for corpus in about["corpora"] if corpus["name"] == point["corpus"]]
    return int((passes or documents)[0])
