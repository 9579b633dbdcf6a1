"""The laws of every setting of vectors, and those of its points: per document, with what comes after the index."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from evalkit.arrays import FloatMatrix
from evalkit.config import IndexConfig, QuantizationConfig, RunConfig
from evalkit.measures.laws import BATCH, BUILD, SIZE, Law, why_not_at_workload
from evalkit.measures.ranking import Ranking
from evalkit.scaling.at_size import measure
from evalkit.scaling.cache_size import last_level_cache
from evalkit.scaling.engines import PATIENCE, EngineSetting, measure_engine
from evalkit.scaling.filler import Filler
from evalkit.scaling.kept import NOT_ASKED, AtSize, belongs_to, kept
from evalkit.scaling.larger import Setting, innermost, nlist_of
from evalkit.scaling.question import OVERLAP, TIMED, Question
from evalkit.search.documents import DocumentSearcher, chunks_for
from evalkit.search.engine import CPU, plan
from evalkit.search.engines.database import address_of, is_private
from evalkit.search.engines.faiss.indexes import BinaryIndex
from evalkit.search.engines.in_process import InProcessIndex
from evalkit.search.engines.own import OwnIndex
from evalkit.search.operating import OperatingPoint
from evalkit.search.searcher import Searcher
from evalkit.web.addresses import shown

LEAST_DOCUMENTS = 8
COUNTED_QUERIES = 20
OF_ENGINE = (  # what FAISS has no use for
    *("engine", "options", "url", "url_variable", "key_variable", "table", "id_column", "vector_column", "keep"),
    *("timeout_seconds", "at_workload"),
)
LIST_BYTES = 8  # the length that is kept of every list
ON_DISK = "the vectors are larger than memory_gb and were searched from disk, which no server would do"
ON_DEVICE = "searches on a GPU are timed among the corpus's documents alone"
OWN = "a quantizer of one's own is timed among the corpus's documents alone"
THERE_ALREADY = "a table that was there already is never filled with made vectors"
NOT_ALLOWED = "a server is filled with made vectors where its index has at_workload=true alone"
UNDER_A_FILTER = AtSize(
    why=dict.fromkeys((*TIMED, BUILD, SIZE, OVERLAP), "filtered searches are not modelled for more documents")
)
OF_A_SAMPLE = AtSize(
    why=dict.fromkeys((*TIMED, BUILD, SIZE, OVERLAP), "more documents are modelled from the largest corpus size alone")
)
FEW = f"fewer than {LEAST_DOCUMENTS} vectors say too little of how others would lie"


@dataclass(frozen=True)
class CorpusLaws:
    """Where the laws of one corpus's settings come from: its ``vectors`` (n × native dims), the store at ``path``."""

    config: RunConfig
    vectors: Any
    path: Path

    @cached_property
    def filler(self) -> Filler:
        return Filler(self.vectors)

    @cached_property
    def fingerprint(self) -> str:
        """Of the vectors' number and distribution, by some of them."""
        drawn = np.linspace(0, len(self.vectors) - 1, 64).astype(np.int64)
        some = np.ascontiguousarray(self.vectors[drawn], dtype=np.float32)
        return f"{len(self.vectors)}:{hashlib.sha256(some.tobytes()).hexdigest()}"

    def of(
        self,
        quantization: QuantizationConfig,
        index: IndexConfig,
        searcher: Searcher | DocumentSearcher,
        points: Sequence[OperatingPoint],
        queries: FloatMatrix,
    ) -> list[AtSize]:
        """One for each of ``points`` of a built ``searcher``: those that are kept, else measured now and kept."""
        import faiss

        vectors = searcher.chunks if isinstance(searcher, DocumentSearcher) else searcher
        if reason := self.why_no_law(vectors, quantization, index, queries.shape[1]):
            return [AtSize(why=dict.fromkeys((*TIMED, BUILD, OVERLAP), reason))] * len(points)
        is_faiss = isinstance(vectors.index, InProcessIndex)
        setting_type, ask, patience = (Setting, measure, 1) if is_faiss else (EngineSetting, measure_engine, PATIENCE)
        setting = setting_type(vectors, quantization, replace(index, keep=False), self.filler, queries.shape[1])
        served = self.config.served
        if isinstance(searcher, DocumentSearcher):
            served = chunks_for(served, len(searcher.document), len(searcher.place))
        key = {
            **belongs_to(self.config),
            "vectors": self.fingerprint,
            **({"faiss": faiss.__version__} if is_faiss else engine_key(vectors, index)),
            "dims": setting.dims,
            **configs_key(quantization, index),
            "depth": served,
        }
        question = Question(
            setting=setting,
            points=points,
            queries=queries,
            depth=served,
            seconds=patience * self.config.at_workload_seconds,
            cache_bytes=last_level_cache(),
            memory_bytes=self.config.memory_bytes,
        )
        return kept(self.path, key, len(points), lambda: ask(question))

    def why_no_law(self, searcher: Searcher, quantization: QuantizationConfig, index: IndexConfig, dims: int) -> str:
        """Why nothing is measured for ``searcher``; empty where it is."""
        if not self.config.at_workload_seconds:
            return NOT_ASKED
        if searcher.on_disk:
            return ON_DISK
        if index.table:
            return THERE_ALREADY
        if not isinstance(searcher.index, InProcessIndex):
            held_bytes = plan(dims, searcher.documents, quantization, index).held_bytes
            if not (index.at_workload or is_private(index, held_bytes)):
                return NOT_ALLOWED
        elif isinstance(searcher.index.main, OwnIndex):
            return OWN
        elif self.config.search_device != CPU:
            return ON_DEVICE
        return FEW if searcher.documents < LEAST_DOCUMENTS else ""


def point_laws(
    at_size: AtSize,
    searcher: Searcher | DocumentSearcher,
    index: IndexConfig,
    queries: FloatMatrix,
    figures: Mapping[str, Any],
    asked: int,
) -> dict[str, list[Law]]:
    """The laws of one operating point by documents.

    What the index alone takes grows; what comes on top of it on the corpus (re-ordering candidates, ranking documents
    by their chunks, a deeper search) is taken to stay. Documents in chunks take as many searches of chunks each as on
    the corpus.
    """
    vectors = searcher.chunks if isinstance(searcher, DocumentSearcher) else searcher
    laws = {name: [law] for name, law in at_size.laws.items() if name == BUILD}
    if (bytes_law := size_law(vectors, index)) is not None:
        laws[SIZE] = [bytes_law]
    timed = [name for name in TIMED if name in at_size.laws]
    if timed and figures["search_queries_per_second"] is not None:
        searches = searches_per_query(searcher, queries, asked)
        on_corpus = {**figures, BATCH: 1000 / figures["search_queries_per_second"]}
        for name in timed:
            on_top = on_corpus[name] - searches * at_size.own[name]
            laws[name] = [at_size.laws[name].times(searches), Law({"one": max(0.0, on_top)})]
    per_document = figures["chunks_per_document"]
    return {name: [replace(law, vectors_per_document=per_document) for law in parts] for name, parts in laws.items()}


def why_not_at_size(at_size: AtSize) -> dict[str, str]:
    """Why columns of a point that belong to other sizes are null."""
    overlap = dict.fromkeys(("overlap_size", OVERLAP), at_size.why.get(OVERLAP, ""))
    return {**why_not_at_workload(at_size.why), **(overlap if OVERLAP in at_size.why else {})}


def size_law(searcher: Searcher, index: IndexConfig) -> Law | None:
    """Bytes that are kept: so many for each vector and for each list; null where the index doesn't tell."""
    built, native = searcher.built, innermost(searcher.index)
    if built.index_bytes is None or built.bytes_per_vector is None:
        return None
    nlist, per_vector, per_list = nlist_of(searcher.index), built.bytes_per_vector, 0.0
    if nlist:
        per_vector -= LIST_BYTES * nlist / searcher.documents  # an index without vectors keeps no lengths
        per_list = LIST_BYTES + (native.d / 8 if is_binary(searcher) else 4 * native.d)
    terms = {"one": built.index_bytes - searcher.documents * per_vector, "vectors": per_vector}
    if nlist and not index.nlist:
        terms |= {"one": terms["one"] - nlist * per_list, "root": per_list}
    return Law(terms)


def searches_per_query(searcher: Searcher | DocumentSearcher, queries: FloatMatrix, asked: int) -> float:
    """How many searches of chunks one query takes: those of documents go deeper until they are settled."""
    if not isinstance(searcher, DocumentSearcher):
        return 1.0
    searched = 0

    def counting_find(chunks: Searcher, chunk_queries: FloatMatrix, depth: int) -> Ranking:
        nonlocal searched
        searched += len(chunk_queries)
        return chunks.find(chunk_queries, depth)

    some = queries[:COUNTED_QUERIES]
    searcher.ranked(counting_find, some, asked)
    return max(1.0, searched / len(some))


def configs_key(quantization: QuantizationConfig, index: IndexConfig) -> dict[str, Any]:
    """What laws in the store depend on of the two configs.

    What a quantization is called beside its FAISS string changes nothing that is measured.
    """
    kept_vectors = {name: value for name, value in asdict(quantization).items() if name not in ("kind", "bits")}
    searched = {name: value for name, value in asdict(index).items() if name not in OF_ENGINE}
    return {"quantization": kept_vectors, "index": searched}


def engine_key(searcher: Searcher, index: IndexConfig) -> dict[str, Any]:
    """What laws of another engine depend on: its version and options, and where it runs, without secrets."""
    facts, address = searcher.index.facts(), address_of(index)
    return {
        "engine": index.engine,
        "engine_version": facts.version,
        "options": index.options,
        "server": shown(address) if address else None,
    }


def is_binary(searcher: Searcher) -> bool:
    return isinstance(searcher.index, InProcessIndex) and isinstance(searcher.index.main, BinaryIndex)
