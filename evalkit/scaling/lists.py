"""Inverted lists: a + b × lists + c × vectors in the lists that are searched.

b is what a search among the centres alone takes. Queries lie where there are many vectors, so the lists that are
searched are longer than others, the more so the more lists there are.
"""

import math
from collections.abc import Iterator, Mapping

from evalkit.measures.laws import BUILD, Law, fitted
from evalkit.scaling.kept import AtSize
from evalkit.scaling.larger import RoughLists, nlist_of, of_faiss, searched_share
from evalkit.scaling.question import MOST_ROWS, TIMED, Question, affordable_rows, overlap
from evalkit.scaling.timing import Timings, double_and_time, timed
from evalkit.search.engine import Index
from evalkit.search.engines.vector_index import VectorIndex
from evalkit.search.searcher import Searcher

OF_LISTS = 3.0  # the smaller of two sizes as a share of the cache: queries share hot lists
CENTRES, MORE_LISTS = 4_096, 4
CLUSTERING_ROUNDS = 10  # of FAISS's inverted lists


def lists(question: Question) -> Iterator[AtSize]:
    """One for each operating point."""
    setting, built = question.setting, question.setting.searcher.built
    first = question.vectors(OF_LISTS)
    question.vectors(2 * OF_LISTS)
    filled = setting.built(affordable_rows(question, built.seconds / question.documents, MOST_ROWS))
    overlaps = [overlap(question, filled, point) for point in question.points]
    index = of_faiss(filled.index)
    more_lists = setting.more_lists(filled.documents, MORE_LISTS * nlist_of(index))
    build = list_building_law(question, filled, more_lists)
    timings = Timings(question)
    sizes = double_and_time(timings, index, filled.documents, first)
    of_centres = timed(setting.centres(CENTRES), question, 1)
    for point, agreement in zip(question.points, overlaps, strict=True):
        nprobe = min(point.parameters.get("nprobe", 1), nlist_of(index))
        excess = excess_of_lists(index, more_lists.index, question, nprobe)
        terms = {}
        for name in TIMED:
            own_ms = timings.own(point)[name]
            by_size = {n: timings.of(point)[n][name] for n in sizes}
            terms[name] = list_terms(question, nlist_of(index), nprobe, excess, of_centres[name], by_size, own_ms)
        laws = {**timings.laws(point, terms, sizes[0]), BUILD: build}
        yield AtSize(laws, timings.own(point), agreement, filled.documents)


def list_terms(
    question: Question,
    nlist: int,
    nprobe: int,
    excess: tuple[float, float],
    centres_ms: float,
    by_size: Mapping[int, float],
    own_ms: float,
) -> dict[str, float]:
    """The terms of one figure's law, from its milliseconds ``by_size`` and those of a search among CENTRES centres."""
    at_one, by_log = excess
    measured = list(by_size.values())
    ms_per_list = min(centres_ms / CENTRES, measured[0] / 2 / nlist)
    longer = at_one + by_log * math.log(nlist)
    rows = [(1, longer * nprobe * n / nlist) for n in by_size]
    without_centres = [ms - ms_per_list * nlist for ms in measured]
    fixed, ms_per_vector = fitted(rows, without_centres, most_fixed=own_ms)
    if question.setting.index.nlist:
        return {"one": fixed + ms_per_list * nlist, "vectors": ms_per_vector * longer * nprobe / nlist}
    of_root = ms_per_list + ms_per_vector * at_one * nprobe
    return {"one": fixed, "root": of_root, "root_log": ms_per_vector * by_log * nprobe / 2}


def excess_of_lists(
    index: Index | VectorIndex, more_lists: VectorIndex, question: Question, nprobe: int
) -> tuple[float, float]:
    """(a, b) of a + b × log(lists): how many times as long as the mean the lists are that queries search."""
    few, many = nlist_of(index), nlist_of(more_lists)
    at_few = searched_share(index, question.queries, nprobe) * few / min(nprobe, few)
    at_many = searched_share(more_lists, question.queries, nprobe) * many / min(nprobe, many)
    by_log = max(0.0, (at_many - at_few) / math.log(many / few))
    return at_few - by_log * math.log(few), by_log


def list_building_law(question: Question, filled: Searcher, more_lists: RoughLists) -> Law:
    """Clustering and filling by vectors × lists, and what else they took by the vectors."""
    n, nlist, built = filled.documents, nlist_of(filled.index), filled.built
    clustering, comparing = CLUSTERING_ROUNDS * more_lists.round_seconds, more_lists.filling_seconds
    trained = max(0.0, built.training_seconds / n - clustering * nlist)
    added = max(0.0, (built.seconds - built.training_seconds) / n - comparing * nlist)
    if fixed := question.setting.index.nlist:
        return Law({"trained": trained + clustering * fixed, "vectors": added + comparing * fixed}, sizes=[n])
    terms = {"trained": trained, "trained_root": clustering, "vectors": added, "vectors_root": comparing}
    return Law(terms, sizes=[n])
