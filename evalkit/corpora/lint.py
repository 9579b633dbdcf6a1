"""What is odd about a corpus, said before anyone trusts a figure that comes from it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from evalkit.corpora.meeting import LARGE_SHARE, likely_cause
from evalkit.corpora.texts import Texts, repeated_rows
from evalkit.errors import abridged

EXAMPLES, MOST_CHARACTERS = 3, 80  # of an id
HEADING = "heading:"  # ids of questions that new-corpus made of headings begin with it


@dataclass(frozen=True)
class Finding:
    """One oddity: ``count`` of ``total`` things, what it means, and the first few ids."""

    check: str
    count: int
    total: int
    message: str
    examples: tuple[str, ...]

    @property
    def share(self) -> float:
        return self.count / self.total if self.total else 0.0

    def __str__(self) -> str:
        shown = ", ".join(abridged(ascii(e) if e.isascii() else f"'{e}'", MOST_CHARACTERS) for e in self.examples)
        more = ", …" if self.count > len(self.examples) else ""
        ids = f" ({shown}{more})" if shown else ""
        return f"{self.count:,} of {self.total:,} {self.message}{ids}"


@dataclass(frozen=True)
class Noticed:
    """What was noticed while files were read: ids of rows that lie within a field of another, columns left unread,
    and the ids of texts in which half a character was replaced."""

    swallowed: list[str] = field(default_factory=list)
    ignored_columns: list[str] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)


def finding(check: str, ids: Iterable[str], total: int, message: str) -> Finding:
    ids = list(ids)
    return Finding(check, len(ids), total, message, tuple(ids[:EXAMPLES]))


def lint(
    documents: Texts,
    queries: Mapping[str, str],
    qrels: Mapping[str, Mapping[str, int]],
    repeated_documents: Sequence[str],
    repeated_queries: Sequence[str],
    empty_documents: Sequence[str] = (),
    noticed: Noticed = Noticed(),
) -> list[Finding]:
    """Every check on the raw corpus (queries: id → text; qrels: query id → document id → grade).

    ``documents`` are those with text, ``empty_documents`` the ids of those without. Only what was found is returned.
    """
    judged = [query for query in queries if qrels.get(query)]
    checks = [
        *of_documents(documents, repeated_documents, empty_documents),
        *of_queries(queries, judged, documents, qrels, repeated_queries),
        *of_judgments(documents, empty_documents, queries, qrels),
        *of_reading(noticed, len(documents) + len(queries)),
    ]
    return [check for check in checks if check.count]


def of_documents(documents: Texts, repeated_documents: Sequence[str], empty_documents: Sequence[str]) -> list[Finding]:
    total = len(documents) + len(empty_documents)
    return [
        finding(
            "empty_documents",
            empty_documents,
            total,
            "documents are empty; they are not encoded and never found",
        ),
        finding(
            "duplicate_documents",
            repeats(documents),
            total,
            "documents repeat the text of an earlier one; a judged one may lose to its unjudged copy",
        ),
        finding(
            "duplicate_document_ids",
            repeated_documents,
            total + len(repeated_documents),
            "documents carry an id that came before; the first text was kept",
        ),
    ]


def of_queries(
    queries: Mapping[str, str],
    judged: Sequence[str],
    documents: Texts,
    qrels: Mapping[str, Mapping[str, int]],
    repeated_queries: Sequence[str],
) -> list[Finding]:
    return [
        finding(
            "duplicate_query_ids",
            repeated_queries,
            len(queries) + len(repeated_queries),
            "queries carry an id that came before; the first text was kept",
        ),
        finding(
            "empty_queries",
            (q for q in judged if not queries[q].strip()),
            len(judged),
            "judged queries are empty; they are not encoded, and left out",
        ),
        finding(
            "queries_without_judgments",
            (q for q in queries if not qrels.get(q)),
            len(queries),
            "queries have no judgment in this split; they are left out",
        ),
        finding(
            "queries_without_relevant_documents",
            (q for q in judged if max(qrels[q].values()) <= 0),
            len(judged),
            "judged queries have no relevant document; they count as 0",
        ),
        finding(
            "known_items",
            (q for q in judged if q.startswith(HEADING)),
            len(judged),
            "judged queries are headings of their documents: known items, easier than what people ask",
        ),
        finding(
            "queries_equal_to_their_document",
            (q for q in judged if any(g > 0 and documents.text_of(d) == queries[q] for d, g in qrels[q].items())),
            len(judged),
            "judged queries have the very text of a relevant document; they are too easy",
        ),
    ]


def of_judgments(
    documents: Texts,
    empty_documents: Sequence[str],
    queries: Mapping[str, str],
    qrels: Mapping[str, Mapping[str, int]],
) -> list[Finding]:
    empty = set(empty_documents)
    judged = dict.fromkeys(d for grades in qrels.values() for d in grades)
    unknown_documents = [d for d in judged if d not in documents.row and d not in empty]
    unknown_queries = [q for q in qrels if q not in queries]
    return [
        finding(
            "judgments_of_unknown_documents",
            unknown_documents,
            len(judged),
            "judged documents are not in the corpus; they count as never found, as in trec_eval"
            + if_many(unknown_documents, len(judged), documents.row),
        ),
        finding(
            "judgments_of_unknown_queries",
            unknown_queries,
            len(qrels),
            "judged queries have no text; they are left out" + if_many(unknown_queries, len(qrels), queries),
        ),
    ]


def if_many(unknown: Sequence[str], total: int, known: Collection[str]) -> str:
    """Why a large share of the judged ids is unknown, if anything tells."""
    cause = likely_cause(unknown, known) if len(unknown) > LARGE_SHARE * total else None
    return f"; their ids seem to differ in {cause}" if cause else ""


def of_reading(noticed: Noticed, texts: int) -> list[Finding]:
    return [
        finding(
            "rows_within_a_field",
            noticed.swallowed,
            texts + len(noticed.swallowed),
            "rows seem to lie within a field of another: look for a stray quote before them",
        ),
        finding(
            "columns_not_read",
            noticed.ignored_columns,
            len(noticed.ignored_columns) + 3,
            "columns of the judgments are not read: none of query, document and grade",
        ),
        finding(
            "replaced_characters",
            noticed.replaced,
            texts,
            "texts hold half a character (a lone surrogate); it was replaced by U+FFFD",
        ),
    ]


def repeats(documents: Texts) -> list[str]:
    """The ids of documents whose text an earlier document has too."""
    return [documents.ids[row] for row in repeated_rows(documents.digests).tolist()]


def truncation(
    ids: Sequence[str], truncated: npt.ArrayLike, max_length: int, model: str, words: str = "documents are"
) -> list[Finding]:
    """The finding that ``model`` read only the first ``max_length`` tokens of some texts, if it did.

    ``truncated`` says of each of ``ids`` whether it was cut, ``words`` how sure that is of what.
    """
    cut = [ids[row] for row in np.flatnonzero(truncated).tolist()]
    message = f"{words} cut at the {max_length:,} tokens that {model} reads"
    return [finding("truncated_documents", cut, len(ids), message)] if cut else []


def changed_vectors(ids: Sequence[str], total: int, smallest_cosine: float, model: str, what: str) -> list[Finding]:
    """The finding that ``model``'s API gives other vectors for ``ids``, of ``total`` texts, than were stored, if any.

    ``what`` says what the texts are, ``smallest_cosine`` how far old and new vectors are from each other at most.
    """
    message = (
        f"{what} sent again have other vectors than in the store (lowest cosine {smallest_cosine:.5f}): "
        f"{model} changed, and figures are of the older model; prune the store or set another store.path"
    )
    return [finding("changed_vectors", ids, total, message)] if ids else []
