"""The schemas of conf/corpus/, one per source: where documents, queries and judgments come from."""

from dataclasses import dataclass

from omegaconf import MISSING


@dataclass
class CorpusConfig:
    """What every source has: its name."""

    source: str = MISSING


@dataclass
class BeirCorpus(CorpusConfig):
    """A folder in the layout of the BEIR benchmark (Thakur et al. 2021); ``name`` null is the folder's."""

    source: str = "beir"
    path: str = MISSING
    name: str | None = None
    split: str = "test"
    ignore_identical_ids: bool | None = None


@dataclass
class MtebCorpus(CorpusConfig):
    """One split of one subset of an mteb retrieval task."""

    source: str = "mteb"
    task: str = MISSING
    name: str | None = None
    subset: str | None = None
    split: str = "test"
    ignore_identical_ids: bool | None = None


@dataclass
class PydocCorpus(CorpusConfig):
    """Docstrings of every function and class below ``root``; null is the standard library's source."""

    source: str = "pydoc"
    root: str | None = None


@dataclass
class TableCorpus(CorpusConfig):
    """Where documents, queries and qrels lie, and what their columns are called; or the files of another kind of task.

    Labels: ``train`` and ``test`` with the columns ``text`` and ``label``, and an ``id``. Pairs: the columns ``first``
    and ``second`` of the file ``pairs``, with a ``score`` or a ``label``. Baskets: the columns ``user`` and ``item`` of
    the file ``baskets``, whose items are ``documents``. Duplicates: the column ``group`` of ``documents``. Cache:
    ``text`` and ``answer`` of the file ``questions``. Without a header columns are numbers from 1.
    """

    source: str = "table"
    name: str | None = None
    documents: str | None = None
    queries: str | None = None
    qrels: str | None = None
    train: str | None = None
    test: str | None = None
    pairs: str | None = None
    baskets: str | None = None
    questions: str | None = None
    id: str | None = None
    text: str = "text"
    label: str | None = None
    first: str | None = None
    second: str | None = None
    score: str | None = None
    user: str | None = None
    item: str | None = None
    answer: str | None = None
    group: str | None = None
    document_id: str = "id"
    document_title: str | None = None
    document_text: str = "text"
    document_image: str | None = None
    query_id: str = "id"
    query_text: str = "text"
    query_cluster: str | None = None
    qrels_query: str = "query_id"
    qrels_document: str = "document_id"
    qrels_score: str | None = "score"
    ignore_identical_ids: bool | None = None


CORPUS_SOURCES: dict[str, type[CorpusConfig]] = {
    "beir": BeirCorpus,
    "mteb": MtebCorpus,
    "pydoc": PydocCorpus,
    "table": TableCorpus,
}
