"""What a run measures: points with their figures, the per-query values behind them, and what they were made of."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from evalkit.results.setting import Setting

SCHEMA_VERSION = 2
POINT_FACTS: Mapping[str, str] = {
    "dims_trained": "false where the model is cut to a width that it was not trained for",
    "metric": "what the index searches by",
    "candidates": "how many results of the codes a finer copy re-orders; null without one",
    "queries": "how many judged queries were scored",
    "engine_version": "the version of the engine that searched",
    "priced_as": "the machine or hosted model whose price the costs are worked out with",
}
FILTER = "filter"  # of a point's proof: the sha256 of the documents that passed
SAMPLE = "sample"  # the same of the documents that a sample has
BESIDE_FIGURES = ("unmeasured", "notes", "laws", "proof", "load")


class RankedRows(Protocol):
    """``rows`` (queries × k, -1 where a list ends) and their ``scores`` (float32), best first."""

    @property
    def rows(self) -> npt.NDArray[np.int64]: ...

    @property
    def scores(self) -> npt.NDArray[np.float32]: ...


@dataclass(frozen=True)
class Point:
    """A setting and everything that was measured there.

    ``figures`` are columns of results.columns and measures of quality; what could not be measured is null and
    ``unmeasured`` says why. ``dims_trained`` is false where a model is cut to a width that it was not trained for,
    ``metric`` is what the index searched by, ``candidates`` how many a rescoring store re-orders (null without one),
    ``engine_version`` which build of the engine searched, ``priced_as`` whose price its costs were worked out with.
    ``notes`` say what must be known of single figures, ``laws`` how figures grow with the documents
    (measures.laws.as_json), ``proof`` which program searched, and what shows which index and codes were in use,
    ``load`` what else the machine did while it was timed (system.busy.MachineLoad.figures).
    """

    setting: Setting
    dims_trained: bool
    metric: str
    candidates: int | None
    queries: int
    priced_as: str
    figures: Mapping[str, float | int | None]
    unmeasured: Mapping[str, str]
    notes: Mapping[str, str] = field(default_factory=dict)
    laws: Mapping[str, Any] = field(default_factory=dict)
    proof: Mapping[str, str] = field(default_factory=dict)
    load: Mapping[str, float | None] = field(default_factory=dict)
    engine_version: str = ""

    def row(self) -> dict[str, Any]:
        """One flat row of points.parquet."""
        facts = {name: getattr(self, name) for name in POINT_FACTS}
        return {**self.setting.columns(), **facts, **self.figures}

    def entry(self) -> dict[str, Any]:
        """The point as run.json has it."""
        return {**self.row(), **{name: getattr(self, name) for name in BESIDE_FIGURES}}


@dataclass(frozen=True)
class Canary:
    """Some texts' vectors (float16, of unit length), by which two runs tell whether they share a vector space.

    ``ids`` and ``text_sha256`` (hex) name the texts; the texts themselves are not kept.
    """

    corpus: str
    side: str
    ids: tuple[str, ...]
    text_sha256: tuple[str, ...]
    vectors: npt.NDArray[np.float16]


@dataclass(frozen=True)
class PointRecord:
    """A point with what lies behind its means: per-query values, single latencies, and the ranking it was scored on.

    ``per_query`` maps a column to one value per query id; ``latencies_ms`` ``search_ms`` and ``encode_query_ms`` to one
    value per timed call (empty where searching was not timed). ``first_relevant_rank`` is per query the rank from 1 of
    the first relevant document, 0 where none was found. ``clusters`` names per query the group of queries that depend
    on each other, null where dependence isn't modelled. ``unproven`` says why what was searched can't be shown to be
    what was asked for; its queries are then not kept. A task that ranks nothing has empty rankings, and what it judges
    are its queries.
    """

    point: Point
    query_ids: tuple[str, ...]
    per_query: Mapping[str, npt.NDArray[np.float64]]
    first_relevant_rank: npt.NDArray[np.int64]
    latencies_ms: Mapping[str, npt.NDArray[np.floating]]
    ranking: RankedRows
    document_ids: Sequence[str]
    clusters: tuple[str, ...] | None = None
    unproven: str = ""


@dataclass(frozen=True)
class CorpusRecord:
    """What run.json says of a corpus, the model that read it, the lint, and both encoding passes.

    ``queries`` are the judged queries' ids and texts, ``qrels`` query id → document id → grade.
    """

    model: dict[str, Any]
    corpus: dict[str, Any]
    findings: tuple[Any, ...]
    embeddings: tuple[dict[str, Any], ...]
    canaries: tuple["Canary", ...]
    queries: tuple[tuple[str, str], ...] = ()
    qrels: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def corpus_entry(self) -> dict[str, Any]:
        lint = [{**asdict(f), "examples": list(f.examples), "share": f.share, "text": str(f)} for f in self.findings]
        return {**self.corpus, "lint": lint}
