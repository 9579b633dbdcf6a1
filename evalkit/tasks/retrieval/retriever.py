"""What ranks the documents of one corpus for its queries: a cell of the grid, or BM25. All are measured alike."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from evalkit.arrays import Floats, Rows
from evalkit.config import RunConfig
from evalkit.corpora import Corpus
from evalkit.measures.cost import Tariff
from evalkit.measures.laws import Laws
from evalkit.measures.quality import Judge, NoJudge
from evalkit.measures.ranking import Ranking, tie_order
from evalkit.results.setting import FULL, RETRIEVAL, Setting
from evalkit.scaling.kept import AtSize
from evalkit.scaling.vectors import OF_A_SAMPLE, UNDER_A_FILTER
from evalkit.search.engine import Filter
from evalkit.search.filters import NamedFilter
from evalkit.system.busy import Figures
from evalkit.tasks.retrieval.filtering import FilteredCorpus


@dataclass(frozen=True)
class PointContext:
    """What every point of one corpus, or of what a ``filter`` leaves of it, is judged and priced by.

    ``corpus_size`` and ``distractors`` are the setting's, ``is_ranked`` says that settings are chosen at this size.
    """

    config: RunConfig
    corpus: Corpus
    judge: Judge | NoJudge
    prices: Tariff
    filter: NamedFilter | None = None
    corpus_size: str = FULL
    distractors: str = ""
    is_ranked: bool = True

    def filtered(self, left: FilteredCorpus, judge: Judge | NoJudge) -> "PointContext":
        """The same of what a filter has ``left``, with the judge of that."""
        return replace(self, corpus=left.corpus, judge=judge, filter=left.filter)

    @property
    def keep(self) -> Filter | None:
        """The documents that are searched; null for all."""
        return None if self.filter is None else self.filter.keep

    @property
    def unmodelled(self) -> AtSize | None:
        """Why nothing is modelled for more documents than these; null where it is."""
        return UNDER_A_FILTER if self.filter else None if self.is_ranked else OF_A_SAMPLE

    @cached_property
    def excluded(self) -> Rows:
        """Per query, the row of the document that is the query itself; -1 for none."""
        row, queries = self.corpus.documents.row, self.corpus.queries.ids
        return np.array([row.get(self.corpus.excluded.get(query, ""), -1) for query in queries])

    @cached_property
    def place(self) -> Rows:
        """Per document, its place among ties."""
        return tie_order(self.corpus.documents.ids)

    def setting(self, **of_retriever: Any) -> Setting:
        """The setting of a point without stages: what a retriever says of itself, on this corpus, at these depths."""
        corpus, config = self.corpus, self.config
        return Setting(
            task=RETRIEVAL,
            corpus=corpus.name,
            corpus_fingerprint=corpus.fingerprint,
            filter="" if self.filter is None else self.filter.name,
            corpus_size=self.corpus_size,
            distractors=self.distractors,
            stages="",
            top_k=config.top_k,
            serve_k=config.served,
            **of_retriever,
        )


@dataclass(frozen=True)
class Evidence:
    """``proof`` is the program that searched, and what shows which index and codes were in use.

    ``unproven`` says why they can't be shown to be in use; empty where they can. ``reasons`` say why figures of this
    kind of retriever are null.
    """

    engine_version: str
    proof: Mapping[str, str]
    reasons: Mapping[str, str]
    unproven: str = ""


class Retriever(Protocol):
    """Documents of one corpus, ready to be ranked.

    ``metric`` is what scores are made from, ``dims_trained`` false for a width that the model was not trained for.
    ``can_be_timed`` is false where no server would search like this, ``is_in_process`` where another process searches,
    whose cores nobody sees.
    """

    @property
    def context(self) -> PointContext: ...

    @property
    def setting(self) -> Setting: ...

    @property
    def metric(self) -> str: ...

    @property
    def dims_trained(self) -> bool: ...

    @property
    def can_be_timed(self) -> bool: ...

    @property
    def is_in_process(self) -> bool: ...

    def candidates(self, asked: int) -> int | None:
        """How many results a finer copy re-orders in a search for ``asked``; null without one."""
        ...

    def rank(self, asked: int) -> Ranking:
        """The best ``top_k`` documents of every query, as a search for ``asked`` of them begins."""
        ...

    def find(self, query: int, asked: int) -> object:
        """Search for one query as a server would."""
        ...

    def find_all_ms(self, asked: int) -> float:
        """Milliseconds of searching for all queries together."""
        ...

    def client(self) -> AbstractContextManager[object]:
        """Entered in the thread of each of several clients at once, and left at its end."""
        ...

    def encode_ms(self, calls: int) -> Floats:
        """Milliseconds of single calls that make a query ready for searching; NaN where that was not timed."""
        ...

    def figures(self) -> Mapping[str, Any]:
        """Columns of what is kept, of building it, and of reading the texts."""
        ...

    def overlap(self, ranking: Ranking) -> Mapping[str, Floats | None]:
        """Per column and query, the share of exact search's results that ``ranking`` has; null where there is none."""
        ...

    def laws(self, figures: Mapping[str, Any], asked: int) -> Laws:
        """How figures of a search for ``asked`` grow with the documents."""
        ...

    def load(self) -> Figures:
        """What else the machine did while what it is at the workload's size was timed; empty where that isn't known."""
        ...

    def evidence(self) -> Evidence:
        """Of the searches that were made since it was opened: asked for once they are."""
        ...
