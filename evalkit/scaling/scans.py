"""An index that compares every vector: a + b × vectors, fitted to sizes that don't fit into the processor's cache."""

from collections.abc import Iterator, Mapping

from evalkit.measures.laws import BUILD, TRAINING_ROWS, Law, fitted, law_of
from evalkit.scaling.kept import AtSize
from evalkit.scaling.larger import of_faiss
from evalkit.scaling.question import MOST_ROWS, OVERLAP, TIMED, NoLawError, Question, affordable_rows
from evalkit.scaling.timing import Figures, Timings, double_and_time
from evalkit.search.engines.vector_index import VectorIndex
from evalkit.search.searcher import Searcher

OF_SCANS = 1.5  # the smaller of two sizes as a share of the cache
COMPARES_ALL = "it compares every vector"


def scans(question: Question) -> Iterator[AtSize]:
    """Exhaustive search: a + b × vectors."""
    setting, built = question.setting, question.setting.searcher.built
    first = question.vectors(OF_SCANS)
    largest = question.vectors(2 * OF_SCANS)
    timings = Timings(question)
    build, why = {}, {OVERLAP: COMPARES_ALL}
    try:
        filled = setting.built(affordable_rows(question, built.seconds / question.documents, min(first, MOST_ROWS)))
        index: VectorIndex = of_faiss(filled.index)
        rows = filled.documents
        build = {BUILD: building_law(question, filled)}
    except NoLawError as error:
        index, rows = setting.trained(largest * setting.read_bytes), min(first, MOST_ROWS)
        index.add(setting.filler.vectors(rows, setting.dims))
        why[BUILD] = str(error)
    sizes = double_and_time(timings, index, rows, first)
    for point in question.points:
        laws = exhaustive_laws(timings.of(point), question.documents, sizes[0])
        yield AtSize({**laws, **build}, timings.own(point), why=why)


def exhaustive_laws(measured: Mapping[int, Figures], own_vectors: int, holds_from: int) -> dict[str, Law]:
    """a + b × vectors for every figure of ``measured``, fitted to sizes that don't fit into the cache.

    a is at most what the smallest size takes, or noise would tilt the line.
    """
    sizes, own = sorted(measured), measured[own_vectors]
    beyond, laws = [n for n in sizes if n >= holds_from], {}
    for name in TIMED:
        values = [measured[n][name] for n in beyond]
        fixed, per_vector = fitted([(1, n) for n in beyond], values, most_fixed=measured[sizes[0]][name])
        terms = {"one": fixed, "vectors": per_vector}
        laws[name] = law_of(terms, sizes, holds_from, own_vectors, own[name])
    return laws


def building_law(question: Question, filled: Searcher) -> Law:
    """Training by the vectors that it looks at, told by two builds: the corpus's own and the one of filler; filling."""
    builds = (question.setting.searcher, filled)
    learned = [min(searcher.documents, TRAINING_ROWS) for searcher in builds]
    fixed, trained = fitted([(1, n) for n in learned], [searcher.built.training_seconds for searcher in builds])
    filling = (filled.built.seconds - filled.built.training_seconds) / filled.documents
    terms = {"one": fixed, "trained": trained, "vectors": filling}
    return Law(terms, sizes=sorted(searcher.documents for searcher in builds))
