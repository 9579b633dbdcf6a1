"""What searching, building and keeping take among more vectors than the corpus has: measured at a few sizes, as laws.

Laws are fitted to sizes that don't fit into the processor's cache. The corpus's own size, which mostly does, bounds the
part that doesn't grow. Each kind of index has its own law: scans, lists and graphs.
"""

from evalkit.measures.laws import BUILD
from evalkit.scaling.graphs import graphs
from evalkit.scaling.kept import AtSize
from evalkit.scaling.larger import Kind
from evalkit.scaling.lists import lists
from evalkit.scaling.question import OVERLAP, TIMED, NoLawError, Question
from evalkit.scaling.scans import scans

__all__ = ["OVERLAP", "TIMED", "Question", "measure"]

MEASURE = {Kind.SCAN: scans, Kind.LISTS: lists, Kind.GRAPH: graphs}


def measure(question: Question) -> list[AtSize]:
    """One for each operating point of the question."""
    kind = question.setting.kind
    try:
        if kind is None:
            raise NoLawError("no law is known for how this index grows")
        return list(MEASURE[kind](question))
    except NoLawError as error:
        missing = dict.fromkeys((*TIMED, BUILD, OVERLAP), str(error))
        return [AtSize(why=missing) for _ in question.points]
