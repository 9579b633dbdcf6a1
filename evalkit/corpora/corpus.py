"""The corpus type: what is searched, what is asked, and which answers people judged right."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

from evalkit.corpora.clusters import cluster_queries
from evalkit.corpora.digests import digest, unordered_digest
from evalkit.corpora.lint import Finding, lint
from evalkit.corpora.texts import TextFile, Texts
from evalkit.errors import UserError

Qrels = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True)
class Corpus:
    """Documents, the judged queries, and qrels (query id → document id → grade) of one split.

    ``excluded`` maps a query id to the document id that is the query itself and must not be retrieved. ``clusters``
    maps a query id to the name of the group of queries that depend on each other, and ``clustered_by`` says what made
    the groups; both are null where dependence isn't modelled. No score depends on them, so no fingerprint does.
    """

    name: str
    documents: Texts
    queries: Texts
    qrels: Qrels
    excluded: Mapping[str, str]
    findings: tuple[Finding, ...]
    clusters: Mapping[str, str] | None = None
    clustered_by: str | None = None

    @cached_property
    def fingerprints(self) -> dict[str, str]:
        """sha256 (hex) of documents, queries and judgments apart, so that it can be said which of them changed."""
        documents = zip(self.documents.ids, self.documents.texts, strict=True)
        queries = zip(self.queries.ids, self.queries.texts, strict=True)
        judgments = (
            (query, document, str(grade)) for query, grades in self.qrels.items() for document, grade in grades.items()
        )
        parts = {"documents": documents, "queries": queries, "judgments": judgments}
        return {name: unordered_digest(part) for name, part in parts.items()}

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
) -> Corpus:
    """Assemble and lint a corpus from (id, text) pairs; of a repeated id the first text stays.

    Documents are read one by one and kept in a temporary file, so memory holds their ids but not their texts.

    ``ignore_identical_ids`` true never lets a query find the document of its own id, false always does; null
    ignores it where that document also carries the query's text and is not judged relevant to it. ``cluster_keys``
    (query id → name) are the groups of dependent queries that the source knows.
    Raises UserError for a corpus without documents or without any judged query.
    """
    all_documents, repeated_documents = first_of_each_id(documents, TextFile)
    query_side, repeated_queries = first_of_each_id(queries, list)
    all_queries = dict(zip(query_side.ids, query_side.texts, strict=True))
    if not len(all_documents):
        raise UserError(f"corpus '{name}' has no documents.", "Look at its document file: is it empty?")
    judged = {q: text for q, text in all_queries.items() if qrels.get(q)}
    if not judged:
        raise UserError(
            f"corpus '{name}' has no judged query: {len(all_queries)} queries, {len(qrels)} of them in the qrels.",
            "Do the query ids of qrels and queries agree? Is it the right split?",
        )
    kept_qrels = {q: dict(qrels[q]) for q in judged}
    findings = lint(all_documents, all_queries, qrels, repeated_documents, repeated_queries)
    clusters, clustered_by = cluster_queries(kept_qrels, cluster_keys)
    return Corpus(
        name=name,
        documents=all_documents,
        queries=Texts(list(judged), list(judged.values())),
        qrels=kept_qrels,
        excluded=identical_ids(all_documents, judged, kept_qrels, ignore_identical_ids),
        findings=tuple(findings),
        clusters=clusters,
        clustered_by=clustered_by,
    )


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
) -> tuple[Texts, list[str]]:
    """The first text of every id, kept by ``keep``, and the ids that came again."""
    ids: dict[str, None] = {}
    repeated: list[str] = []

    def first_texts() -> Iterator[str]:
        for id_, text in pairs:
            if id_ in ids:
                repeated.append(id_)
            else:
                ids[id_] = None
                yield text

    texts = keep(first_texts())
    return Texts(list(ids), texts), repeated
