"""What a corpus of few judged questions can show, said before anything is encoded for it."""

from evalkit.corpora import Corpus
from evalkit.measures.enough_queries import FEW_QUERIES, TYPICAL_SPREAD, Resolution
from evalkit.results.in_words import about

WORTH_SHOWING, LARGEST = 0.02, 1.0  # in nDCG@10, the measure that TYPICAL_SPREAD is of


def what_few_can_show(corpus: Corpus) -> str:
    """A line for a corpus of fewer than ``FEW_QUERIES`` independent questions; empty for one that has enough.

    Questions that depend on each other count once, as they do in the tests of differences.
    """
    questions = len(corpus.queries)
    independent = questions if corpus.clusters is None else len({corpus.clusters[id_] for id_ in corpus.queries.ids})
    if independent >= FEW_QUERIES:
        return ""
    resolution = Resolution(independent, TYPICAL_SPREAD)
    smallest, needed = resolution.smallest_shown(), about(resolution.queries_for(WORTH_SHOWING))
    groups = "" if independent == questions else f" in {independent:,} groups that depend on each other"
    who = "it" if questions == 1 else "they"
    shows_any = smallest is not None and smallest <= LARGEST
    can = f"only differences above about {smallest:.2g}" if shows_any else "no difference at all"
    return (
        f"{corpus.name} has {questions:,} judged question{'s' * (questions != 1)}{groups}: {who} can show {can} "
        f"in nDCG@10; about {needed} would show {WORTH_SHOWING}"
    )
