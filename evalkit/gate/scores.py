"""The per-query scores of both runs side by side: for each corpus one matrix, queries in one order."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from evalkit.arrays import Floats
from evalkit.errors import did_you_mean
from evalkit.gate.pairing import NotComparableError, Pair, gated
from evalkit.measures.resampling import Codes
from evalkit.results.in_words import SEPARATOR
from evalkit.results.reader import StoredRun, rows_by_point
from evalkit.results.setting import KEY, key_of, size_words
from evalkit.results.task_measures import measures_of

QUERY, CLUSTER, RANK = "query_id", "cluster", "first_relevant_rank"
STRINGS = (*(name for name in KEY if name != "dims"), QUERY, CLUSTER)

GROUPED = ("task", "corpus", "filter", "corpus_size")


@dataclass(frozen=True)
class Side:
    """What one run scored: measure → pairs × queries, and the rank of each first relevant document (0: none)."""

    scores: Mapping[str, Floats]
    ranks: npt.NDArray[np.int32]


@dataclass(frozen=True)
class CorpusScores:
    """Both runs' scores of the ``pairs`` of one task on one corpus at one size, or on what one filter leaves of it.

    ``part`` says which filter or size; it is empty for the whole corpus.

    ``clusters`` numbers the cluster of each query, from 0 without gaps. ``are_modelled`` is false where nothing tells
    which queries depend on each other: then each is a cluster of its own.
    """

    corpus: str
    part: str
    measures: tuple[str, ...]
    pairs: tuple[Pair, ...]
    query_ids: tuple[str, ...]
    clusters: Codes
    are_modelled: bool
    baseline: Side
    candidate: Side

    @property
    def name(self) -> str:
        """``cranfield``, or ``cranfield · lang=de``."""
        return f"{self.corpus}{SEPARATOR}{self.part}" if self.part else self.corpus


class QueryTable:
    """queries.parquet of one run, by point."""

    def __init__(self, which: str, run: StoredRun, measures: Sequence[str]) -> None:
        columns = run.columns("queries")
        known = [name for name in measures_of(run.about) if name in columns]
        for measure in measures:
            if measure not in known:
                raise NotComparableError(f"the {which} did not measure {measure}.", did_you_mean(measure, known))
        kept = [*KEY, QUERY, *([CLUSTER] if CLUSTER in columns else []), RANK, *measures]
        table = run.table("queries", STRINGS, kept)
        self.rows = rows_by_point(table)
        self.frame = table.drop(columns=list(KEY))
        self.ids = self.frame[QUERY].cat.categories.to_numpy(dtype=str)
        self.codes = self.frame[QUERY].cat.codes.to_numpy()
        self.place = np.argsort(np.argsort(self.ids))  # of each id among all, in the order of strings

    def in_order(self, point: Mapping[str, Any]) -> npt.NDArray[np.int64]:
        """The rows of ``point``, sorted by query id."""
        rows = self.rows.get(key_of(point), np.empty(0, dtype=np.int64))
        return np.asarray(rows[np.argsort(self.place[self.codes[rows]], kind="stable")])

    def side(self, rows: Sequence[npt.NDArray[np.int64]], measures: Sequence[str]) -> Side:
        together = np.stack(rows)
        scores = {name: self.frame[name].to_numpy(dtype=np.float64)[together] for name in measures}
        return Side(scores, self.frame[RANK].to_numpy(dtype=np.int32)[together])

    def clusters(self, rows: npt.NDArray[np.int64]) -> "pd.Series[str] | None":
        """The name of each row's cluster; null where dependence isn't modelled."""
        if CLUSTER not in self.frame:
            return None
        names = self.frame[CLUSTER].iloc[rows]
        return names if names.notna().all() else None


def corpus_scores(
    pairs: Sequence[Pair], baseline: StoredRun, candidate: StoredRun, measures: Sequence[str] | None
) -> Iterator[CorpusScores]:
    """One for each of ``GROUPED``, in the order of ``pairs``, by those of ``measures`` that the task has.

    Raises NotComparableError where scores or queries are missing.
    """
    groups: dict[tuple[str, ...], list[Pair]] = {}
    for pair in pairs:
        groups.setdefault(tuple(str(pair.baseline[name]) for name in GROUPED), []).append(pair)
    names = {group: gated(measures, of_group[0]) for group, of_group in groups.items()}
    together = list(dict.fromkeys(name for own in names.values() for name in own))
    before, after = QueryTable("baseline", baseline, together), QueryTable("candidate", candidate, together)
    for group, of_group in groups.items():
        own, gated_here = tuple(of_group), names[group]
        rows_before = [before.in_order(pair.baseline) for pair in own]
        rows_after = [after.in_order(pair.candidate) for pair in own]
        ids = before.ids[before.codes[rows_before[0]]]
        check_queries(own, ids, before, rows_before)
        check_queries(own, ids, after, rows_after)
        yield CorpusScores(
            str(of_group[0].baseline["corpus"]),
            of_group[0].baseline["filter"] or size_words(of_group[0].baseline),
            tuple(gated_here),
            own,
            tuple(ids.tolist()),
            *numbered(before.clusters(rows_before[0]), after.clusters(rows_after[0]), len(ids)),
            before.side(rows_before, gated_here),
            after.side(rows_after, gated_here),
        )


def check_queries(
    pairs: Sequence[Pair], ids: npt.NDArray[np.str_], table: QueryTable, rows: Sequence[npt.NDArray[np.int64]]
) -> None:
    for pair, own in zip(pairs, rows, strict=True):
        if not len(own) or not np.array_equal(table.ids[table.codes[own]], ids):
            raise NotComparableError(f"{pair.name}: the two runs hold scores of different queries.", "One is damaged.")


def numbered(before: "pd.Series[str] | None", after: "pd.Series[str] | None", queries: int) -> tuple[Codes, bool]:
    """The number of each query's cluster, and whether dependence is modelled.

    The baseline's clusters are used where it has them: a changed ``cluster`` key changes no score, but one test must
    not draw by two groupings.
    """
    names = after if before is None else before
    if names is None:
        return np.arange(queries), False
    return np.asarray(pd.factorize(names.astype(str))[0], dtype=np.int64), True
