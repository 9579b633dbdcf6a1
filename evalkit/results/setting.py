"""What makes a point comparable with another, or different: one value for columns, keys, labels and differences."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from math import inf
from typing import Any

RETRIEVAL = "retrieval"
FAISS = "faiss"
NO_QUANTIZATION = "none"
WHOLE = "none"
FULL = "full"

Key = tuple[Any, ...]


@dataclass(frozen=True)
class Setting:
    """A cell of the grid, and what it was measured on.

    ``model_options`` are those that a kind of model has beside its weights (``b=0.75, k1=1.5``). ``dims`` is null where
    there are no vectors; ``quantization`` is then ``none``. ``operating_point`` says how one built index is searched
    (``efSearch=64``), ``stages`` what happens to a ranking afterwards, in order (``bm25+minilm(depth=50)``), ``filter``
    which documents are searched (``lang=de``); each is empty where there is nothing to say. ``top_k`` is how deep
    rankings go, ``serve_k`` how many results are served. ``corpus_size`` is ``full``, or how many documents a sample of
    the corpus has, ``distractors`` the corpus whose documents are among them beside its own.
    """

    task: str
    model: str
    revision: str
    model_options: str
    corpus: str
    corpus_fingerprint: str
    chunking: str
    dims: int | None
    quantization: str
    engine: str
    index: str
    operating_point: str
    stages: str
    top_k: int
    serve_k: int
    filter: str = ""
    corpus_size: str = FULL
    distractors: str = ""

    @property
    def key(self) -> Key:
        """What tells it from the other points of its run."""
        return key_of(self.columns())

    @property
    def label(self) -> str:
        return label_of(self.columns())

    @property
    def searched(self) -> tuple[str, str, str]:
        """Which documents of the corpus are searched: quality is compared with that among the same ones alone."""
        return self.filter, self.corpus_size, self.distractors

    def columns(self) -> dict[str, Any]:
        """One value per column of points.parquet."""
        return asdict(self)

    def differences(self, other: "Setting") -> dict[str, tuple[Any, Any]]:
        """Column → both values, of every column in which the two differ."""
        return differences(self.columns(), other.columns())


ABOUT: Mapping[str, str] = {
    "task": "what the embeddings are used for",
    "model": "the model's name",
    "revision": "its pinned revision, or a digest of its weights",
    "model_options": "options of its kind beside the weights (`b=0.75, k1=1.5`)",
    "corpus": "the corpus's name",
    "corpus_fingerprint": "sha256 of its documents, queries and judgments",
    "chunking": "how documents are split; `none` keeps them whole",
    "dims": "leading components that are kept; null where there are no vectors",
    "quantization": "how a vector is stored; `none` where there are no vectors",
    "engine": "the program that keeps and searches the vectors, or the texts",
    "index": "the index's key in the config",
    "operating_point": "how one built index is searched (`efSearch=64`); empty where there is nothing to choose",
    "stages": "what happens to a ranking afterwards, in order (`bm25+minilm(depth=50)`)",
    "top_k": "how deep rankings go",
    "serve_k": "how many results a user is given",
    "filter": "the documents that are searched (`lang=de`, `random<0.1`); empty for all",
    "corpus_size": "`full`, or how many documents a sample of the corpus has, all judged ones among them",
    "distractors": "the corpus whose documents enlarge this one, judged by nobody; empty for none",
}
COLUMNS = tuple(field.name for field in fields(Setting))
OF_DATA = ("filter", "corpus_size")
KEY = ("task", "corpus", "dims", "quantization", "engine", "index", "operating_point", *OF_DATA, "stages")


def differences(point: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Column of the setting → both values, of every column in which the rows of two points differ."""
    return {name: (point[name], other[name]) for name in COLUMNS if point[name] != other[name]}


def key_of(point: Mapping[str, Any]) -> Key:
    """The ``KEY`` of a point's row."""
    return tuple(point[name] for name in KEY)


def index_label(point: Mapping[str, Any]) -> str:
    """Where and how a point is searched, with its stages: ``hnsw(efSearch=64)+bm25``, behind an engine but FAISS."""
    names_engine = point["dims"] is not None and point["engine"] not in (FAISS, "")
    return f"{point['engine']} {search_label(point)}" if names_engine else search_label(point)


def search_label(point: Mapping[str, Any]) -> str:
    """The same whatever the engine: ``hnsw(efSearch=64)+bm25``."""
    operating_point = f"({point['operating_point']})" if point["operating_point"] else ""
    stages = f"+{point['stages']}" if point["stages"] else ""
    return f"{point['index']}{operating_point}{stages}"


def label_parts(point: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(part, text) of a point's label: corpus, dims and quantization where there are vectors, index, and filter.

    Where a task searches nothing, the task stands in the place of the index.
    """
    yield "corpus", str(point["corpus"])
    if point["dims"] is not None:
        yield "dims", str(point["dims"])
        yield "quantization", str(point["quantization"])
    yield "index", index_label(point) or str(point.get("task", ""))
    if point.get("filter"):
        yield "filter", str(point["filter"])
    if words := size_words(point):
        yield "size", words


def size_words(point: Mapping[str, Any]) -> str:
    """``1,000 documents``, or ``5,000 documents with scifact``; empty for the whole corpus."""
    size = point.get("corpus_size", FULL)
    if size == FULL:
        return ""
    added = f" with {point['distractors']}" if point.get("distractors") else ""
    return f"{int(size):,} documents{added}"


def size_number(size: str) -> float:
    """A ``corpus_size`` as settings are ranked by: the whole corpus before every number of documents."""
    return inf if size == FULL else int(size)


def label_of(point: Mapping[str, Any]) -> str:
    """``cranfield 256 int8 hnsw(efSearch=64)+bm25``."""
    return " ".join(text for _, text in label_parts(point))
