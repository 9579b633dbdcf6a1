"""The corpus type: what is searched, what is asked, and which answers people judged right."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from types import MappingProxyType
from typing import TYPE_CHECKING

from evalkit.corpora.clusters import cluster_queries
from evalkit.corpora.files.cells import whole_characters
from evalkit.corpora.ids import Ids
from evalkit.corpora.images import Image
from evalkit.corpora.lint import Finding, Noticed, lint
from evalkit.corpora.meeting import are_mostly, refuse_strangers
from evalkit.corpora.texts import TextFile, Texts
from evalkit.errors import UserError
from evalkit.system.digests import digest, unordered_digest

if TYPE_CHECKING:
    from evalkit.corpora.metadata import Metadata

Qrels = Mapping[str, Mapping[str, int]]
MOST_LISTED = 50_000  # ids


@dataclass(frozen=True)
class Corpus:
    """Documents, the judged queries, and qrels (query id → document id → grade) of one split.

    ``documents`` and ``queries`` are those with text; ``empty_documents`` are the ids of documents without: they are
    not encoded and never found. ``excluded`` maps a query id to the document id that is the query itself and must not
    be retrieved. ``clusters`` maps a query id to the name of the group of queries that depend on each other, and
    ``clustered_by`` says what made the groups; both are null where dependence isn't modelled. ``metadata`` is what its
    source says of documents beside their texts; null where it says nothing. No unfiltered score depends on these, so
    no fingerprint does.
    """

    name: str
    documents: Texts
    queries: Texts
    qrels: Qrels
    excluded: Mapping[str, str]
    findings: tuple[Finding, ...]
    clusters: Mapping[str, str] | None = None
    clustered_by: str | None = None
    empty_documents: tuple[str, ...] = ()
    metadata: "Metadata | None" = None

    @cached_property
    def fingerprints(self) -> dict[str, str]:
        """sha256 (hex) of documents, queries and judgments apart, so that it can be said which of them changed."""
        documents = chain(
            zip(self.documents.ids, self.documents.texts, strict=True), ((id_, "") for id_ in self.empty_documents)
        )
        queries = zip(self.queries.ids, self.queries.texts, strict=True)
        parts = {"documents": documents, "queries": queries, "judgments": self.judged()}
        return {name: unordered_digest(part) for name, part in parts.items()}

    def judged(self) -> Iterator[tuple[str, ...]]:
        """What people said of its texts, in any order: (query, document, grade)."""
        for query, grades in self.qrels.items():
            yield from ((query, document, str(grade)) for document, grade in grades.items())

    @property
    def fingerprint(self) -> str:
        """sha256 (hex) over ids, texts and judgments; the order of lines in the files does not matter."""
        return digest(self.fingerprints.values())

    @property
    def judgments(self) -> int:
        return sum(len(grades) for grades in self.qrels.values())


def document_text(title: str | None, text: str | None) -> str:
    """The text that is embedded: title and text with one space between, as BEIR and MTEB join them."""
    return f"{title or ''} {text or ''}".strip()


def build_corpus(
    name: str,
    documents: Iterable[tuple[str, str]],
    queries: Iterable[tuple[str, str]],
    qrels: Qrels,
    ignore_identical_ids: bool | None = None,
    cluster_keys: Mapping[str, str] = MappingProxyType({}),
    noticed: Noticed | None = None,
    metadata: "Metadata | None" = None,
) -> Corpus:
    """Assemble and lint a corpus from (id, text) pairs; of a repeated id the first text stays.

    Documents are read one by one and kept in a temporary file, so memory holds their ids and digests but not their
    texts.

    ``ignore_identical_ids`` true never lets a query find the document of its own id, false always does; null
    ignores it where that document also carries the query's text and is not judged relevant to it. ``cluster_keys``
    (query id → name) are the groups of dependent queries that the source knows. ``noticed`` is what its reader noticed,
    ``metadata`` where fields of documents are read.

    A document or query without text is left out, and half a character (a lone surrogate) becomes U+FFFD, each with a
    finding. Raises UserError for a corpus without documents, and where judgments meet no document or no query.
    """
    noticed = noticed or Noticed()
    all_documents, repeated_documents, empty_documents = first_of_each_id(clean(documents, noticed), TextFile)
    if not len(all_documents):
        problem = f"{len(empty_documents):,} documents, none with text" if empty_documents else "no documents"
        raise UserError(f"corpus '{name}' has {problem}.", "Look at its document file: is it empty?")
    query_side, repeated_queries, empty_queries = first_of_each_id(clean(queries, noticed), list)
    asked = dict(zip(query_side.ids, query_side.texts, strict=True))
    all_queries = {**asked, **dict.fromkeys(empty_queries, "")}
    judged = refuse_unmet(name, all_documents, empty_documents, all_queries, qrels)
    kept_qrels = {q: dict(qrels[q]) for q in asked if qrels.get(q)}
    if not kept_qrels:
        raise UserError(f"corpus '{name}': none of its {len(judged):,} judged queries has a text.")
    findings = lint(all_documents, all_queries, qrels, repeated_documents, repeated_queries, empty_documents, noticed)
    clusters, clustered_by = cluster_queries(kept_qrels, cluster_keys)
    texts = {q: asked[q] for q in kept_qrels}
    return Corpus(
        name=name,
        documents=all_documents,
        queries=Texts(list(texts), list(texts.values())),
        qrels=kept_qrels,
        excluded=identical_ids(all_documents, texts, kept_qrels, ignore_identical_ids),
        findings=tuple(findings),
        clusters=clusters,
        clustered_by=clustered_by,
        empty_documents=tuple(empty_documents),
        metadata=metadata,
    )


def clean(pairs: Iterable[tuple[str, str]], noticed: Noticed) -> Iterator[tuple[str, str]]:
    """The pairs with whole characters alone; notes whose text was mended."""
    for id_, text in pairs:
        whole = text if isinstance(text, Image) else whole_characters(text)
        if whole != text:
            noticed.replaced.append(id_)
        yield id_, whole


def refuse_unmet(
    name: str, documents: Texts, empty_documents: Sequence[str], queries: Mapping[str, str], qrels: Qrels
) -> list[str]:
    """The judged queries. Raises UserError where there is none, or no document that any of them is judged with."""
    judged_queries = [query for query, grades in qrels.items() if grades]
    if not judged_queries:
        raise UserError(f"corpus '{name}' has no judgments.", "Look at its file of judgments: is it empty?")
    if not queries:
        raise UserError(f"corpus '{name}' has no queries.", "Look at its file of queries: is it empty?")
    all_judged = dict.fromkeys(document for query in judged_queries for document in qrels[query])
    is_swapped = are_mostly(judged_queries, documents.row) and are_mostly(all_judged, queries)
    refuse_strangers(name, "queries", judged_queries, queries, is_swapped)
    judged = [query for query in judged_queries if query in queries]
    judged_documents = dict.fromkeys(document for query in judged for document in qrels[query])
    if not any(document in documents.row for document in judged_documents):
        known = {**documents.row, **dict.fromkeys(empty_documents)}
        refuse_strangers(name, "documents", judged_documents, known)
    return judged


def identical_ids(documents: Texts, queries: Mapping[str, str], qrels: Qrels, ignore: bool | None) -> dict[str, str]:
    """query id → the document that is the query itself, as ``build_corpus`` describes it."""
    if ignore is False:
        return {}
    return {
        query: query
        for query, text in queries.items()
        if (same_id := documents.text_of(query)) is not None
        and (ignore or (bool(text) and same_id.endswith(text) and qrels[query].get(query, 0) <= 0))
    }


def first_of_each_id(
    pairs: Iterable[tuple[str, str]], keep: Callable[[Iterable[str]], Sequence[str]]
) -> tuple[Texts, list[str], Sequence[str]]:
    """The first text of every id, kept by ``keep``; the ids that came again; and the ids whose text is empty."""
    ids, empty = Ids(), Ids()
    repeated: list[str] = []

    def first_texts() -> Iterator[str]:
        for id_, text in pairs:
            is_empty = not text.strip()
            others = ids if is_empty else empty
            if (len(others) and id_ in others) or not (empty if is_empty else ids).add(id_):
                repeated.append(id_)
            elif not is_empty:
                yield text

    texts = keep(first_texts())
    return Texts(as_list_if_few(ids), texts), repeated, as_list_if_few(empty)


def as_list_if_few(ids: Ids) -> Sequence[str]:
    """A list is quicker, and up to so many its memory is nothing beside what else a run needs."""
    return list(ids) if len(ids) <= MOST_LISTED else ids
