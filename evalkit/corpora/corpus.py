"""The corpus type: what is searched, what is asked, and which answers people judged right."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from evalkit.corpora.lint import Finding, lint
from evalkit.errors import UserError

Qrels = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True)
class Texts:
    """The texts of one side, in the order of their vectors: ``ids[i]`` names ``texts[i]``."""

    ids: Sequence[str]
    texts: Sequence[str]

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def row(self) -> dict[str, int]:
        """id → row."""
        return {id_: i for i, id_ in enumerate(self.ids)}

    @cached_property
    def fingerprint(self) -> str:
        """sha256 (hex) over the texts in their order: what a stored matrix of vectors belongs to."""
        return digest(self.texts)


@dataclass(frozen=True)
class Corpus:
    """Documents, the judged queries, and qrels (query id → document id → grade) of one split.

    ``excluded`` maps a query id to the document id that is the query itself and must not be retrieved.
    """

    name: str
    documents: Texts
    queries: Texts
    qrels: Qrels
    excluded: Mapping[str, str]
    findings: tuple[Finding, ...]

    @cached_property
    def fingerprint(self) -> str:
        """sha256 (hex) over ids, texts and judgments; the order of lines in the files does not matter."""
        documents = sorted(digest(pair) for pair in zip(self.documents.ids, self.documents.texts, strict=True))
        queries = sorted(digest(pair) for pair in zip(self.queries.ids, self.queries.texts, strict=True))
        judgments = sorted(
            digest((query, document, str(grade)))
            for query, grades in self.qrels.items()
            for document, grade in grades.items()
        )
        return digest([digest(documents), digest(queries), digest(judgments)])

    @property
    def judgments(self) -> int:
        return sum(len(grades) for grades in self.qrels.values())


def digest(parts: Iterable[str]) -> str:
    """sha256 (hex) over strings, each with its length before it, so that no two lists read alike."""
    sha = hashlib.sha256()
    for part in parts:
        encoded = part.encode("utf-8", "surrogatepass")
        sha.update(len(encoded).to_bytes(8, "little"))
        sha.update(encoded)
    return sha.hexdigest()


def document_text(title: str | None, text: str | None) -> str:
    """The text that is embedded: title and text with one space between, as BEIR and MTEB join them."""
    return f"{title or ''} {text or ''}".strip()


def build_corpus(
    name: str,
    documents: Iterable[tuple[str, str]],
    queries: Iterable[tuple[str, str]],
    qrels: Qrels,
    ignore_identical_ids: bool | None = None,
) -> Corpus:
    """Assemble and lint a corpus from (id, text) pairs; of a repeated id the first text stays.

    ``ignore_identical_ids`` true never lets a query find the document of its own id, false always does; null
    ignores it where that document also carries the query's text and is not judged relevant to it.
    Raises UserError for a corpus without documents or without any judged query.
    """
    all_documents, repeated_documents = unique(documents)
    all_queries, repeated_queries = unique(queries)
    if not all_documents:
        raise UserError(f"corpus '{name}' has no documents.", "Look at its document file: is it empty?")
    judged = {q: text for q, text in all_queries.items() if qrels.get(q)}
    if not judged:
        raise UserError(
            f"corpus '{name}' has no judged query: {len(all_queries)} queries, {len(qrels)} of them in the qrels.",
            "Do the query ids of qrels and queries agree? Is it the right split?",
        )
    kept_qrels = {q: dict(qrels[q]) for q in judged}
    findings = lint(all_documents, all_queries, qrels, repeated_documents, repeated_queries)
    return Corpus(
        name=name,
        documents=Texts(list(all_documents), list(all_documents.values())),
        queries=Texts(list(judged), list(judged.values())),
        qrels=kept_qrels,
        excluded=identical_ids(all_documents, judged, kept_qrels, ignore_identical_ids),
        findings=tuple(findings),
    )


def identical_ids(
    documents: Mapping[str, str], queries: Mapping[str, str], qrels: Qrels, ignore: bool | None
) -> dict[str, str]:
    """query id → the document that is the query itself, as ``build_corpus`` describes it."""
    if ignore is False:
        return {}
    return {
        query: query
        for query, text in queries.items()
        if query in documents
        and (ignore or (bool(text) and documents[query].endswith(text) and qrels[query].get(query, 0) <= 0))
    }


def unique(pairs: Iterable[tuple[str, str]]) -> tuple[dict[str, str], list[str]]:
    """The first text of every id, and the ids that came again."""
    kept: dict[str, str] = {}
    repeated = []
    for id_, text in pairs:
        if id_ in kept:
            repeated.append(id_)
        else:
            kept[id_] = text
    return kept, repeated
