"""A corpus as a filter leaves it: judged by the documents that pass, for the queries that have an answer among them.

Where no query has one nothing can be judged; what comes back, and how quickly, can be measured with all queries.
"""

from collections.abc import Container
from dataclasses import dataclass, field, fields

from evalkit.corpora.corpus import Corpus
from evalkit.corpora.texts import Texts


@dataclass(frozen=True)
class NarrowedCorpus(Corpus):
    """All documents of ``whole``, whose fingerprint it has, with fewer judgments and queries."""

    whole: Corpus = field(kw_only=True)

    @property
    def is_judged(self) -> bool:
        return any(self.qrels.values())

    @property
    def fingerprint(self) -> str:
        return self.whole.fingerprint


def narrowed(corpus: Corpus, passing: Container[str]) -> NarrowedCorpus:
    """``corpus`` with the judgments of ``passing`` documents (ids) alone, and the queries of which one is relevant.

    With all queries and no judgments where there is none.
    """
    left = {
        query: {document: grade for document, grade in corpus.qrels[query].items() if document in passing}
        for query in corpus.queries.ids
    }
    qrels = {query: grades for query, grades in left.items() if any(grade > 0 for grade in grades.values())}
    qrels = qrels or {query: {} for query in left}
    rows = [corpus.queries.row[query] for query in qrels]
    queries = Texts(list(qrels), [corpus.queries.texts[row] for row in rows])
    kept = {each.name: getattr(corpus, each.name) for each in fields(Corpus)}
    return NarrowedCorpus(**{**kept, "queries": queries, "qrels": qrels}, whole=corpus)
