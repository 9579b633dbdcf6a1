"""What the page knows query by query: texts, scores, the first relevant rank, and the first documents that were found.

All of it within limits of size: what answers comes first, then the front, then the best settings.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from evalkit.errors import UserError
from evalkit.reports.data.quality import RANK, CorpusQueries
from evalkit.reports.data.report import Report
from evalkit.reports.views.figures import packed
from evalkit.results.reader import StoredRun, rows_by_point

MOST_VALUES = 200_000
LONGEST_TEXT, ALL_TEXTS = 300, 300_000
SHOWN_DOCUMENTS, MOST_DOCUMENTS = 5, 60_000
UNKNOWN, SCALE = 65_535, 10_000
Found = dict[int, dict[str, list[str]]]  # point → query → its first documents, best first


def queries_data(report: Report) -> dict[str, Any]:
    """corpus → query ids, texts, per-query values of the chosen measure, ranks and documents."""
    order = by_need(report)
    length = {corpus: len(queries.query_ids) for corpus, queries in report.queries.items()}
    sizes = {point: length[report.gathered.points["corpus"].iloc[point]] for point in order}
    chosen = set(fitting(order, sizes, MOST_VALUES))
    texts = query_texts(report)
    found = found_documents(report, fitting(order, sizes, MOST_DOCUMENTS // SHOWN_DOCUMENTS))
    data = {}
    for corpus, queries in report.queries.items():
        values = queries.values[report.config.measure]
        rows = [row for row, point in enumerate(queries.points) if point in chosen and np.isfinite(values[row].sum())]
        if rows and values[rows].min() >= 0 and values[rows].max() <= 1:  # else no scores of single items
            data[corpus] = {
                "ids": queries.query_ids,
                "texts": [texts.get((corpus, query), "") for query in queries.query_ids],
                "points": [queries.points[row] for row in rows],
                "values": packed(scaled(values[rows], SCALE)),
                "ranks": packed(scaled(queries.values[RANK][rows], 1)),
                **documents_data(report, corpus, queries, found),
            }
    return data


def scaled(values: npt.NDArray[np.float64], scale: int) -> npt.NDArray[np.uint16]:
    known = np.nan_to_num(np.round(values * scale), nan=UNKNOWN)
    return known.clip(0, UNKNOWN).astype(np.uint16)


def by_need(report: Report) -> list[int]:
    """All points, those of the answers, the front and the best settings first."""
    scope = report.scopes[0]
    answering = [row for row in (report.sentence.row, *(each.row for each in report.answers)) if row is not None]
    order = [*answering, *np.flatnonzero(report.front), *np.argsort(-np.nan_to_num(report.quality.mean), kind="stable")]
    points = [point for row in order for point in scope.members[row]]
    return list(dict.fromkeys((*points, *range(len(report.gathered.points)))))


def fitting(order: Sequence[int], sizes: Mapping[int, int], room: int) -> Iterator[int]:
    """The first points of ``order`` that have room together."""
    for point in order:
        room -= sizes[point]
        if room < 0:
            return
        yield point


def query_texts(report: Report) -> Mapping[tuple[str, str], str]:
    """(corpus, query id) → text, where the run kept it: at most 300 characters each and 300,000 in all."""
    texts: dict[tuple[str, str], str] = {}
    room = ALL_TEXTS
    labels = report.gathered.points.drop_duplicates(["run", "corpus"])
    for number, name, corpus in labels[["run", "corpus_name", "corpus"]].itertuples(index=False, name=None):
        if corpus in {known for known, _ in texts}:
            continue
        try:
            kept = report.gathered.runs[number].query_texts()
        except UserError:
            continue
        for query, text in kept.loc[kept["corpus"] == name, ["query_id", "text"]].itertuples(index=False, name=None):
            cut = text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT] + "…"
            room -= len(cut)
            if room > 0:
                texts[corpus, query] = cut
    return texts


def found_documents(report: Report, points: Iterator[int]) -> Found:
    """The first documents of each of ``points`` whose run kept its rankings."""
    table = report.gathered.points
    chosen = table.loc[list(points)]
    found: Found = {}
    for number, of_run in chosen.groupby("run"):
        keys = dict(zip(of_run["key"], of_run.index, strict=True))
        found |= first_of_run(report.gathered.runs[int(str(number))], keys)
    return found


def first_of_run(run: StoredRun, keys: Mapping[Any, int]) -> Found:
    try:
        rankings = run.rankings(SHOWN_DOCUMENTS)
    except UserError:
        return {}
    found: Found = {}
    for key, rows in rows_by_point(rankings).items():
        if key in keys:
            of_point = rankings.iloc[rows].sort_values("rank", kind="stable")
            lists: dict[str, list[str]] = {}
            for query, document in zip(of_point["query_id"], of_point["document_id"], strict=True):
                lists.setdefault(str(query), []).append(str(document))
            found[keys[key]] = lists
    return found


def documents_data(report: Report, corpus: str, queries: CorpusQueries, found: Found) -> dict[str, Any]:
    """``found``: point → per query the places of its first documents in ``documents``; ``judged``: per query the places
    of its relevant ones, null where no run has kept them.
    """
    of_corpus = {point: found[point] for point in queries.points if point in found}
    documents: dict[str, int] = {}
    places: dict[str, list[list[int]]] = {}
    for point, lists in of_corpus.items():
        places[str(point)] = [
            [documents.setdefault(document, len(documents)) for document in lists.get(query, ())]
            for query in queries.query_ids
        ]
    judged = judged_documents(report, corpus)
    return {
        "documents": list(documents),
        "found": places,
        "judged": judged
        and [[documents[each] for each in judged.get(query, ()) if each in documents] for query in queries.query_ids],
    }


def judged_documents(report: Report, corpus: str) -> dict[str, list[str]] | None:
    """query → its relevant documents, from the first run that kept them; null where none did."""
    labels = report.gathered.points.drop_duplicates(["run", "corpus"])
    labels = labels[labels["corpus"] == corpus]
    for number, name in labels[["run", "corpus_name"]].itertuples(index=False, name=None):
        try:
            kept = report.gathered.runs[number].judgments()
        except UserError:
            continue
        relevant = kept[(kept["corpus"] == name) & (kept["grade"] > 0)]
        return {str(query): list(group) for query, group in relevant.groupby("query_id")["document_id"]}
    return None
